"""Prometheus metrics of accesses: number, duration and tokens that read unusually many citizens."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streams.access.audit_records import Access

HOUR_SECONDS: Final = 3600
_BOUNDS: Final = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class AccessMetrics(Collector):
    """Metrics of one process. They name neither citizens nor clients; the audit log does."""

    def __init__(
        self,
        registry: CollectorRegistry,
        unusual_citizens_per_hour: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._clock = unusual_citizens_per_hour, clock
        self._read: dict[str, OrderedDict[str, float]] = {}
        """Token's name → subjects of its recorded accesses within the last hour, also of refused ones, with the
        monotonic time of the last access in seconds, least recent first."""
        self._counted = Counter(
            "api_accesses",
            "Accesses to citizens' data, as recorded in the audit log",
            ["role", "operation", "purpose", "result"],
            registry=registry,
        )
        self.unauthenticated: Final = Counter(
            "api_unauthenticated_requests", "Requests under /v1/ without a valid token", registry=registry
        )
        self.took: Final = Histogram(
            "api_request_seconds",
            "Duration of requests under /v1/, by route and status",
            ["route", "status"],
            buckets=_BOUNDS,
            registry=registry,
        )
        registry.register(self)

    def count(self, access: Access) -> None:
        """Count a recorded access, and remember its subject, if any, for an hour, to detect unusual readers."""
        self._counted.labels(access.role, access.operation, access.why, access.result).inc()
        if access.subject_id:
            now = self._clock()
            read = self._read.setdefault(access.actor, OrderedDict())
            read[access.subject_id] = now
            read.move_to_end(access.subject_id)
            _forget(read, now - HOUR_SECONDS)  # bounds the memory also when the metrics are never scraped

    def collect(self) -> Iterator[Metric]:
        """Yield the gauge of unusual readers; forget accesses older than an hour."""
        until = self._clock() - HOUR_SECONDS
        for name, read in list(self._read.items()):
            _forget(read, until)
            if not read:
                del self._read[name]
        yield GaugeMetricFamily(
            "api_unusual_readers",
            "Tokens that read more citizens within the last hour than api.unusual_citizens_per_hour",
            sum(len(read) > self._most for read in self._read.values()),
        )


def _forget(read: OrderedDict[str, float], until: float) -> None:
    while read and next(iter(read.values())) < until:
        read.popitem(last=False)
