"""Breaches reach real receivers exactly once through outages and kills, with a real Kafka and Alertmanager."""

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
"""Longer than `group_wait` and `group_interval` of the example, in seconds."""


class Stage:
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
        self.promises = [SlaClockStub(number, datetime.now(UTC) - timedelta(seconds=30)) for number in range(600)]

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
def stage(kafka: EmbeddedKafka, tmp_path: Path) -> Iterator[Stage]:
    with webhook_receiver() as hook, webhook_receiver() as webhook, running(tmp_path / "alertmanager", hook) as manager:
        yield Stage(kafka, tmp_path, hook, webhook, manager)


def breaches(promises: Sequence[SlaClockStub]) -> list[AnySlaEvent]:
    return [promise.breached() for promise in promises]


def test_beginning_and_end_of_an_incident_are_sent(stage: Stage) -> None:
    (promise,) = stage.promises[:1]
    with stage.notifier() as notifier:
        stage.publish([promise.started(), promise.breached()])
        stage.wait_for_firing(1)
        (labels,) = [alert["labels"] for _, body in stage.hook.taken for alert in body["alerts"]]
        assert labels["alertname"] == "SlaBreached"
        assert labels["contact"] == promise.contact
        stage.publish([promise.met(minutes=0.4)])
        wait_until(stage.hook.resolved, "the end")
        stage.wait_for_messages(1)
        wait_until(lambda: len(stage.messages) == 2, "both messages")
        assert notifier.ready() == (True, "sla_following")
    assert stage.messages == ["sla.breached.started", "sla.breached.ended"]
    assert stage.hook.resolved().keys() == stage.hook.firing().keys()


def test_second_incident_is_sent_after_it_ended(stage: Stage) -> None:
    (promise,) = stage.promises[:1]
    with stage.notifier() as notifier:
        stage.publish([promise.breached()])
        stage.wait_for_firing(1)
        stage.publish([promise.met(0.2)])
        wait_until(stage.hook.resolved, "the end")
        promise.deadline_at = datetime.now(UTC)
        stage.publish([promise.breached(), promise.met(0.001)])
        wait_until(lambda: [len(begun) for begun in stage.hook.firing().values()] == [2], "the second beginning")
        wait_until(lambda: [len(ended) for ended in stage.hook.resolved().values()] == [2], "the second end")
        wait_until(lambda: not any(waiting(notifier).values()), "nothing more to tell")


def test_incident_during_an_outage_is_sent_afterwards(stage: Stage) -> None:
    promises = stage.promises[:30]
    stage.manager.stop()
    stage.webhook.go()
    stage.publish(breaches(promises[:10]))
    with stage.notifier() as notifier:
        wait_until(lambda: notifier.ready()[0] and notifier.ready()[1].count("127.0.0.1") == 2, "both to be missed")
        stage.publish([*breaches(promises[10:]), *(promise.met(0.1) for promise in promises)])
        wait_until(
            lambda: waiting(notifier) == {"alertmanagers.one": 30, "webhooks.desk": 60},
            "all to be read",
            20,
            lambda: waiting(notifier),
        )
        stage.manager.start()
        stage.webhook.come()
        stage.wait_for_firing(30)
        stage.wait_for_messages(30)
        wait_until(lambda: len(stage.hook.resolved()) == 30, "their ends")
        wait_until(lambda: not any(waiting(notifier).values()), "nothing more to tell")
    assert all(len(begun) == 1 for begun in stage.hook.firing().values())
    assert len(stage.messages) <= 2
    assert all(one[-1]["end"] == "met" for one in incidents(stage.webhook).values())


def waiting(notifier: Notifier) -> dict[str, int]:
    return figure(notifier, "notify_waiting")


def figure(notifier: Notifier, name: str) -> dict[str, int]:
    (metric,) = [metric for metric in notifier.collect() if metric.name == name]
    return {sample.labels["receiver"]: int(sample.value) for sample in metric.samples}


def test_refusing_receiver_delays_no_other_and_is_retried_at_start(stage: Stage) -> None:
    first, second = stage.promises[:2]
    stage.webhook.unwanted = 422, lambda body: body["data"]["contact"] == first.contact
    with stage.notifier() as notifier:
        stage.publish(breaches([first, second]))
        stage.wait_for_firing(2)
        stage.wait_for_messages(1)
        wait_until(
            lambda: figure(notifier, "notify_refused") == {"alertmanagers.one": 0, "webhooks.desk": 1},
            "the refusal to be counted",
        )
        assert notifier.ready()[1].endswith("refuses the message (422)")
    stage.webhook.unwanted = 410, lambda _: True
    with stage.notifier() as notifier:
        wait_until(
            lambda: figure(notifier, "notify_disabled") == {"alertmanagers.one": 0, "webhooks.desk": 1}, "it to be gone"
        )
        assert figure(notifier, "notify_refused") == {"alertmanagers.one": 0, "webhooks.desk": 0}
        stage.publish(breaches(stage.promises[2:3]))
        stage.wait_for_firing(3)
    stage.webhook.unwanted = 200, lambda _: True
    with stage.notifier():
        stage.wait_for_messages(3)
    assert stage.messages.count("sla.breached.started") == 3


def test_duplicate_events_send_nothing(stage: Stage) -> None:
    promises, last = stage.promises[:5], stage.promises[5]
    ended, going_on = promises[:2], promises[2:]
    events = [
        *(
            event
            for promise in ended
            for event in (promise.started(), promise.at_risk(), promise.breached(), promise.met(0.2))
        ),
        *(event for promise in going_on for event in (promise.started(), promise.at_risk(), promise.breached())),
    ]
    with stage.notifier():
        stage.publish(events)
        stage.wait_for_messages(5)
    before = list(stage.messages)
    with stage.notifier():
        stage.publish(events * 2)
        stage.publish([last.breached()])
        stage.wait_for_messages(len(incidents(stage.webhook)) + 1)
        stage.wait_for_firing(6)
    assert stage.messages == [*before, "sla.breached.started"]


def test_incidents_ended_before_the_first_start_are_not_sent(stage: Stage) -> None:
    over, going_on = stage.promises[:3], stage.promises[3:5]
    stage.publish([*breaches(over), *breaches(going_on), *(promise.met(0.2) for promise in over)])
    with stage.notifier():
        stage.wait_for_firing(2)
        stage.wait_for_messages(2)
        stage.publish([stage.promises[5].breached()])
        stage.wait_for_firing(3)
        stage.wait_for_messages(3)
    assert stage.messages == ["sla.breached.started"] * 3


def test_restarted_alertmanager_receives_all_alerts_immediately(stage: Stage) -> None:
    with stage.notifier():
        stage.publish(breaches(stage.promises[:3]))
        stage.wait_for_firing(3)
        stage.manager.stop(signal.SIGKILL)
        stage.manager.start()
        wait_until(lambda: len(stage.manager.alerts()) == 3, "all that goes on")
    assert all(len(begun) == 1 for begun in stage.hook.firing().values())


def test_day_of_outage_causes_one_digest_of_open_incidents(stage: Stage) -> None:
    now = datetime.now(UTC)
    promises = [SlaClockStub(n, now - timedelta(seconds=30), clock="answer", channel="call") for n in range(500)]
    ended, going_on = promises[:250], promises[250:]
    with stage.notifier():
        pass
    stage.publish([event for promise in promises for event in (promise.at_risk(now), promise.breached(now))])
    stage.publish([promise.met(0.3, told_at=now) for promise in ended])
    with stage.notifier() as notifier:
        stage.wait_for_firing(250)
        stage.wait_for_messages(250)
        (counts,) = [metric for metric in notifier.collect() if metric.name == "notify_incidents_unsent"]
        unsent = {tuple(one.labels.values()): one.value for one in counts.samples if one.value}
        assert unsent == {("breached", "ended"): 250}
    assert len(stage.hook.firing()) == 250
    known = incidents(stage.webhook)
    assert {one["contact"] for several in known.values() for one in several} == {one.contact for one in going_on}
    assert all(one["late"] for several in known.values() for one in several)
    assert len(stage.messages) <= 3
    assert "sla.digest" in stage.messages


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_kill_at_every_step_sends_each_breach_once(stage: Stage, tmp_path: Path) -> None:
    with stage.notifier():
        pass
    lives = [acts for acts in range(4, 37) if acts % 3]
    promises, received, late, over = (
        iter(stage.promises),
        list[SlaClockStub](),
        list[SlaClockStub](),
        list[SlaClockStub](),
    )
    now = datetime.now(UTC)
    long_ago = now - timedelta(hours=1)
    with Child(["-m", notify_process.MODULE, stage.options], tmp_path / "notify.log") as child:
        arguments = child.arguments
        for number, acts in enumerate(lives, 1):
            child.arguments = [*arguments, str(acts)]
            late.append(SlaClockStub(1000 + acts, long_ago, clock="answer", channel="call"))
            over.append(SlaClockStub(2000 + acts, long_ago, clock="answer", channel="call"))
            stage.publish([late[-1].breached(now), over[-1].breached(now), over[-1].met(5, now)])
            child.start()
            while child.alive:
                received.append(next(promises))
                stage.publish(
                    [
                        received[-1].started(),
                        received[-1].breached(),
                        *(promise.met(0.3) for promise in received[-5:-4]),
                    ]
                )
                with suppress(subprocess.TimeoutExpired):
                    child.wait(0.5)
            if len(child.exits) < number:  # the process ended between a wait and the check
                child.wait()
        assert child.exits == [-signal.SIGKILL] * len(lives)
        child.arguments = arguments
        child.start()
        received += late
        stage.wait_for_firing(len(received))
        stage.wait_for_messages(len(received))
        wait_until(lambda: len(stage.hook.resolved()) == len(received) - len(late) - 4, "the ends")
        assert child.stop() == 0
    assert len(lives) > 20
    assert len(stage.hook.firing()) == len(received)
    assert all(len(begun) == 1 for begun in stage.hook.firing().values())
    known = incidents(stage.webhook)
    assert len(known) == len(received)
    assert {one["contact"] for several in known.values() for one in several} == {
        promise.contact for promise in received
    }
    for several in known.values():
        assert [one["what"] for one in several] in (["started"], ["started", "ended"], ["ended"])
    with closing(Store(stage.directory / "notify", Receivers())) as store:
        assert store.unsent() == {("breached", "ended"): len(over)}
