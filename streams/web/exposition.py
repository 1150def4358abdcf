"""Prometheus text format, cached for thousands of series.

prometheus-client validates and sorts the labels of each sample at each scrape, which takes three times as long as collecting
the metrics. This module lets it write each line once, and caches the text before the number. A part of `Samples` that is the
same object as at the last scrape is not written again.
"""

import threading
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

from streams.web.metrics.measure import Samples

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Format that all versions of Prometheus read. OpenMetrics would only add exemplars, which Accueil does not use."""
MAX_CACHED_SERIES: Final = 200_000
"""Limit of cached series, several times the number of a large organisation. Beyond it, the cache is emptied."""

_write_number: Final[Callable[[float], str]] = floatToGoString
_Series = tuple[str, ...]


class Exposition:
    """Writes all metrics of a registry as text; thread-safe."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._lock = threading.Lock()
        """Also protects the collectors, which cache samples."""
        self._series: dict[_Series, str] = {}
        """Name of the sample and values of its labels → text of its line up to the number."""
        self._written: dict[int, tuple[list[Sample], str]] = {}
        """Parts of the last scrape's samples by `id()`, each with its lines."""
        self._heads: dict[tuple[str, str, str], str] = {}

    def write(self) -> bytes:
        """Collect the registry; return the same text as `prometheus_client.generate_latest`."""
        with self._lock:
            return self._write_all()

    def _write_all(self) -> bytes:
        if len(self._series) > MAX_CACHED_SERIES:
            self._series = {}
        previous, written, lines = self._written, {}, []
        for metric in self._registry.collect():
            lines.append(self._head(metric))
            samples = metric.samples
            if not isinstance(samples, Samples):
                lines.append(self._write(metric, samples))
                continue
            for part in samples.parts:
                # `previous` keeps the part alive, so no other object can have its id.
                text = previous.get(id(part)) or (part, self._write(metric, part))
                written[id(part)] = text
                lines.append(text[1])
        self._written = written
        return "".join(lines).encode()

    def _write(self, metric: Metric, samples: list[Sample]) -> str:
        return "".join([self._write_line(metric, sample) for sample in samples])

    def _write_line(self, metric: Metric, sample: Sample) -> str:
        series = (sample.name, *sample.labels.values())
        text = self._series.get(series)
        if text is None:
            text = self._series[series] = _write_series(metric, sample)
        return f"{text}{_write_number(sample.value)}\n"

    def _head(self, metric: Metric) -> str:
        key = metric.name, metric.type, metric.documentation
        head = self._heads.get(key)
        if head is None:
            head = self._heads[key] = generate_latest(
                _SingleMetric(Metric(metric.name, metric.documentation, metric.type))
            ).decode()
        return head


class _SingleMetric(Collector):
    """Collector of one metric, for the writer of prometheus-client."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> list[Metric]:
        return [self._metric]


def _write_series(metric: Metric, sample: Sample) -> str:
    alone = Metric(metric.name, "", metric.type)
    alone.samples = [Sample(sample.name, sample.labels, 0)]
    line = generate_latest(_SingleMetric(alone)).decode().splitlines()[-1]
    return line.removesuffix("0.0")
