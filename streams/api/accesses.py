"""What is measured of accesses: how many, how long they took, and who reads far more citizens than is usual."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streams.access.audit import Access

HOUR_SECONDS: Final = 3600
_BOUNDS: Final = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Accesses(Collector):
    """The metrics of one process. Nothing in them names a citizen, or who reads: the audit does."""

    def __init__(self, registry: CollectorRegistry, unusual_citizens_per_hour: int) -> None:
        self._most = unusual_citizens_per_hour
        self._read: dict[str, OrderedDict[str, float]] = {}
        """Name of a token → whom it read within the last hour, and when last; the longest ago first."""
        self._counted = Counter(
            "api_accesses",
            "Accesses to citizens' data, as the audit has them",
            ["role", "operation", "purpose", "result"],
            registry=registry,
        )
        self.unauthenticated: Final = Counter(
            "api_unauthenticated_requests", "Requests without a valid token", registry=registry
        )
        self.took: Final = Histogram(
            "api_request_seconds",
            "How long requests took, by route and status",
            ["route", "status"],
            buckets=_BOUNDS,
            registry=registry,
        )
        registry.register(self)

    def count(self, access: Access, now_seconds: float) -> None:
        """Count one that was recorded at `now_seconds` of a clock that never goes back."""
        self._counted.labels(access.role, access.operation, access.why, access.result).inc()
        if access.whose:
            self._read.setdefault(access.who, OrderedDict())[access.whose] = now_seconds
            self._read[access.who].move_to_end(access.whose)
            self._forget(now_seconds)
        self._now = now_seconds

    _now = 0.0

    def count_unusual(self) -> int:
        """Return how many tokens read more citizens within the hour before the last access than is usual."""
        return sum(len(read) > self._most for read in list(self._read.values()))

    def collect(self) -> Iterator[Metric]:
        """Yield the gauge."""
        yield GaugeMetricFamily(
            "api_unusual_readers",
            "Tokens that read more citizens within the last hour than api.unusual_citizens_per_hour",
            self.count_unusual(),
        )

    def _forget(self, now_seconds: float) -> None:
        for name, read in list(self._read.items()):
            while read and next(iter(read.values())) < now_seconds - HOUR_SECONDS:
                read.popitem(last=False)
            if not read:
                del self._read[name]
