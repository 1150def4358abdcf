"""From the event to Alertmanager, with kills around the breach: each breach is exactly one alert."""

import signal
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from streams.core.sla.events import LATE_MS
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.notify.store import Receivers, Store
from tests.support.alertmanager import WebhookReceiver, running, webhook_receiver
from tests.support.processes import supervised, wait_until
from tests.support.sla_chain import TARGET, SlaChain

pytestmark = [pytest.mark.broker, pytest.mark.faults, pytest.mark.timeout(600)]
KILLS = 21
CALLS = 8
"""Calls before each kill."""


def breach_alerts(hook: WebhookReceiver) -> dict[str, set[tuple[str, datetime]]]:
    """Return, by contact, the fingerprints of its breach alerts and their start times."""
    found: dict[str, set[tuple[str, datetime]]] = {}
    for _, body in hook.taken:
        for alert in body["alerts"]:
            if alert["labels"]["alertname"] == "SlaBreached":
                one = alert["fingerprint"], datetime.fromisoformat(alert["startsAt"])
                found.setdefault(alert["labels"]["contact"], set()).add(one)
    return found


def test_each_breach_is_one_alert_if_workers_and_notifier_are_killed_around_it(
    own_kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    chance = Random(KILLS)
    with webhook_receiver() as hook, running(tmp_path / "alertmanager", hook) as manager:
        chain = SlaChain(own_kafka, tmp_path, manager, show_seconds=5)
        children = [
            chain.child(name, command) for name, command in (("one", "worker"), ("two", "worker"), ("notify", "notify"))
        ]
        with supervised(children[0]), supervised(children[1]), supervised(children[2]):
            for child in children[:2]:
                child.wait_for('"event": "partition_opened"', 1)
            for number in range(KILLS):
                chain.call(CALLS)
                child = children[number % 3]
                exits = len(child.exits)
                moment = TARGET.total_seconds() + chance.uniform(-0.5, 1.5)
                wait_until(lambda moment=moment: chain.seconds_since_last() > moment, "the moment of the breach")
                wait_until(lambda child=child: child.alive, "the process to run")
                child.kill()
                wait_until(lambda child=child, exits=exits: len(child.exits) > exits, "the end of the process")
            wait_until(
                lambda: breach_alerts(hook).keys() >= chain.deadlines.keys(),
                "all alerts",
                otherwise=lambda: chain.deadlines.keys() - breach_alerts(hook).keys(),
            )
        kills = [child.exits.count(-signal.SIGKILL) for child in children]
    assert sum(kills) >= 20
    assert min(kills) > 5
    breaches = breach_alerts(hook)
    assert breaches.keys() == chain.deadlines.keys()
    assert {contact: {at for _, at in one} for contact, one in breaches.items()} == {
        contact: {at} for contact, at in chain.deadlines.items()
    }
    assert all(len(one) == 1 for one in breaches.values())
    assert len({fingerprint for one in breaches.values() for fingerprint, _ in one}) == KILLS * CALLS


@pytest.mark.parametrize("ago", [timedelta(days=20), timedelta(hours=8)], ids=["added later", "nightly file"])
def test_calls_that_ended_long_ago_cause_no_alert(own_kafka: EmbeddedKafka, tmp_path: Path, ago: timedelta) -> None:
    with webhook_receiver() as hook, running(tmp_path / "alertmanager", hook) as manager:
        chain = SlaChain(own_kafka, tmp_path, manager, show_seconds=5)
        with chain.child("notify", "notify").start(), chain.child("one", "worker").start() as worker:
            worker.wait_for('"event": "partition_opened"', 1)
            chain.call_long_ago(200, ago)
            with closing(Store(tmp_path / "data" / "notify", Receivers())) as store:
                wait_until(
                    lambda: store.unsent() == {("breached", "ended"): 200},
                    "all incidents to be counted",
                    otherwise=store.unsent,
                )
            chain.call(3)
            wait_until(lambda: breach_alerts(hook).keys() >= chain.deadlines.keys(), "the alerts of the new calls")
    assert breach_alerts(hook).keys() == chain.deadlines.keys()


def test_stop_across_500_deadlines_causes_500_late_alerts(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    with webhook_receiver() as hook, running(tmp_path / "alertmanager", hook) as manager:
        chain = SlaChain(own_kafka, tmp_path, manager, show_seconds=5)
        with chain.child("notify", "notify").start(), chain.child("one", "worker") as worker:
            chain.call(500)
            late_seconds = TARGET.total_seconds() + LATE_MS / 1000 + 1
            wait_until(lambda: chain.seconds_since_last() > late_seconds, "the breaches to be late")
            worker.start()
            wait_until(
                lambda: breach_alerts(hook).keys() >= chain.deadlines.keys(),
                "all alerts",
                otherwise=lambda: len(breach_alerts(hook)),
            )
            assert worker.stop() == 0
    assert {contact: {at for _, at in one} for contact, one in breach_alerts(hook).items()} == {
        contact: {at} for contact, at in chain.deadlines.items()
    }
    assert len(hook.firing()) == 500
    alerts = [alert for _, body in hook.taken for alert in body["alerts"]]
    assert {alert["labels"].get("late") for alert in alerts} == {"true"}
