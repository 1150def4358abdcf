"""Webhooks on their way to a real Kafka: the connector killed, its broker killed, stopped, and the spool full."""

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from connectors.sdk.delivery import SPOOL_ROOM_BYTES
from connectors.sdk.keys import load_key
from connectors.sdk.spool import DEFAULT_LIMIT_BYTES
from connectors.sdk.webhook.intake import Message
from connectors.webhook.config import WebhookConfig
from connectors.webhook.mapping import WebhookMapping
from models.codec import decode
from models.topics import SOURCES, Channel
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.ports import free_port
from streams.kafka.topic_admin import TopicSpec, apply_specs
from tests.support.kafka_io import read
from tests.support.phone_leaks import found
from tests.support.processes import Child, wait_until
from tests.support.webhooks import OPTIONS, message, post, sign

pytestmark = pytest.mark.broker

TOPIC = SOURCES[Channel.VISIT].name
SMALL_SPOOL_BYTES = SPOOL_ROOM_BYTES + 20_000
NAME, NUMBER = "Mireille Exemple", "06 39 98 55 12"
STEPS = ("ticket.taken", "ticket.called", "ticket.served")


@pytest.fixture
def broker(own_kafka: EmbeddedKafka) -> EmbeddedKafka:
    apply_specs(own_kafka.bootstrap, [TopicSpec(TOPIC, 4)])
    return own_kafka


class Guichets:
    """A process that runs the connector, and its clients."""

    def __init__(self, broker: EmbeddedKafka, directory: Path, spool_bytes: int) -> None:
        self.port = free_port()
        self._data = directory / "data"
        script = str(Path(__file__).with_name("run_webhook.py"))
        arguments = [script, broker.bootstrap, str(self._data), str(self.port), str(spool_bytes)]
        self.child = Child(arguments, directory / "connector.log")

    def send(self, name: str, body: bytes) -> tuple[int, Any]:
        """Post once; status 0 if nobody listens, or who did is gone before answering."""
        try:
            return post(self.port, body, sign(name, body))
        except (OSError, HTTPException):
            return 0, {}

    def event_id(self, name: str, body: bytes) -> str:
        key = load_key(self._data / "keys", "social")
        mapping = WebhookMapping("webhook/guichets", WebhookConfig(**OPTIONS), key)
        (event,) = mapping.map(Message(name, body, datetime.now(UTC)))  # type: ignore[misc]
        return event.id


@pytest.fixture
def guichets(broker: EmbeddedKafka, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Guichets]:
    guichets = Guichets(broker, tmp_path, getattr(request, "param", DEFAULT_LIMIT_BYTES))
    with guichets.child:
        yield guichets


def visit(number: int) -> list[tuple[str, bytes]]:
    visitor = {"name": NAME, "phone": NUMBER}
    return [
        (f"msg_{number}_{step}", message(kind, number, step, round=1, visitor=visitor))
        for step, kind in enumerate(STEPS)
    ]


def told(broker: EmbeddedKafka) -> dict[bytes, list[str]]:
    """The ids of the events of each visit, first copies, in order."""
    by_key: dict[bytes, dict[str, None]] = {}
    for record in read(broker.bootstrap, TOPIC):
        by_key.setdefault(record.key(), {})[decode(record.value()).id] = None
    return {key: [*ids] for key, ids in by_key.items()}


def test_killed_under_load_with_its_broker_killed_too(broker: EmbeddedKafka, guichets: Guichets) -> None:
    visits = [visit(number) for number in range(240)]
    done = threading.Semaphore(0)

    def live(steps: list[tuple[str, bytes]]) -> None:
        """Tell each step until it is answered 2xx, and only then the next."""
        for name, body in steps:
            wait_until(lambda name=name, body=body: guichets.send(name, body)[0] == 204, name)  # type: ignore[misc]
        done.release()

    def wait_for_visits(number: int) -> None:
        for _ in range(number):
            assert done.acquire(timeout=120)

    guichets.child.start().wait_for("connector_takes_in")
    with ThreadPoolExecutor(12) as pool:
        lives = [pool.submit(live, steps) for steps in visits]
        for starts in range(2, 6):
            wait_for_visits(30)
            guichets.child.kill()
            guichets.child.wait()
            guichets.child.start().wait_for("connector_started", starts)
        wait_for_visits(30)
        broker.stop(signal.SIGKILL)
        broker.start()
        for one in lives:
            one.result(120)
    expected = {
        f"visit:webhook/guichets:{number}".encode(): [guichets.event_id(*step) for step in steps]
        for number, steps in enumerate(visits)
    }
    wait_until(lambda: told(broker) == expected, "all events, each visit's in order")
    guichets.send("msg_bad", message(NUMBER, NAME))
    assert guichets.child.stop() == 0
    outside = b"".join(record.key() + record.value() for record in read(broker.bootstrap, TOPIC))
    outside += guichets.child.log.read_bytes()
    assert found(NUMBER, outside) == []
    assert NAME.encode() not in outside


@pytest.mark.parametrize("guichets", [SMALL_SPOOL_BYTES], indirect=True)
def test_without_a_broker_it_fills_the_spool_then_refuses_then_drains_in_order(
    broker: EmbeddedKafka, guichets: Guichets
) -> None:
    broker.stop()
    guichets.child.start().wait_for("connector_takes_in")
    taken: list[tuple[str, bytes]] = []
    while True:
        name, body = f"msg_{len(taken)}", message("ticket.called", 7, len(taken))
        status, headers = guichets.send(name, body)
        if status != 204:
            break
        taken.append((name, body))
    assert (status, headers["retry-after"]) == (503, "5")
    assert len(taken) > 10
    broker.start()
    wait_until(lambda: guichets.send(name, body)[0] == 204, "room")
    ids = [guichets.event_id(*one) for one in [*taken, (name, body)]]
    wait_until(lambda: told(broker) == {b"visit:webhook/guichets:7": ids}, "all events, in order")
    assert guichets.child.stop() == 0
