"""Webhook connector with a real Kafka: killed connector, killed or stopped broker, full spool."""

import json
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
from connectors.sdk.ports import free_port
from connectors.sdk.spool import LIMIT_BYTES
from connectors.sdk.webhook.intake import Message
from connectors.webhook.config import WebhookConfig
from connectors.webhook.mapping import WebhookMapping
from models.codec import decode
from models.topics import SOURCES, Channel
from streams.kafka.embedded_broker import EmbeddedKafka
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


class WebhookProcess:
    """A process with one connector, and its sender."""

    def __init__(self, broker: EmbeddedKafka, directory: Path, spool_bytes: int) -> None:
        self.port = free_port()
        self._data = directory / "data"
        options = directory / "options.json"
        options.write_text(json.dumps(OPTIONS | {"port": self.port, "requests_per_second": 100_000}))
        arguments = ["webhook/guichets", str(options), str(self._data), broker.bootstrap, str(spool_bytes)]
        self.child = Child(["-m", "tests.support.run_connector", *arguments], directory / "connector.log")

    def send(self, name: str, body: bytes) -> tuple[int, Any]:
        """Post once; return status and headers, status 0 if no server listens or if it ends before it responds."""
        try:
            return post(self.port, body, sign(name, body))
        except (OSError, HTTPException):
            return 0, {}

    def event_id(self, name: str, body: bytes) -> str:
        key = load_key(self._data / "keys", "social")
        mapping = WebhookMapping("webhook/guichets", WebhookConfig(**OPTIONS), key)
        (event,) = mapping.map(Message(name, body, datetime.now(UTC)))
        return event.id


@pytest.fixture
def connector(broker: EmbeddedKafka, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[WebhookProcess]:
    connector = WebhookProcess(broker, tmp_path, getattr(request, "param", LIMIT_BYTES))
    with connector.child:
        yield connector


def visit(number: int) -> list[tuple[str, bytes]]:
    visitor = {"name": NAME, "phone": NUMBER}
    return [(f"msg_{number}_{step}", message(kind, number, step, visitor=visitor)) for step, kind in enumerate(STEPS)]


def published(broker: EmbeddedKafka) -> dict[bytes, list[str]]:
    """Return the event ids by visit, first copies only, in order."""
    by_key: dict[bytes, dict[str, None]] = {}
    for record in read(broker.bootstrap, TOPIC):
        by_key.setdefault(record.key(), {})[decode(record.value()).id] = None
    return {key: [*ids] for key, ids in by_key.items()}


def test_kill_of_connector_and_broker_under_load_loses_nothing(
    broker: EmbeddedKafka, connector: WebhookProcess
) -> None:
    visits = [visit(number) for number in range(240)]
    done = threading.Semaphore(0)

    def post_steps(steps: list[tuple[str, bytes]]) -> None:
        """Post each step until it gets a 2xx response, then the next one."""
        for name, body in steps:
            wait_until(lambda name=name, body=body: connector.send(name, body)[0] == 204, name)  # type: ignore[misc]
        done.release()

    def wait_for_visits(number: int) -> None:
        for _ in range(number):
            assert done.acquire(timeout=120)

    connector.child.start().wait_for("connector_takes_in")
    with ThreadPoolExecutor(12) as pool:
        posting = [pool.submit(post_steps, steps) for steps in visits]
        for starts in range(2, 6):
            wait_for_visits(30)
            connector.child.kill()
            connector.child.wait()
            connector.child.start().wait_for("connector_started", starts)
        wait_for_visits(30)
        broker.stop(signal.SIGKILL)
        broker.start()
        for future in posting:
            future.result(120)
    expected = {
        f"visit:webhook/guichets:{number}".encode(): [connector.event_id(*step) for step in steps]
        for number, steps in enumerate(visits)
    }
    wait_until(lambda: published(broker) == expected, "all events, each visit's in order")
    connector.send("msg_bad", message(NUMBER, NAME))
    assert connector.child.stop() == 0
    outside = b"".join(record.key() + record.value() for record in read(broker.bootstrap, TOPIC))
    outside += connector.child.log.read_bytes()
    assert found(NUMBER, outside) == []
    assert NAME.encode() not in outside


@pytest.mark.parametrize("connector", [SMALL_SPOOL_BYTES], indirect=True)
def test_messages_are_refused_with_a_full_spool_and_sent_in_order_when_the_broker_returns(
    broker: EmbeddedKafka, connector: WebhookProcess
) -> None:
    broker.stop()
    connector.child.start().wait_for("connector_takes_in")
    accepted: list[tuple[str, bytes]] = []
    while True:
        name, body = f"msg_{len(accepted)}", message("ticket.called", 7, len(accepted))
        status, headers = connector.send(name, body)
        if status != 204:
            break
        accepted.append((name, body))
    assert (status, headers["retry-after"]) == (503, "5")
    assert len(accepted) > 10
    broker.start()
    wait_until(lambda: connector.send(name, body)[0] == 204, "room")
    ids = [connector.event_id(*pair) for pair in [*accepted, (name, body)]]
    wait_until(lambda: published(broker) == {b"visit:webhook/guichets:7": ids}, "all events, in order")
    assert connector.child.stop() == 0
