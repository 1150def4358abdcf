"""Prometheus collector of the business metrics, from the same snapshot as the board.

Counters and histograms export `counts` plus `corrected` of a `Figure`, a sum that never falls. Gauges named `today` are exact.
All expected dimensions have series with zeros from the start, because `increase()` does not count the event with which a series
begins. Before the first complete reading nothing is exported: a jump from zero to the counts of years would look like new events.
"""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from streams.web.metrics import (
    appointments,
    cases,
    contact_reasons,
    contacts,
    feedback,
    pipeline,
    post,
    queues,
    sla_targets,
    telephone,
)
from streams.web.metrics.families import gauge_family
from streams.web.metrics.measure import FigureRowsBuilder, Measure, MeasureCache, with_corrected
from streams.web.options import WebOptions
from streams.web.view import Snapshot


class FiguresCollector(Collector):
    """Exports snapshots of figures. It caches samples, so only one thread at a time may collect it."""

    def __init__(
        self, take_snapshot: Callable[[datetime], Snapshot], options: WebOptions, now: Callable[[], datetime]
    ) -> None:
        self._take_snapshot = take_snapshot
        self._options = options
        self._now = now
        self._rows = FigureRowsBuilder()
        self._measures: list[tuple[Measure[Any], MeasureCache]] = [
            (measure, MeasureCache())
            for measure in with_corrected(
                (
                    *contacts.measures(options),
                    *contact_reasons.measures(),
                    *queues.measures(options),
                    *telephone.measures(),
                    *cases.measures(),
                    *post.measures(),
                    *appointments.measures(),
                    *feedback.measures(options),
                    *sla_targets.measures(),
                )
            )
        ]

    def describe(self) -> list[Metric]:
        """Return nothing, so that registration does not collect."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics that have samples; nothing before the first complete reading."""
        started = time.perf_counter()
        snapshot = self._take_snapshot(self._now())
        if not snapshot.loaded:
            return
        known = dict.fromkeys([*self._options.known, *snapshot.totals])
        expected = dict.fromkeys(
            [
                *sla_targets.expected_dimensions(snapshot, known),
                *feedback.expected_dimensions(known),
                *queues.expected_dimensions(known),
                *telephone.expected_dimensions(known),
                *post.expected_dimensions(known),
                *contact_reasons.expected_dimensions(known, self._options.reasons),
                *known,
            ]
        )
        rows = self._rows.make(expected, snapshot.totals, snapshot.today, snapshot.feedback)
        yield from filter(_has_samples, (measure.collect(rows, cache) for measure, cache in self._measures))
        yield from filter(_has_samples, cases.collect(snapshot, self._options.time_zone, rows.cumulative))
        yield gauge_family(
            "contact_satisfaction_minimum_answers",
            "Minimum number of answers for the satisfaction measures.",
            (),
            {(): self._options.fewest_answers},
        )
        yield from filter(_has_samples, sla_targets.collect(snapshot, rows.cumulative))
        yield from filter(_has_samples, pipeline.collect(snapshot, self._options))
        seconds = time.perf_counter() - started
        yield gauge_family(
            "contact_collect_duration_seconds", "Time taken to collect these metrics.", (), {(): seconds}
        )


def _has_samples(metric: Metric) -> bool:
    return bool(metric.samples)
