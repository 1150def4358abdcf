"""Metrics of the pipeline: progress of the figures, dead letters, and times without arrivals that are still normal."""

from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from platform import python_version
from typing import Final

from prometheus_client.core import InfoMetricFamily, Metric

from models.reasons import Reason
from streams.core.figures.figure_schemas import CONTACT_CHANNELS, FIGURE_SCHEMAS
from streams.web.metrics.families import counter_family, gauge_family
from streams.web.options import WebOptions
from streams.web.view import Snapshot

BUILD: Final = InfoMetricFamily("contact_pipeline_build", "Running versions of Accueil and Python.")
BUILD.add_metric((), {"version": version("accueil"), "python": python_version()})


def collect(snapshot: Snapshot, options: WebOptions) -> Iterator[Metric]:
    """Yield the metrics of the pipeline."""
    parts = snapshot.progress
    dead = Counter({(reason.value,): 0 for reason in Reason})
    for part in parts.values():
        dead.update({(reason,): number for reason, number in part.dead_letters.items()})
    results = {
        ("ok",): sum(part.events for part in parts.values()),
        ("duplicate",): sum(part.duplicates for part in parts.values()),
        ("dead",): dead.total(),
    }
    yield counter_family("pipeline_events_processed", "Events by result.", ("result",), results)
    yield counter_family("pipeline_dead_letters", "Records that could not be used.", ("reason",), dead)
    yield gauge_family(
        "contact_figures_timestamp_seconds",
        "Time up to which the figures are complete. It lags behind if no worker writes, if a worker is catching up,"
        " or while a connector reads an old log: it is then the time of the old events.",
        ("partition",),
        _to_seconds({number: part.step_at for number, part in parts.items()}),
    )
    yield gauge_family(
        "contact_figures_written_timestamp_seconds",
        "Time of the last write of a worker.",
        ("partition",),
        _to_seconds(snapshot.written_at),
    )
    yield gauge_family(
        "contact_event_timestamp_seconds",
        "Time of the latest event.",
        ("partition",),
        _to_seconds({number: part.event_at for number, part in parts.items() if part.event_at}),
    )
    yield gauge_family(
        "contact_history_timestamp_seconds",
        "Channels whose history is being read: time up to which it is read. Their figures lack all later events."
        " Other channels have no series.",
        ("channel",),
        _to_seconds(snapshot.history),
    )
    partitions = len(snapshot.partitions)
    yield gauge_family("pipeline_expected_partitions", "Partitions that must have figures.", (), {(): partitions})
    yield gauge_family(
        "contact_expected_gap_seconds",
        "Time without arrivals after which the source of an open site may have stopped."
        " Other channels have no series: hours without a letter are normal.",
        ("channel",),
        {
            (channel,): gap
            for channel in FIGURE_SCHEMAS
            if channel in CONTACT_CHANNELS and (gap := options.quiet_after(channel))
        },
    )
    yield BUILD
    yield counter_family(
        "contact_collect_errors", "Failed attempts to decode a row of figures.", (), {(): snapshot.unreadable}
    )


def _to_seconds(milliseconds: Mapping[int, int] | Mapping[str, int]) -> dict[tuple[str], float]:
    return {(str(key),): at / 1000 for key, at in milliseconds.items()}
