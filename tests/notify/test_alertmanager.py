"""The shipped Alertmanager configuration: valid, and each alert reaches its receivers."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from streams.notify.alertmanager import AlertWriter, Client, UnavailableError
from streams.notify.incidents import ClockIncidents, Incident, fold
from streams.notify.options import AlertmanagerOptions, Language, Notify, NotifyOptions
from tests.support.alertmanager import Alertmanager, WebhookReceiver, running, webhook_receiver
from tests.support.processes import wait_until
from tests.support.sla_events import NOON, SlaClockStub


def incidents(clock: SlaClockStub) -> list[Incident]:
    known: ClockIncidents | None = None
    for event in (clock.at_risk(), clock.breached()):
        known = fold(known, event)
    assert known is not None
    return list(known.incidents)


def test_alert_contains_needed_facts_and_no_personal_data(tmp_path: Path) -> None:
    links = {"dashboard_url": "https://example.org/?service={service}", "runbook_url": "https://example.org/{clock}"}
    names: dict[Language, dict[str, str]] = {"fr": {"solidarites": "Solidarités"}}
    writer = AlertWriter(
        NotifyOptions("", tmp_path, Notify(**links), time_zone=ZoneInfo("Indian/Reunion"), services=names)
    )
    breach, risk = incidents(SlaClockStub(7))
    alert = writer.open(breach, breach.starts_at + 1)
    assert alert["labels"] == {
        "alertname": "SlaBreached",
        "severity": "critical",
        "category": "sla",
        "channel": "form",
        "service": "solidarites",
        "site": "siege",
        "policy": "demarches",
        "clock": "first_response",
        "contact": "form:demarches/essai:7",
    }
    notes = alert["annotations"]
    assert notes["summary"] == "Délai dépassé : Solidarités, démarche en ligne, première réponse sous 10 s"
    assert notes["summary_en"] == "Deadline passed: solidarites, online procedure, first response within 10 s"
    assert "Échéance : 16/03/2026 16:00 +04" in notes["description"]
    assert (notes["service"], notes["service_en"], notes["since"]) == (
        "Solidarités",
        "solidarites",
        "2026-03-16T02:00:00.000Z",
    )
    assert notes["deadline"] == "2026-03-16T12:00:00.000Z"
    assert notes["runbook_url"] == "https://example.org/first_response"
    assert alert["generatorURL"] == notes["dashboard_url"] == "https://example.org/?service=solidarites"
    late = SlaClockStub(7).breached(recorded_at=NOON + timedelta(hours=1))
    known = fold(None, late)
    assert known is not None
    assert known.breach is not None
    assert writer.open(known.breach, 0)["labels"] == alert["labels"] | {"late": "true"}
    assert (alert["startsAt"], alert["endsAt"]) == ("2026-03-16T12:00:00.000Z", "2026-03-16T12:05:00.001Z")
    assert writer.open(risk, 0)["labels"] | {"alertname": "SlaBreached", "severity": "critical"} == alert["labels"]


Alerts = dict[tuple[str, ...], bool]
"""Values of labels → whether the alert is muted."""


def muted(manager: Alertmanager, *labels: str) -> Alerts:
    return {
        tuple(alert["labels"].get(label, "") for label in labels): bool(alert["status"]["inhibitedBy"])
        for alert in manager.alerts()
    }


def test_breach_mutes_only_its_warning(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    broken, other = SlaClockStub(1, now), SlaClockStub(2, now + timedelta(hours=1))
    writer = AlertWriter(NotifyOptions("", tmp_path))
    sent = [*incidents(broken), incidents(other)[1]]
    expected = {
        ("SlaBreached", broken.contact): False,
        ("SlaAtRisk", broken.contact): True,
        ("SlaAtRisk", other.contact): False,
    }
    with webhook_receiver() as hook, running(tmp_path / "alertmanager", hook) as manager:
        with closing(Client(AlertmanagerOptions(url=manager.url))) as client:
            assert client.post([writer.open(incident, round(now.timestamp() * 1000)) for incident in sent]) == 0
        wait_until(lambda: muted(manager, "alertname", "contact") == expected, "alerts to be muted")


CALLS = {"site": "siege", "channel": "call", "policy": "telephone", "clock": "answer"}


@pytest.mark.parametrize(
    ("alerts", "cause"),
    [
        ({("SlaBurnRateFast", "rsa"): False, ("SlaBurnRateSlow", "rsa"): True, ("SlaBurnRateSlow", "mdph"): False}, ""),
        (
            {("SlaBurnRateDays", "rsa"): True, ("SlaBreached", "rsa"): False, ("FiguresBehind", "rsa"): True},
            "StreamStopped",
        ),
    ],
    ids=["fast burn rate", "partial figures"],
)
def test_alert_mutes_the_alerts_that_it_causes(tmp_path: Path, alerts: Alerts, cause: str) -> None:
    categories = {"SlaBreached": "sla", "FiguresBehind": "pipeline", "StreamStopped": "pipeline"}
    sent = dict(alerts) | ({(cause, "rsa"): False} if cause else {})
    bodies = [
        {
            "labels": {"alertname": name, "category": categories.get(name, "service"), "service": service, **CALLS},
            "startsAt": datetime.now(UTC).isoformat(),
        }
        for name, service in sent
    ]
    with webhook_receiver() as hook, running(tmp_path / "alertmanager", hook) as manager:
        with closing(Client(AlertmanagerOptions(url=manager.url))) as client:
            assert client.post(bodies) == 0
        wait_until(lambda: muted(manager, "alertname", "service") == sent, "alerts to be muted")


def test_invalid_alert_does_not_block_others(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    writer = AlertWriter(NotifyOptions("", tmp_path))
    bodies: list[dict[str, Any]] = [
        writer.open(incidents(SlaClockStub(number, now))[0], round(now.timestamp() * 1000)) for number in range(8)
    ]
    bodies[5]["startsAt"], bodies[5]["endsAt"] = bodies[5]["endsAt"], bodies[5]["startsAt"]
    with webhook_receiver() as hook, running(tmp_path / "alertmanager", hook) as manager:
        client = Client(AlertmanagerOptions(url=manager.url))
        assert client.post(bodies) == 1
        client.close()
        wait_until(lambda: len(hook.firing()) == 7, "the other alerts")


def test_servers_other_than_alertmanager_receive_no_alerts() -> None:
    hook = WebhookReceiver()
    client = Client(AlertmanagerOptions(url=hook.url))
    with pytest.raises(UnavailableError, match="does not answer"):
        client.started_at()
    hook.come()
    with pytest.raises(UnavailableError, match="refuses alerts at present \\(501\\)"):
        client.started_at()
    client.close()
    hook.go()
