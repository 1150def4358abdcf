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

from streams.web.metrics import appointments, cases, contacts, feedback, pipeline, queues, sla_targets
from streams.web.metrics.measure import FigureRowsBuilder, Measure, MeasureCache, with_corrected
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
        self._rows = FigureRowsBuilder()
        self._measures: list[tuple[Measure[Any], MeasureCache]] = [
            (measure, MeasureCache())
            for measure in with_corrected(
                (
                    *contacts.measures(options),
                    *queues.measures(options),
                    *cases.measures(),
                    *appointments.measures(),
                    *feedback.measures(options),
                    *sla_targets.measures(),
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
            [
                *sla_targets.expected_dimensions(snapshot, known),
                *feedback.expected_dimensions(known),
                *queues.expected_dimensions(known),
                *known,
            ]
        )
        rows = self._rows.make(expected, snapshot.totals, snapshot.today, snapshot.feedback)
        yield from filter(_has_samples, (measure.collect(rows, kept) for measure, kept in self._measures))
        yield from filter(_has_samples, cases.collect(snapshot, self._options.time_zone, rows.cumulative))
        yield pipeline.unlabelled_gauge(*feedback.MINIMUM_ANSWERS, self._options.fewest_answers)
        yield from filter(_has_samples, sla_targets.collect(snapshot, rows.cumulative))
        yield from filter(_has_samples, pipeline.collect(snapshot, self._options))
        cost = time.perf_counter() - began
        yield pipeline.unlabelled_gauge("contact_collect_duration_seconds", "Cost of these metrics.", cost)


def _has_samples(metric: Metric) -> bool:
    return bool(metric.samples)
