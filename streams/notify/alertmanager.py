"""Client of Alertmanager's API v2 (https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml).

Alertmanager keeps alerts in memory and ends them unless they are sent again. All open alerts are therefore sent repeatedly, as
Prometheus does. It sends no notification of an alert that had already ended, so such an alert is sent as open for `show_seconds`.
A restarted Alertmanager has lost all alerts.
"""

import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import httpx

from connectors.sdk.errors import ConnectorError
from connectors.sdk.retry_after import read_retry_after
from models.locale import _, translate
from models.timestamps import milliseconds, to_iso
from streams.notify.incidents import ChangeKind, Incident, IncidentKind
from streams.notify.options import AlertmanagerOptions, NotifyOptions
from streams.notify.store import Notice
from streams.notify.texts import TESTS, make_incident_formatter

TIMEOUT: Final = httpx.Timeout(10.0, connect=3.0)
OPEN_MS: Final = 300_000
"""Lifetime of an alert that is not sent again, in milliseconds."""
BATCH: Final = 200
NAMES: Final = {IncidentKind.BREACHED: "SlaBreached", IncidentKind.AT_RISK: "SlaAtRisk"}
LEVELS: Final = {IncidentKind.BREACHED: "critical", IncidentKind.AT_RISK: "warning"}

Body = dict[str, Any]
"""An alert as JSON."""


class UnavailableError(ConnectorError):
    """Alertmanager does not answer as expected. The alerts must be sent again."""

    def __init__(self, message: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class AlertWriter:
    """Convert incidents to alerts."""

    def __init__(self, options: NotifyOptions) -> None:
        self._links_of = options.settings.links_of
        self._fr, self._en = make_incident_formatter(options, "fr"), make_incident_formatter(options, "en")

    def open(self, incident: Incident, now: int) -> Body:
        """Return an open alert. Alertmanager ends it `OPEN_MS` after `now` (milliseconds since 1970) unless it is sent again."""
        return self._write(Notice(ChangeKind.STARTED, incident), now, now + OPEN_MS)

    def ended(self, incident: Incident, at: int) -> Body:
        """Return an alert that ended at `at` (milliseconds since 1970), at the earliest at its start."""
        return self._write(Notice(ChangeKind.ENDED, incident), at, max(at, incident.starts_at))

    def _write(self, notice: Notice, now: int, ends_at: int) -> Body:
        incident = notice.incident
        links = self._links_of(incident)
        annotations = {
            "summary": self._fr.summarise(incident),
            "description": self._fr.explain(notice, now),
            "summary_en": self._en.summarise(incident),
            "description_en": self._en.explain(notice, now),
            "service": self._fr.service(incident),
            "service_en": self._en.service(incident),
            "since": to_iso(incident.since) if incident.since else "",
            "deadline": to_iso(incident.deadline_at),
            **links,
        }
        return {
            "labels": labels(incident),
            "annotations": {name: text for name, text in annotations.items() if text},
            "startsAt": to_iso(incident.starts_at),
            "endsAt": to_iso(ends_at),
            **({"generatorURL": links["dashboard_url"]} if "dashboard_url" in links else {}),
        }


def labels(incident: Incident) -> dict[str, str]:
    """Return the labels that identify an alert, without empty ones. They do not change from its beginning to its end."""
    found = {
        "alertname": NAMES[incident.kind],
        "severity": LEVELS[incident.kind],
        "category": "sla",
        "channel": incident.channel,
        "service": incident.service,
        "site": incident.site,
        "queue": incident.queue,
        "policy": incident.policy,
        "clock": incident.clock,
        "contact": incident.contact,
        "stay": str(incident.number or ""),
        "late": "true" if incident.late else "",
    }
    return {name: value for name, value in found.items() if value}


def make_test_alert(now: int) -> Body:
    """Return a test alert, which ends a minute after `now` (milliseconds since 1970)."""
    return {
        "labels": {"alertname": "AccueilTest", "severity": "info", "category": "test"},
        "annotations": {"summary": translate(TESTS, "fr"), "summary_en": translate(TESTS, "en")},
        "startsAt": to_iso(now),
        "endsAt": to_iso(now + 60_000),
    }


class Client:
    """Client of one Alertmanager. For one thread."""

    def __init__(self, options: AlertmanagerOptions) -> None:
        self._url = options.url.rstrip("/")
        self._name = httpx.URL(options.url).netloc.decode()
        headers: Mapping[str, str] = {}
        if options.token is not None:
            headers = {"Authorization": f"Bearer {options.token.get_secret_value()}"}
        self._client = httpx.Client(timeout=TIMEOUT, verify=ssl.create_default_context(), headers=headers)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def started_at(self) -> int:
        """Return the start time of Alertmanager, in milliseconds since 1970; a new one means that it lost all alerts.

        Raises `UnavailableError`.
        """
        answer = self._ask("GET", "/api/v2/status")
        try:
            return milliseconds(datetime.fromisoformat(answer.json()["uptime"]))
        except (ValueError, KeyError, TypeError):
            raise UnavailableError(_("{name} is not an Alertmanager", name=self._name)) from None

    def post(self, alerts: Sequence[Body]) -> int:
        """Send `alerts`; return the number refused as invalid. Before an `UnavailableError`, some may be accepted."""
        return sum(self._post(alerts[start : start + BATCH]) for start in range(0, len(alerts), BATCH))

    def _post(self, alerts: Sequence[Body]) -> int:
        answer = self._ask("POST", "/api/v2/alerts", alerts)
        if answer.status_code != httpx.codes.BAD_REQUEST:
            return 0
        if len(alerts) == 1:
            return 1
        middle = len(alerts) // 2  # one invalid alert must not block the others
        return self._post(alerts[:middle]) + self._post(alerts[middle:])

    def _ask(self, method: str, path: str, content: object = None) -> httpx.Response:
        try:
            answer = self._client.request(method, self._url + path, json=content)
        except httpx.HTTPError:
            raise UnavailableError(_("{name} does not answer", name=self._name)) from None
        if not answer.is_success and (method == "GET" or answer.status_code != httpx.codes.BAD_REQUEST):
            raise UnavailableError(
                _("{name} refuses alerts at present ({status_code})", name=self._name, status_code=answer.status_code),
                read_retry_after(answer.headers),
            )
        return answer
