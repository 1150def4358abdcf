"""Prometheus' text format, for thousands of series at each scrape.

prometheus-client checks and sorts the labels of each sample anew at each scrape, which takes three times as long as making the
metrics. Here what stands before a sample's number is written once, by its own writer, and remembered; and of `Samples`, a part
that is the same object as at the last scrape is not written again.
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
"""What all versions of Prometheus read. OpenMetrics would add exemplars, of which there are none."""
MAX_REMEMBERED: Final = 200_000
"""Limit of remembered series, several times those of a large organisation. Beyond it, all are forgotten, so that old ones go."""

_write_number: Final[Callable[[float], str]] = floatToGoString
_Series = tuple[str, ...]


class Exposition:
    """Writes all metrics of a registry as text; for one thread at a time or several."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._lock = threading.Lock()
        """Collectors keep things, too."""
        self._series: dict[_Series, str] = {}
        self._written: dict[int, tuple[list[Sample], str]] = {}
        """The parts of the last scrape's samples, by identity, and their lines."""
        self._heads: dict[tuple[str, str, str], str] = {}

    def write(self) -> bytes:
        """Return what `prometheus_client.generate_latest` would; one thread at a time does so."""
        with self._lock:
            return self._write_all()

    def _write_all(self) -> bytes:
        if len(self._series) > MAX_REMEMBERED:
            self._series = {}
        before, written, lines = self._written, {}, []
        for metric in self._registry.collect():
            lines.append(self._head(metric))
            samples = metric.samples
            if not isinstance(samples, Samples):
                lines.append(self._write(metric, samples))
                continue
            for part in samples.parts:
                # Since `before` holds it, no other can have its id.
                text = before.get(id(part)) or (part, self._write(metric, part))
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
        about = metric.name, metric.type, metric.documentation
        head = self._heads.get(about)
        if head is None:
            head = self._heads[about] = generate_latest(
                _One(Metric(metric.name, metric.documentation, metric.type))
            ).decode()
        return head


class _One(Collector):
    """One metric, for prometheus-client's own writer."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> list[Metric]:
        """Return it."""
        return [self._metric]


def _write_series(metric: Metric, sample: Sample) -> str:
    """Return a sample's line up to its number."""
    alone = Metric(metric.name, "", metric.type)
    alone.samples = [Sample(sample.name, sample.labels, 0)]
    line = generate_latest(_One(alone)).decode().splitlines()[-1]
    return line.removesuffix("0.0")
