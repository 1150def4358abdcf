"""Prometheus metrics of `accueil notify`."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric


class NotifyMetrics:
    """The metrics of one scrape, without samples at first."""

    def __init__(self) -> None:
        self.incidents_open = GaugeMetricFamily(
            "notify_incidents_open", "Open incidents: SLA targets that are missed or at risk", labels=["kind"]
        )
        self.incidents_unsent = CounterMetricFamily(
            "notify_incidents_unsent",
            "Incidents recorded but not sent: they had ended when they became known, or were older than max_age_hours",
            labels=["kind", "reason"],
        )
        self.following = GaugeMetricFamily("notify_following", "1 if the end of the topic is reached, otherwise 0")
        self.records = CounterMetricFamily("notify_records", "Records read")
        self.unreadable = CounterMetricFamily("notify_unreadable", "Records that are not SLA events")
        self.sent = CounterMetricFamily(
            "notify_sent", "Alerts and messages accepted by a receiver", labels=["receiver"]
        )
        self.failed = CounterMetricFamily("notify_failed", "Failed deliveries to a receiver", labels=["receiver"])
        self.waiting = GaugeMetricFamily(
            "notify_waiting", "Undelivered alerts and messages of a receiver", labels=["receiver"]
        )
        self.oldest_waiting_seconds = GaugeMetricFamily(
            "notify_oldest_waiting_seconds",
            "Age of the oldest undelivered message; 0 if none waits, and always for an Alertmanager",
            labels=["receiver"],
        )
        self.refused = GaugeMetricFamily(
            "notify_refused", "Messages that a receiver refused and that are set aside", labels=["receiver"]
        )
        self.disabled = GaugeMetricFamily(
            "notify_disabled", "1 if a receiver no longer exists, otherwise 0", labels=["receiver"]
        )

    def collect(self) -> Iterable[Metric]:
        """Return all metrics."""
        return vars(self).values()
