"""Each breach reaches real receivers once through outages and kills, with a real Kafka and Alertmanager."""

import signal
import subprocess
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.sdk.webhook.signatures import StandardWebhooks
from models.sla import AnySlaEvent
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import TopicSpec, apply_specs
from streams.notify.notifier import Notifier
from streams.notify.store import Receivers, Store
from tests.support import notify_process
from tests.support.alertmanager import Alertmanager, WebhookReceiver, running, webhook_receiver
from tests.support.kafka_io import produce
from tests.support.processes import Child, wait_until
from tests.support.sla_events import SlaClockStub, record
from tests.support.webhooks import SECRET

pytestmark = pytest.mark.broker
TOPICS = count()
SHOW_SECONDS = 3.0
"""Longer than `group_wait` + `group_interval` of the example, in seconds."""


class NotifierHarness:
    """A topic, an Alertmanager with its receiver, and a webhook receiver."""

    def __init__(
        self,
        kafka: EmbeddedKafka,
        directory: Path,
        hook: WebhookReceiver,
        webhook: WebhookReceiver,
        manager: Alertmanager,
    ) -> None:
        self.directory, self.hook, self.webhook, self.manager = directory, hook, webhook, manager
        self._bootstrap = kafka.bootstrap
        self._topic = f"notify.{next(TOPICS)}"
        apply_specs(self._bootstrap, [TopicSpec(self._topic, 1, config={})])
        self.clocks = [SlaClockStub(number, datetime.now(UTC) - timedelta(seconds=30)) for number in range(600)]

    @property
    def options(self) -> str:
        return notify_process.options(
            self._bootstrap,
            self.directory / "notify",
            topic=self._topic,
            alertmanagers={"one": {"url": self.manager.url, "show_seconds": SHOW_SECONDS, "refresh_seconds": 10}},
            webhooks={"desk": self.webhook.url},
        )

    def publish(self, events: Iterable[AnySlaEvent]) -> None:
        produce(self._bootstrap, [(self._topic, *record(event)) for event in events])

    @contextmanager
    def notifier(self) -> Iterator[Notifier]:
        stopping = threading.Event()
        notifier = Notifier(notify_process.read(self.options))
        ended: list[bool] = []
        thread = threading.Thread(target=lambda: ended.append(notifier.run(stopping)), daemon=True)
        thread.start()
        try:
            wait_until(lambda: notifier.ready()[0], "the topic to be read")
            yield notifier
        finally:
            stopping.set()
            thread.join(60)
        assert ended == [True]

    def wait_for_firing(self, number: int) -> None:
        wait_until(
            lambda: len(self.hook.firing()) >= number, f"{number} alerts", otherwise=lambda: len(self.hook.firing())
        )

    def wait_for_messages(self, number: int) -> None:
        wait_until(
            lambda: len(incidents(self.webhook)) >= number, f"{number} incidents", otherwise=lambda: self.messages
        )

    @property
    def messages(self) -> list[str]:
        return [body["type"] for _, body in self.webhook.taken]


def incidents(webhook: WebhookReceiver) -> dict[str, list[dict[str, Any]]]:
    """Return the changes of each incident that the webhook received; duplicates with the same id count once."""
    key = StandardWebhooks([SecretStr(SECRET)])
    for at, (_, headers, body) in zip(list(webhook.times), list(webhook.requests), strict=False):
        key.verify(headers, body, at)
    once = {headers["webhook-id"]: body for headers, body in webhook.taken}
    found: dict[str, list[dict[str, Any]]] = {}
    for body in once.values():
        for one in body["data"].get("incidents", [body["data"]]):
            found.setdefault(one["incident"], []).append(one)
    return found


@pytest.fixture
def harness(kafka: EmbeddedKafka, tmp_path: Path) -> Iterator[NotifierHarness]:
    with webhook_receiver() as hook, webhook_receiver() as webhook, running(tmp_path / "alertmanager", hook) as manager:
        yield NotifierHarness(kafka, tmp_path, hook, webhook, manager)


def breaches(clocks: Sequence[SlaClockStub]) -> list[AnySlaEvent]:
    return [clock.breached() for clock in clocks]


def test_beginning_and_end_of_an_incident_are_sent(harness: NotifierHarness) -> None:
    (clock,) = harness.clocks[:1]
    with harness.notifier() as notifier:
        harness.publish([clock.started(), clock.breached()])
        harness.wait_for_firing(1)
        (labels,) = [alert["labels"] for _, body in harness.hook.taken for alert in body["alerts"]]
        assert labels["alertname"] == "SlaBreached"
        assert labels["contact"] == clock.contact
        harness.publish([clock.met(minutes=0.4)])
        wait_until(harness.hook.resolved, "the end of the alert")
        harness.wait_for_messages(1)
        wait_until(lambda: len(harness.messages) == 2, "both messages")
        assert notifier.ready() == (True, "sla_following")
    assert harness.messages == ["sla.breached.started", "sla.breached.ended"]
    assert harness.hook.resolved().keys() == harness.hook.firing().keys()


def test_second_incident_is_sent_after_it_ended(harness: NotifierHarness) -> None:
    (clock,) = harness.clocks[:1]
    with harness.notifier() as notifier:
        harness.publish([clock.breached()])
        harness.wait_for_firing(1)
        harness.publish([clock.met(0.2)])
        wait_until(harness.hook.resolved, "the end of the alert")
        clock.deadline_at = datetime.now(UTC)
        harness.publish([clock.breached(), clock.met(0.001)])
        wait_until(lambda: [len(begun) for begun in harness.hook.firing().values()] == [2], "the second beginning")
        wait_until(lambda: [len(ended) for ended in harness.hook.resolved().values()] == [2], "the second end")
        wait_until(lambda: not any(waiting(notifier).values()), "an empty queue")


def test_incident_during_an_outage_is_sent_afterwards(harness: NotifierHarness) -> None:
    clocks = harness.clocks[:30]
    harness.manager.stop()
    harness.webhook.go()
    harness.publish(breaches(clocks[:10]))
    with harness.notifier() as notifier:
        wait_until(lambda: notifier.ready()[0] and notifier.ready()[1].count("127.0.0.1") == 2, "both failures")
        harness.publish([*breaches(clocks[10:]), *(clock.met(0.1) for clock in clocks)])
        wait_until(
            lambda: waiting(notifier) == {"alertmanagers.one": 30, "webhooks.desk": 60},
            "all events to be read",
            otherwise=lambda: waiting(notifier),
        )
        harness.manager.start()
        harness.webhook.come()
        harness.wait_for_firing(30)
        harness.wait_for_messages(30)
        wait_until(lambda: len(harness.hook.resolved()) == 30, "the ends of the alerts")
        wait_until(lambda: not any(waiting(notifier).values()), "an empty queue")
    assert all(len(begun) == 1 for begun in harness.hook.firing().values())
    assert len(harness.messages) <= 2
    assert all(one[-1]["end"] == "met" for one in incidents(harness.webhook).values())


def waiting(notifier: Notifier) -> dict[str, int]:
    return figure(notifier, "notify_waiting")


def figure(notifier: Notifier, name: str) -> dict[str, int]:
    (metric,) = [metric for metric in notifier.collect() if metric.name == name]
    return {sample.labels["receiver"]: int(sample.value) for sample in metric.samples}


def test_refusing_receiver_delays_no_other_and_is_retried_at_start(harness: NotifierHarness) -> None:
    first, second = harness.clocks[:2]
    harness.webhook.unwanted = 422, lambda body: body["data"]["contact"] == first.contact
    with harness.notifier() as notifier:
        harness.publish(breaches([first, second]))
        harness.wait_for_firing(2)
        harness.wait_for_messages(1)
        wait_until(
            lambda: figure(notifier, "notify_refused") == {"alertmanagers.one": 0, "webhooks.desk": 1},
            "the refusal to be counted",
        )
        assert notifier.ready()[1].endswith("refuses the message (422)")
    harness.webhook.unwanted = 410, lambda _: True
    with harness.notifier() as notifier:
        wait_until(
            lambda: figure(notifier, "notify_disabled") == {"alertmanagers.one": 0, "webhooks.desk": 1},
            "the end",
        )
        assert figure(notifier, "notify_refused") == {"alertmanagers.one": 0, "webhooks.desk": 0}
        harness.publish(breaches(harness.clocks[2:3]))
        harness.wait_for_firing(3)
    harness.webhook.unwanted = 200, lambda _: True
    with harness.notifier():
        harness.wait_for_messages(3)
    assert harness.messages.count("sla.breached.started") == 3


def test_restarted_alertmanager_receives_all_alerts_immediately(harness: NotifierHarness) -> None:
    with harness.notifier():
        harness.publish(breaches(harness.clocks[:3]))
        harness.wait_for_firing(3)
        harness.manager.stop(signal.SIGKILL)
        harness.manager.start()
        wait_until(lambda: len(harness.manager.alerts()) == 3, "all open alerts")
    assert all(len(begun) == 1 for begun in harness.hook.firing().values())


def test_day_of_outage_causes_one_digest_of_open_incidents(harness: NotifierHarness) -> None:
    now = datetime.now(UTC)
    clocks = [SlaClockStub(n, now - timedelta(seconds=30), clock="answer", channel="call") for n in range(500)]
    ended, still_open = clocks[:250], clocks[250:]
    with harness.notifier():
        pass
    harness.publish([event for clock in clocks for event in (clock.at_risk(now), clock.breached(now))])
    harness.publish([clock.met(0.3, recorded_at=now) for clock in ended])
    with harness.notifier() as notifier:
        harness.wait_for_firing(250)
        harness.wait_for_messages(250)
        (counts,) = [metric for metric in notifier.collect() if metric.name == "notify_incidents_unsent"]
        unsent = {tuple(one.labels.values()): one.value for one in counts.samples if one.value}
        assert unsent == {("breached", "ended"): 250}
    assert len(harness.hook.firing()) == 250
    known = incidents(harness.webhook)
    assert {one["contact"] for several in known.values() for one in several} == {one.contact for one in still_open}
    assert all(one["late"] for several in known.values() for one in several)
    assert len(harness.messages) <= 3
    assert "sla.digest" in harness.messages


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_each_breach_is_sent_once_if_killed_at_each_operation(harness: NotifierHarness, tmp_path: Path) -> None:
    with harness.notifier():
        pass
    kill_points = [acts for acts in range(4, 37) if acts % 3]
    clocks, received, late, over = (
        iter(harness.clocks),
        list[SlaClockStub](),
        list[SlaClockStub](),
        list[SlaClockStub](),
    )
    now = datetime.now(UTC)
    long_ago = now - timedelta(hours=1)
    with Child(["-m", notify_process.MODULE, harness.options], tmp_path / "notify.log") as child:
        arguments = child.arguments
        for number, acts in enumerate(kill_points, 1):
            child.arguments = [*arguments, str(acts)]
            late.append(SlaClockStub(1000 + acts, long_ago, clock="answer", channel="call"))
            over.append(SlaClockStub(2000 + acts, long_ago, clock="answer", channel="call"))
            harness.publish([late[-1].breached(now), over[-1].breached(now), over[-1].met(5, now)])
            child.start()
            while child.alive:
                received.append(next(clocks))
                harness.publish(
                    [
                        received[-1].started(),
                        received[-1].breached(),
                        *(clock.met(0.3) for clock in received[-5:-4]),
                    ]
                )
                with suppress(subprocess.TimeoutExpired):
                    child.wait(0.5)
            if len(child.exits) < number:  # the process ended between a wait and the check
                child.wait()
        assert child.exits == [-signal.SIGKILL] * len(kill_points)
        child.arguments = arguments
        child.start()
        received += late
        harness.wait_for_firing(len(received))
        harness.wait_for_messages(len(received))
        wait_until(lambda: len(harness.hook.resolved()) == len(received) - len(late) - 4, "the ends")
        assert child.stop() == 0
    assert len(kill_points) > 20
    assert len(harness.hook.firing()) == len(received)
    assert all(len(begun) == 1 for begun in harness.hook.firing().values())
    known = incidents(harness.webhook)
    assert len(known) == len(received)
    assert {one["contact"] for several in known.values() for one in several} == {clock.contact for clock in received}
    for several in known.values():
        assert [one["what"] for one in several] in (["started"], ["started", "ended"], ["ended"])
    with closing(Store(harness.directory / "notify", Receivers())) as store:
        assert store.unsent() == {("breached", "ended"): len(over)}
