"""Delivery to one Alertmanager: open incidents are kept open there, ended ones are closed."""

from typing import Final

import structlog

from streams.notify.alertmanager import AlertWriter, Client
from streams.notify.incidents import Incident
from streams.notify.options import AlertmanagerOptions
from streams.notify.store import Alert, Store

PROBE_SECONDS: Final = 5.0
"""Interval of checks whether Alertmanager was restarted and lost its alerts."""
CLOSED_MS: Final = 900_000
"""Period after the first delivery of an alert's end in which a refresh sends it again, in milliseconds; as in Prometheus."""

log = structlog.get_logger(__name__)


class AlertmanagerDelivery:
    """A delivery (`streams.notify.delivery_thread.Delivery`) to an Alertmanager."""

    def __init__(self, name: str, options: AlertmanagerOptions, writer: AlertWriter) -> None:
        self.name = name
        self.sent = 0
        self._client = Client(options)
        self._writer = writer
        self._refresh_ms = round(options.refresh_seconds * 1000)
        self._show_ms = round(options.show_seconds * 1000)
        self._refresh_at = 0
        self._started_at = 0
        self._sent: dict[str, tuple[Incident, bool]] = {}
        """Key of an incident → the incident as sent last, and whether it was sent as closed."""

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def deliver(self, store: Store, now: int) -> float:
        """Send changed alerts, or all for a refresh or after a restart of Alertmanager. See `Delivery.deliver`."""
        started_at = self._client.started_at()
        whole = started_at != self._started_at or now >= self._refresh_at
        if whole:
            self._sent.clear()
        begun: list[Incident] = []
        ended: list[Incident] = []
        bodies, sent, next_at = [], {}, now + round(PROBE_SECONDS * 1000)
        for alert in store.alerts(self.name):
            incident, is_known = alert.incident, alert.closed_at is not None or alert.shown_by == started_at
            over_at = self._over_at(alert) if is_known else None
            is_over = over_at is not None and over_at <= now
            sent[incident.key] = incident, is_over
            if over_at is not None and not is_over:
                next_at = min(next_at, over_at)
            if self._sent.get(incident.key) == sent[incident.key]:
                continue
            if is_over:
                bodies.append(self._writer.ended(incident, over_at or now))
                ended += () if alert.closed_at else (incident,)
            else:
                bodies.append(self._writer.open(incident, now))
                begun += () if is_known else (incident,)
        self._post(bodies)
        if begun:
            store.mark_shown(self.name, begun, started_at, now)
            next_at = min(next_at, now + self._show_ms)
        if ended:
            store.mark_closed(self.name, ended, now)
        if whole:
            store.drop_closed(self.name, now - CLOSED_MS)
            self._refresh_at = now + self._refresh_ms
        self._sent, self._started_at = sent, started_at
        return (min(next_at, self._refresh_at) - now) / 1000

    def _over_at(self, alert: Alert) -> int | None:
        """Return the time of the end to send, at least `show_seconds` after the incident was shown; None while it is open."""
        ended_at = alert.incident.ended_at
        return None if ended_at is None else max(ended_at, (alert.shown_at or 0) + self._show_ms)

    def _post(self, bodies: list[dict[str, object]]) -> None:
        if not bodies:
            return
        refused = self._client.post(bodies)
        self.sent += len(bodies) - refused
        if refused:
            log.error("alerts_refused", receiver=self.name, count=refused)
