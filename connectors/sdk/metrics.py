"""Prometheus metrics of connectors. Labels are instance names and closed reasons, never values of records."""

from collections import Counter
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client import Counter as CounterMetric

from connectors.sdk.reconcile import Finding, ReconcileStats
from models.reasons import Reason


class Metrics:
    """The metrics of all connectors of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> CounterMetric:
            return CounterMetric(name, text, ["connector", *labels], registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(name, text, ["connector"], registry=registry)

        self.published = counter("connector_events_published_total", "Events that the broker acknowledged")
        self.read = counter("connector_records_read_total", "Records read from the source")
        self.ignored = counter("connector_records_ignored_total", "Records that concern no contact")
        self.errors = counter(
            "connector_errors_total", "Rejected records, and internal failures (internal_error)", "reason"
        )
        self.answers_rejected = counter(
            "connector_answers_rejected_total",
            "Rejected records that report an answer or its end: without them, calls look unanswered, or do not end",
        )
        self.rejects_dropped = counter(
            "connector_rejects_dropped_total",
            "Rejected records that were dropped from storage to make room for newer ones",
        )
        self.outages = counter(
            "connector_broker_outages_total", "Times the broker did not acknowledge and the connection was closed"
        )
        self.last_event = gauge(
            "connector_last_event_timestamp_seconds", "Time of the newest event that the broker acknowledged"
        )
        self.last_success = gauge(
            "connector_last_success_timestamp_seconds", "When the source was last read, even if nothing was new"
        )
        self.reconciled = counter(
            "connector_reconciled_total",
            "Differences between a source's messages and polling it: missing (polled, but never pushed), late (pushed after it, "
            "or a newer state, was known), duplicate (pushed again), corrected (polled with another state than pushed)",
            "finding",
        )
        self.compared = gauge("connector_compared_timestamp_seconds", "Time of the last complete poll of the source")
        self.requests = counter(
            "connector_requests_total",
            "HTTP requests to a source that receives messages, by status: 204 accepted, 401 wrong signature or time",
            "status",
        )
        self.spool_bytes = gauge("connector_spool_bytes", "Disk space used by events that wait for the broker")
        self.spool_records = gauge("connector_spool_records", "Events waiting on disk for the broker")
        self.spool_limit = gauge(
            "connector_spool_limit_bytes", "Limit of the disk space for events that wait for the broker"
        )


class Meter:
    """The metrics of one instance. Those without a status or finding exist from the start: Prometheus sees the first increase."""

    def __init__(self, metrics: Metrics, source: str) -> None:
        self.published = metrics.published.labels(source)
        self.read = metrics.read.labels(source)
        self.ignored = metrics.ignored.labels(source)
        self.errors = {reason: metrics.errors.labels(source, reason.value) for reason in Reason}
        self.answers_rejected = metrics.answers_rejected.labels(source)
        self.rejects_dropped = metrics.rejects_dropped.labels(source)
        self.outages = metrics.outages.labels(source)
        self.last_success = metrics.last_success.labels(source)
        self.spool_bytes = metrics.spool_bytes.labels(source)
        self.spool_records = metrics.spool_records.labels(source)
        self.spool_limit = metrics.spool_limit.labels(source)
        self._last_event = metrics.last_event.labels(source)
        self._newest = 0.0
        self._metrics, self._name = metrics, source
        self._shown = Counter[Finding]()
        self._answered = Counter[int]()

    def count_published(self, events: int, newest: float) -> None:
        """Count events that the broker acknowledged; `newest` is their latest time in seconds since 1970."""
        self.published.inc(events)
        if newest > self._newest:
            self._newest = newest
            self._last_event.set(newest)

    def update_response_counts(self, response_counts: Mapping[int, int]) -> None:
        """Add the responses since the last call.

        Call it also when the source is opened: the counts are then 0, which creates the series and restarts the comparison.
        """
        for status, count in response_counts.items():
            self._metrics.requests.labels(self._name, str(status)).inc(max(0, count - self._answered[status]))
            self._answered[status] = count

    def update_reconcile_stats(self, reconcile_stats: ReconcileStats | None) -> None:
        """Add the findings since the last call, in the first call all stored ones, and set the time of the last poll.

        Do nothing if the source is not polled.
        """
        if reconcile_stats is None:
            return
        for finding in Finding:
            count = reconcile_stats.counts.get(finding, 0)
            self._metrics.reconciled.labels(self._name, finding.value).inc(max(0, count - self._shown[finding]))
            self._shown[finding] = count
        if reconcile_stats.compared_at:
            self._metrics.compared.labels(self._name).set(reconcile_stats.compared_at)
