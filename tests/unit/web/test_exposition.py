"""Tests that the text output equals that of prometheus-client."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from streams.web import exposition
from streams.web.exposition import Exposition


class Changing(Collector):
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
    registry, changing = CollectorRegistry(), Changing()
    registry.register(changing)
    written = Exposition(registry)
    for number in (0, 1, 2.5, 17, 1e7, 1e20):
        changing.number = number
        assert written.write() == generate_latest(registry)


def test_deleted_series_leave_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposition, "MAX_CACHED_SERIES", 3)
    registry = CollectorRegistry()
    registry.register(Changing())
    written = Exposition(registry)
    first = written.write()
    known = written._series
    assert written.write() == first
    assert written._series is not known


class Alone(Collector):
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
    registry, alone = CollectorRegistry(), Alone()
    registry.register(alone)
    written = Exposition(registry)
    with ThreadPoolExecutor(4) as pool:
        texts = {*pool.map(lambda _: written.write(), range(8))}
    assert (len(texts), alone.most) == (1, 1)
