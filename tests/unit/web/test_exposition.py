"""Tests that the text output equals that of prometheus-client."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS
from streams.web import exposition
from streams.web.collector import FiguresCollector
from streams.web.exposition import Exposition
from tests.unit.web.exported_metrics import ExportedMetrics
from tests.unit.web.filled_board import DEFAULTS
from tests.unit.web.sla_policies import VERSIONED_POLICIES
from tests.web.rows import APPOINTMENT, DESK, FORM, MAIL, OPINION, ROADS, SOCIAL, Worker


class ChangingMetrics(Collector):
    """Metrics of each kind, with labels that need escaping and all forms of numbers."""

    def __init__(self) -> None:
        self.number = 0.0

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily("plain", 'Without "labels"\nor \\ anything.', value=self.number)
        counter = CounterMetricFamily("counted", "Counted.", labels=("queue", "channel"))
        for queue in ('a "b"', "a\\b", "a\nb", "é", ""):
            counter.add_metric((queue, "call"), self.number)
        yield counter
        histogram = HistogramMetricFamily("wait_seconds", "Waits.", labels=("queue",))
        histogram.add_metric(("a",), [("5.0", 1), ("+Inf", self.number)], 0.25)
        yield histogram
        info = InfoMetricFamily("build", "Which.", labels=())
        info.add_metric((), {"version": "1"})
        yield info
        gauge = GaugeMetricFamily("now", "Now.", labels=("zone", "area"))
        for number in (True, -1, 1e21, 1.5e-7, float("inf"), 1_773_140_000.5):
            gauge.add_metric((str(number), ""), number)
        yield gauge
        yield GaugeMetricFamily("nothing", "No samples.", labels=("a",))


def test_output_equals_that_of_the_client_at_each_scrape() -> None:
    registry, changing = CollectorRegistry(), ChangingMetrics()
    registry.register(changing)
    written = Exposition(registry)
    for number in (0, 1, 2.5, 17, 1e7, 1e20):
        changing.number = number
        assert written.write() == generate_latest(registry)


def test_deleted_series_leave_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposition, "MAX_CACHED_SERIES", 3)
    registry = CollectorRegistry()
    registry.register(ChangingMetrics())
    written = Exposition(registry)
    first = written.write()
    known = written._series
    assert written.write() == first
    assert written._series is not known


class SlowCollector(Collector):
    """A slow collector that detects concurrent collections."""

    def __init__(self) -> None:
        self.now = self.most = 0

    def collect(self) -> Iterator[Metric]:
        self.now += 1
        self.most = max(self.most, self.now)
        time.sleep(0.005)
        self.now -= 1
        yield GaugeMetricFamily("now", "Now.", value=1)


def test_concurrent_scrapes_run_one_after_the_other() -> None:
    registry, slow = CollectorRegistry(), SlowCollector()
    registry.register(slow)
    written = Exposition(registry)
    with ThreadPoolExecutor(4) as pool:
        texts = {*pool.map(lambda _: written.write(), range(8))}
    assert (len(texts), slow.most) == (1, 1)


EVENING = datetime(2026, 3, 10, 22, 30, tzinfo=UTC)
"""Half an hour before midnight in Paris."""
PLACES = (SOCIAL, ROADS, DESK, MAIL, FORM, APPOINTMENT, OPINION)


def lines(text: bytes) -> list[bytes]:
    return [line for line in text.splitlines() if not line.startswith(b"contact_collect_duration_seconds ")]


CHANGES = st.lists(
    st.tuples(
        st.sampled_from([(place, fact) for place in PLACES for fact in FIGURE_SCHEMAS[place.channel].facts]),
        st.integers(1, 3),
        st.booleans(),
        st.integers(0, 20),
    ),
    max_size=12,
)


@settings(max_examples=20, deadline=None)  # each example writes thousands of series at each step
@given(CHANGES)
def test_cached_scrape_equals_a_first_scrape(changes: list[tuple[tuple[Dimensions, str], int, bool, int]]) -> None:
    cached = ExportedMetrics(DEFAULTS, VERSIONED_POLICIES)
    cached.now = EVENING
    workers = [Worker(cached.view, partition) for partition in range(2)]
    exposition_ = Exposition(cached.registry)

    def check() -> None:
        first = CollectorRegistry()
        first.register(FiguresCollector(cached.view.snapshot, DEFAULTS, lambda: cached.now))
        assert lines(exposition_.write()) == lines(generate_latest(first))

    check()
    for (place, fact), amount, is_taken_back, minutes in changes:
        cached.now += timedelta(minutes=minutes)
        worker = workers[amount % 2]
        worker.count(place, cached.now, fact, amount=60 * amount)
        if is_taken_back:
            worker.correct(place, cached.now, fact)
        check()
