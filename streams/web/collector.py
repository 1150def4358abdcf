"""The business metrics: the same snapshot as the board's, in Prometheus' words.

Counters and histograms export `counts + corrected`, which never falls. Gauges named `today` are exact. Every known queue is
there from the start, with zeros: `increase()` does not see the first event of a series that begins with it. Until the figures
were read once, nothing is there: zeros that jump to what was counted for years would be taken for events of now.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import accumulate
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from models.reasons import Reason
from streams.core.figures import (
    Dimensions,
    Figure,
    Formula,
    new_figure,
    service_level,
    within,
)
from streams.core.layouts import LAYOUTS, LEFT, QUEUES
from streams.web.board import flows_of
from streams.web.options import WebOptions
from streams.web.view import FiguresView, Snapshot

PLACE: Final = Dimensions._fields
HISTOGRAMS: Final = (
    ("contact_wait_seconds", "Waits of the answered.", "wait"),
    ("contact_abandon_wait_seconds", "Waits given up.", "abandon_wait"),
    ("contact_handle_seconds", "Time of agents with contacts.", "handle"),
)
TODAY: Final = ("received", "answered", "abandoned", "abandoned_short", "left", "transferred")
FACTS: Final = {"received" if name == "offered" else name: QUEUES.index[name] for name in QUEUES.facts}
"""The counts that count facts, the others measure them; under the names that people read."""
AGENT_STATES: Final = ("available", "on_contact", "paused")

_Family = type[CounterMetricFamily] | type[GaugeMetricFamily]
_Values = Mapping[tuple[str, ...], float]


class FiguresCollector(Collector):
    """Exports a `FiguresView`; register it in a registry of its own."""

    def __init__(self, view: FiguresView, options: WebOptions, now: Callable[[], datetime]) -> None:
        self._view = view
        self._options = options
        self._now = now
        self._target = options.target_seconds
        self._short = options.short_abandon_seconds

    def describe(self) -> list[Metric]:
        """Promise nothing, so that registering collects nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics as of now, or none before the figures were read; from any thread."""
        began = time.perf_counter()
        snapshot = self._view.snapshot(self._now())
        if not snapshot.loaded:
            return
        totals = {queue.dimensions: new_figure() for queue in self._options.queues} | {
            place: figure for place, figure in snapshot.totals.items() if LAYOUTS[place.channel] is QUEUES
        }
        yield from self._flows(_ever(totals))
        yield from self._stocks(totals)
        yield self._today(snapshot, totals)
        yield from _histograms(_ever(totals))
        yield from _pipeline(snapshot)
        yield _plain("contact_collect_duration_seconds", "Cost of these metrics.", time.perf_counter() - began)

    def _flows(self, ever: Mapping[Dimensions, Figure]) -> Iterator[Metric]:
        def counter(name: str, about: str, read: Callable[[Figure], _Values], *labels: str) -> Metric:
            return _per_place(CounterMetricFamily, name, about, ever, read, *labels)

        def count(name: str) -> Callable[[Figure], _Values]:
            return lambda figure: {(): figure.counts[QUEUES.index[name]]}

        level = f"of the service level at {self._target} s, by the named formula."
        yield counter(
            "contact_received",
            "Came to a queue, also if it turned them away: answered, abandoned, left otherwise, or still waiting.",
            count("offered"),
        )
        yield counter("contact_answered", "Taken by an agent.", count("answered"))
        yield counter("contact_transferred", "Handed on by an agent.", count("transferred"))
        yield counter(
            "contact_abandoned",
            f"Given up while waiting; short: within {self._short} s.",
            self._abandoned,
            "short",
        )
        yield counter(
            "contact_left_queue",
            "Left a queue neither answered nor given up, by reason, such as full, closed, diverted, timeout.",
            _left,
            "reason",
        )
        yield counter("contact_service_level_numerator", f"Numerator {level}", lambda f: self._level(f, 0), "formula")
        yield counter(
            "contact_service_level_denominator", f"Denominator {level}", lambda f: self._level(f, 1), "formula"
        )

    def _abandoned(self, figure: Figure) -> _Values:
        short = within(figure, "abandon_wait", self._short)
        return {("true",): short, ("false",): figure.counts[QUEUES.index["abandoned"]] - short}

    def _level(self, figure: Figure, part: int) -> _Values:
        return {
            (formula.value,): service_level(figure, self._target, self._short, formula)[part] for formula in Formula
        }

    def _stocks(self, totals: Mapping[Dimensions, Figure]) -> Iterator[Metric]:
        def gauge(name: str, about: str, read: Callable[[Figure], _Values], *labels: str) -> Metric:
            return _per_place(GaugeMetricFamily, name, about, totals, read, *labels)

        yield gauge(
            "contact_backlog_items", "Open now: waiting in a queue, or in progress with an agent.", _backlog, "state"
        )
        yield gauge(
            "contact_agents",
            "Agents now, in each queue that they serve, and once each under an empty queue.",
            _agents,
            "state",
        )
        yield gauge(
            "contact_oldest_item_timestamp_seconds",
            "When the one who waits longest came to the queue; absent if nobody waits.",
            _oldest,
        )
        yield gauge(
            "contact_sla_target_seconds",
            "Waits of at most so long are in time, for the service level.",
            lambda _: {("answer",): self._target},
            "policy",
        )
        yield _per_place(
            CounterMetricFamily,
            "contact_corrected",
            "Facts taken back, which counters still hold.",
            totals,
            _corrected,
            "fact",
        )

    def _today(self, snapshot: Snapshot, places: Iterable[Dimensions]) -> Metric:
        def read(figure: Figure) -> _Values:
            flows = flows_of(figure, self._options)
            return {(name,): getattr(flows, name) for name in TODAY}

        about = f"Exact counts since midnight ({self._options.time_zone.key})."
        today = {place: snapshot.today.get(place) or new_figure() for place in places}
        return _per_place(GaugeMetricFamily, "contact_today_items", about, today, read, "flow")


def _left(figure: Figure) -> _Values:
    return {(name.removeprefix("left_"),): figure.counts[QUEUES.index[name]] for name in LEFT}


def _backlog(figure: Figure) -> _Values:
    return {(state,): figure.stocks[QUEUES.stock_index[state]] for state in ("waiting", "in_progress")}


def _agents(figure: Figure) -> _Values:
    return {(state,): figure.stocks[QUEUES.stock_index[f"agents_{state}"]] for state in AGENT_STATES}


def _oldest(figure: Figure) -> _Values:
    return {} if figure.oldest_waiting_at is None else {(): figure.oldest_waiting_at / 1000}


def _corrected(figure: Figure) -> _Values:
    return {(fact,): figure.corrected.get(index, 0) for fact, index in FACTS.items()}


def _histograms(ever: Mapping[Dimensions, Figure]) -> Iterator[Metric]:
    for name, about, duration in HISTOGRAMS:
        family = HistogramMetricFamily(name, about, labels=PLACE)
        start, total = QUEUES.start(duration), QUEUES.index[f"{duration}_milliseconds"]
        texts = [*(f"{float(bound)}" for bound in QUEUES.durations[duration].bounds), "+Inf"]
        for place, figure in ever.items():
            cumulative = accumulate(figure.counts[start : start + len(texts)])
            family.add_metric(place, list(zip(texts, cumulative, strict=True)), figure.counts[total] / 1000)
        yield family


def _pipeline(snapshot: Snapshot) -> Iterator[Metric]:
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
    yield _labelled(
        GaugeMetricFamily,
        "contact_figures_timestamp_seconds",
        "Figures are as of then: earlier than now if no worker writes, if one that writes has not caught up yet,"
        " or while a connector reads an old log: then the time of its events, days or years ago.",
        "partition",
        as_of,
    )
    yield _labelled(
        GaugeMetricFamily, "contact_figures_written_timestamp_seconds", "A worker last wrote.", "partition", written
    )
    yield _labelled(GaugeMetricFamily, "contact_event_timestamp_seconds", "Latest event time.", "partition", event)
    yield _plain("pipeline_expected_partitions", "Partitions whose figures there must be.", len(snapshot.partitions))
    errors = CounterMetricFamily("contact_collect_errors", "How often a row of figures could not be read.")
    errors.add_metric([], snapshot.unreadable)
    yield errors


def _per_place(
    family: _Family,
    name: str,
    about: str,
    figures: Mapping[Dimensions, Figure],
    read: Callable[[Figure], _Values],
    *labels: str,
) -> Metric:
    metric = family(name, about, labels=(*PLACE, *labels))
    for place, figure in figures.items():
        for values, number in read(figure).items():
            metric.add_metric((*place, *values), number)
    return metric


def _labelled(family: _Family, name: str, about: str, label: str, numbers: Mapping[str, float]) -> Metric:
    metric = family(name, about, labels=(label,))
    for value, number in numbers.items():
        metric.add_metric((value,), number)
    return metric


def _plain(name: str, about: str, number: float) -> Metric:
    metric = GaugeMetricFamily(name, about)
    metric.add_metric((), number)
    return metric


def _ever(totals: Mapping[Dimensions, Figure]) -> dict[Dimensions, Figure]:
    """Return what was ever counted, taken back since or not: it never falls."""
    return {
        place: Figure(
            [number + figure.corrected.get(at, 0) for at, number in enumerate(figure.counts)], figure.stocks, {}
        )
        for place, figure in totals.items()
    }
