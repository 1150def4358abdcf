"""Alertmanager's API v2 (https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml).

Alertmanager keeps alerts in memory. So it is told all that is open again and again, as Prometheus does: what it is not told again
ends by itself. What it learns of only once that is over it tells nobody, and so is open for it a while, `show_seconds`. After a
start of its own it has forgotten what it knew.
"""

import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import httpx

from connectors.sdk.errors import ConnectorError
from connectors.sdk.i18n import say
from connectors.sdk.retry_after import read_retry_after
from models.timestamps import milliseconds, to_iso
from streams.notify.incidents import ChangeKind, Incident, IncidentKind
from streams.notify.links import Links
from streams.notify.options import AlertmanagerOptions, NotifyOptions
from streams.notify.store import Notice
from streams.notify.texts import TESTS, make_incident_formatter

TIMEOUT: Final = httpx.Timeout(10.0, connect=3.0)
OPEN_MS: Final = 300_000
"""An alert that is not told again ends after this long."""
BATCH: Final = 200
NAMES: Final = {IncidentKind.BREACHED: "SlaBreached", IncidentKind.AT_RISK: "SlaAtRisk"}
LEVELS: Final = {IncidentKind.BREACHED: "critical", IncidentKind.AT_RISK: "warning"}

Body = dict[str, Any]
"""An alert, as JSON has it."""


class AwayError(ConnectorError):
    """It does not answer, or not as it should; the text says so for people. Tell it again."""

    def __init__(self, words: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(words)
        self.retry_after_seconds = retry_after_seconds


class AlertWriter:
    """Writes incidents as alerts."""

    def __init__(self, options: NotifyOptions) -> None:
        self._links = Links(options.dashboard_url, options.runbook_url)
        self._fr, self._en = make_incident_formatter(options, "fr"), make_incident_formatter(options, "en")

    def open(self, incident: Incident, now: int) -> Body:
        """Return an alert that lasts until it is told again or forgotten."""
        return self._write(Notice(ChangeKind.STARTED, incident), now, now + OPEN_MS)

    def ended(self, incident: Incident, at: int) -> Body:
        """Return an alert that ended `at`."""
        return self._write(Notice(ChangeKind.ENDED, incident), at, max(at, incident.starts_at))

    def _write(self, notice: Notice, now: int, ends_at: int) -> Body:
        incident = notice.incident
        links = self._links.of(incident)
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
    """Return what tells an alert from all others: the same from its beginning to its end."""
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
    """Return an alert that is none, and is over in a minute."""
    return {
        "labels": {"alertname": "AccueilTest", "severity": "info", "category": "test"},
        "annotations": {"summary": TESTS["fr"], "summary_en": TESTS["en"]},
        "startsAt": to_iso(now),
        "endsAt": to_iso(now + 60_000),
    }


class Client:
    """One Alertmanager. Call it from one thread."""

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
        """Return since when it runs: another time than before, and it has forgotten all alerts. Raises `AwayError`."""
        answer = self._ask("GET", "/api/v2/status")
        try:
            return milliseconds(datetime.fromisoformat(answer.json()["uptime"]))
        except (ValueError, KeyError, TypeError):
            raise AwayError(
                say(f"{self._name} is no Alertmanager", f"{self._name} n'est pas un Alertmanager")
            ) from None

    def post(self, alerts: Sequence[Body]) -> int:
        """Tell it of `alerts`; return how many of them it would never have. Raises `AwayError`."""
        return sum(self._post(alerts[start : start + BATCH]) for start in range(0, len(alerts), BATCH))

    def _post(self, alerts: Sequence[Body]) -> int:
        answer = self._ask("POST", "/api/v2/alerts", alerts)
        if answer.status_code != httpx.codes.BAD_REQUEST:
            return 0
        if len(alerts) == 1:
            return 1
        middle = len(alerts) // 2  # one of them is wrong: the others must not wait for it
        return self._post(alerts[:middle]) + self._post(alerts[middle:])

    def _ask(self, method: str, path: str, content: object = None) -> httpx.Response:
        try:
            answer = self._client.request(method, self._url + path, json=content)
        except httpx.HTTPError:
            raise AwayError(say(f"{self._name} does not answer", f"{self._name} ne répond pas")) from None
        if not answer.is_success and (method == "GET" or answer.status_code != httpx.codes.BAD_REQUEST):
            raise AwayError(
                say(
                    f"{self._name} takes nothing now ({answer.status_code})",
                    f"{self._name} ne prend rien ({answer.status_code})",
                ),
                read_retry_after(answer.headers),
            )
        return answer
