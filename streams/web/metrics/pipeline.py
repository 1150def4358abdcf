"""Metrics of the pipeline: progress of the figures, dead letters, and times without arrivals that are still normal."""

from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from platform import python_version
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from models.reasons import Reason
from streams.core.figures.figure_schemas import CONTACT_CHANNELS, FIGURE_SCHEMAS
from streams.web.options import WebOptions
from streams.web.view import Snapshot

_HISTORY: Final = (
    "Channels whose history is being read: time up to which it is read. Their figures lack all later events."
    " Other channels have no series."
)
_Family = type[CounterMetricFamily] | type[GaugeMetricFamily]
_AS_OF: Final = (
    "Time up to which the figures are complete. It lags behind if no worker writes, if a worker is catching up,"
    " or while a connector reads an old log: it is then the time of the old events."
)
_GAP: Final = (
    "Time without arrivals after which the source of an open site may have stopped."
    " Other channels have no series: hours without a letter are normal."
)
BUILD: Final = InfoMetricFamily("contact_pipeline_build", "Running versions of Accueil and Python.")
BUILD.add_metric((), {"version": version("accueil"), "python": python_version()})


def collect(snapshot: Snapshot, options: WebOptions) -> Iterator[Metric]:
    """Yield the metrics of the pipeline."""
    parts = snapshot.progress
    dead = Counter({reason.value: 0 for reason in Reason})
    for part in parts.values():
        dead.update(part.dead_letters)
    results = {
        "ok": sum(part.events for part in parts.values()),
        "duplicate": sum(part.duplicates for part in parts.values()),
        "dead": dead.total(),
    }
    written = {str(number): at / 1000 for number, at in snapshot.written_at.items()}
    as_of = {str(number): part.step_at / 1000 for number, part in parts.items()}
    event = {str(number): part.event_at / 1000 for number, part in parts.items() if part.event_at}
    yield _labelled(CounterMetricFamily, "pipeline_events_processed", "Events by result.", "result", results)
    yield _labelled(CounterMetricFamily, "pipeline_dead_letters", "Records that could not be used.", "reason", dead)
    yield _labelled(GaugeMetricFamily, "contact_figures_timestamp_seconds", _AS_OF, "partition", as_of)
    yield _labelled(
        GaugeMetricFamily,
        "contact_figures_written_timestamp_seconds",
        "Time of the last write of a worker.",
        "partition",
        written,
    )
    yield _labelled(
        GaugeMetricFamily, "contact_event_timestamp_seconds", "Time of the latest event.", "partition", event
    )
    history = {channel: at / 1000 for channel, at in snapshot.history.items()}
    yield _labelled(GaugeMetricFamily, "contact_history_timestamp_seconds", _HISTORY, "channel", history)
    yield unlabelled_gauge(
        "pipeline_expected_partitions", "Partitions that must have figures.", len(snapshot.partitions)
    )
    gaps = {
        channel: gap
        for channel in FIGURE_SCHEMAS
        if channel in CONTACT_CHANNELS and (gap := options.quiet_after(channel))
    }
    yield _labelled(GaugeMetricFamily, "contact_expected_gap_seconds", _GAP, "channel", gaps)
    yield BUILD
    errors = CounterMetricFamily("contact_collect_errors", "Failed attempts to decode a row of figures.")
    errors.add_metric([], snapshot.unreadable)
    yield errors


def unlabelled_gauge(name: str, about: str, number: float) -> Metric:
    """Return a gauge without labels."""
    metric = GaugeMetricFamily(name, about)
    metric.add_metric((), number)
    return metric


def _labelled(family: _Family, name: str, about: str, label: str, numbers: Mapping[str, float]) -> Metric:
    metric = family(name, about, labels=(label,))
    for value, number in numbers.items():
        metric.add_metric((value,), number)
    return metric
