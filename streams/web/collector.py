"""The business metrics: the same snapshot as the board's, in Prometheus' words.

Counters and histograms export `counts + corrected`, which never falls. Gauges named `today` are exact. Every known place is
there from the start, with zeros: `increase()` does not see the first event of a series that begins with it. Until the figures
were read once, nothing is there: zeros that jump to what was counted for years would be taken for events of now.
"""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Protocol

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from streams.web.metrics import appointments, contacts, matters, opinions, pipeline, promises, queues
from streams.web.metrics.measure import Kept, Measure, RowsMaker, with_twins
from streams.web.options import WebOptions
from streams.web.view import Snapshot


class View(Protocol):
    """What figures are asked of; `FiguresView` says more."""

    def snapshot(self, now: datetime) -> Snapshot:
        """Return all figures as of `now`."""


class FiguresCollector(Collector):
    """Exports a `FiguresView`; register it in a registry of its own."""

    def __init__(self, view: View, options: WebOptions, now: Callable[[], datetime]) -> None:
        self._view = view
        self._options = options
        self._now = now
        self._rows = RowsMaker()
        self._measures: list[tuple[Measure[Any], Kept]] = [
            (measure, Kept())
            for measure in with_twins(
                (
                    *contacts.measures(options),
                    *queues.measures(options),
                    *matters.measures(),
                    *appointments.measures(),
                    *opinions.measures(options),
                    *promises.measures(),
                )
            )
        ]

    def describe(self) -> list[Metric]:
        """Promise nothing, so that registering collects nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics as of now that have samples, or none before the figures were read; from any thread."""
        began = time.perf_counter()
        snapshot = self._view.snapshot(self._now())
        if not snapshot.loaded:
            return
        known = dict.fromkeys([*self._options.known, *snapshot.totals])
        expected = dict.fromkeys(
            [*promises.expect(snapshot, known), *opinions.expect(known), *queues.expect(known), *known]
        )
        rows = self._rows.make(expected, snapshot.totals, snapshot.today, snapshot.opinions)
        yield from filter(_has_samples, (measure.collect(rows, kept) for measure, kept in self._measures))
        yield from filter(_has_samples, matters.collect(snapshot, self._options.time_zone, rows.ever))
        yield pipeline.plain(*opinions.MINIMUM, self._options.fewest_answers)
        yield from filter(_has_samples, promises.collect(snapshot, rows.ever))
        yield from filter(_has_samples, pipeline.collect(snapshot, self._options))
        cost = time.perf_counter() - began
        yield pipeline.plain("contact_collect_duration_seconds", "Cost of these metrics.", cost)


def _has_samples(metric: Metric) -> bool:
    return bool(metric.samples)
