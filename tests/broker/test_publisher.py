"""Publisher with a real Kafka that stops, hangs and is killed: no event is lost, and the order is preserved."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from connectors.sdk import delivery, publisher
from connectors.sdk.metrics import Meter, Metrics
from connectors.sdk.publisher import DeliveryError, KafkaPublisher, deliver
from connectors.sdk.spool import Spool
from models.codec import decode, encode
from models.events import CallQueued, CallQueuedData, Event
from models.topics import SOURCES, Channel
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import TopicSpec, apply_specs
from tests.support.kafka_io import produce, read
from tests.support.processes import PATIENCE_SECONDS, paused

pytestmark = pytest.mark.broker

TOPIC = SOURCES[Channel.CALL].name
SOURCE = "asterisk/essai"
KEYS = 7
LONG_AGO = datetime(2020, 3, 16, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _connected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let publishers begin with a connection if a broker listens, also on a loaded machine."""
    monkeypatch.setattr(delivery, "CONNECT_SECONDS", PATIENCE_SECONDS)


@pytest.fixture
def lose_patience(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Function to call once the broker does not answer: on a loaded machine, a running one may need more than two seconds."""

    def lose() -> None:
        monkeypatch.setattr(delivery, "PATIENCE_SECONDS", 2.0)
        monkeypatch.setattr(publisher, "PATIENCE_SECONDS", 2.0)
        monkeypatch.setitem(publisher.PRODUCER, "max_block_ms", 2_000)

    return lose


class Sender:
    """Thread that publishes numbered events and records the confirmed ones."""

    def __init__(self, bootstrap: str, directory: Path) -> None:
        self.registry = CollectorRegistry()
        self.publisher = KafkaPublisher(
            bootstrap,
            Spool(directory / "spool"),
            Meter(Metrics(self.registry), SOURCE),
            client_id="essai",
        )
        self.sent = 0
        self.confirmed: list[int] = []

    def send(self, events: int) -> None:
        batch = [event(self.sent + n) for n in range(events)]
        self.sent += events
        last = self.sent
        self.publisher.publish(batch, lambda: self.confirmed.append(last))

    def poll_until(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not reached():
            assert time.monotonic() < deadline, "the condition was not met in time"
            self.publisher.poll(0.05)

    def all_safe(self) -> bool:
        return bool(self.confirmed) and self.confirmed[-1] == self.sent and not self.publisher.pending

    def all_acknowledged(self) -> bool:
        return self.all_safe() and self.value("connector_spool_records") == 0

    def value(self, name: str) -> float:
        value = self.registry.get_sample_value(name, {"connector": SOURCE})
        assert value is not None
        return value


@contextmanager
def sender(broker: EmbeddedKafka, directory: Path) -> Iterator[Sender]:
    sender = Sender(broker.bootstrap, directory)
    try:
        yield sender
    finally:
        sender.publisher.close()


def event(number: int) -> Event:
    return CallQueued(
        id=f"event-{number}",
        source=SOURCE,
        subject=f"call:{SOURCE}:{number % KEYS}",
        time=LONG_AGO + timedelta(milliseconds=number),
        data=CallQueuedData(queue="accueil"),
    )


def check(broker: EmbeddedKafka, sent: int) -> int:
    """Assert that all events exist, with first copies in the order of each key; return the number of further copies."""
    messages = read(broker.bootstrap, TOPIC)
    by_key: dict[bytes, list[str]] = {}
    for message in messages:
        found = decode(message.value())
        assert message.key() == found.subject.encode()
        assert message.timestamp()[1] / 1000 > time.time() - 3_600, (
            "the Kafka timestamp must not be the event's time, since retention counts from it"
        )
        assert message.headers() == [("content-type", b"application/cloudevents+json; charset=UTF-8")]
        by_key.setdefault(message.key(), []).append(found.id)
    assert len(by_key) == KEYS
    for key, ids in by_key.items():
        contact = int(key.rpartition(b":")[2])
        assert list(dict.fromkeys(ids)) == [f"event-{n}" for n in range(contact, sent, KEYS)]
    return len(messages) - sent


@pytest.fixture
def broker(own_kafka: EmbeddedKafka) -> EmbeddedKafka:
    apply_specs(own_kafka.bootstrap, [TopicSpec(TOPIC, 4)])
    return own_kafka


def test_events_are_confirmed_in_order_in_the_partition_of_other_clients(broker: EmbeddedKafka, tmp_path: Path) -> None:
    with sender(broker, tmp_path) as sending:
        assert sending.publisher.ready
        for _ in range(30):
            sending.send(100)
            assert sending.value("connector_events_published_total") >= (sending.confirmed or [0])[-1]
        sending.poll_until(sending.all_safe)
        assert sending.confirmed == list(range(100, 3_001, 100))
        assert sending.value("connector_events_published_total") == 3_000
        assert sending.value("connector_last_event_timestamp_seconds") == event(2_999).time.timestamp()
        assert sending.value("connector_broker_outages_total") == 0
    assert not list((tmp_path / "spool").iterdir())
    assert check(broker, 3_000) == 0
    ours = {message.key(): message.partition() for message in read(broker.bootstrap, TOPIC)}
    apply_specs(broker.bootstrap, [TopicSpec("others", 4)])
    produce(broker.bootstrap, [("others", key, b"") for key in ours])
    assert {message.key(): message.partition() for message in read(broker.bootstrap, "others")} == ours


def test_publisher_waits_for_the_broker_at_the_start(broker: EmbeddedKafka, tmp_path: Path) -> None:
    broker.stop()
    with sender(broker, tmp_path) as sending:
        for _ in range(5):
            sending.send(100)
        assert sending.confirmed[-1] == 500, "spooled events are confirmed"
        assert sending.value("connector_spool_records") == 500
        assert sending.value("connector_events_published_total") == 0
    with sender(broker, tmp_path) as sending:  # as after a restart of the process
        assert sending.value("connector_spool_records") == 500
        sending.sent = 500
        sending.send(100)
        broker.start()
        sending.poll_until(sending.all_acknowledged)
        assert sending.publisher.ready
        sending.send(100)
        sending.poll_until(sending.all_acknowledged)
        assert sending.value("connector_events_published_total") == 700
    assert check(broker, 700) == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_publisher_survives_a_broker_restart_under_load(
    broker: EmbeddedKafka, tmp_path: Path, lose_patience: Callable[[], None], how: int
) -> None:
    with sender(broker, tmp_path) as sending:
        for round_ in range(60):
            if round_ == 20:
                broker.stop(how)
                lose_patience()
            if round_ == 40:
                assert sending.value("connector_broker_outages_total") == 1
                assert sending.value("connector_spool_records") > 0
                broker.start()
            sending.poll_until(lambda: sending.publisher.ready)
            sending.send(50)
            if round_ == 39:
                sending.poll_until(sending.all_safe)
        sending.poll_until(sending.all_acknowledged)
        assert sending.confirmed == list(range(50, 3_001, 50))
    assert not list((tmp_path / "spool").iterdir())
    check(broker, 3_000)


def test_publisher_survives_a_broker_that_hangs_beyond_the_timeout(
    broker: EmbeddedKafka, tmp_path: Path, lose_patience: Callable[[], None]
) -> None:
    with sender(broker, tmp_path) as sending:
        sending.send(100)
        sending.poll_until(sending.all_safe)
        assert broker.pid is not None
        with paused(broker.pid):
            lose_patience()
            sending.send(100)
            assert sending.confirmed == [100]
            sending.poll_until(sending.all_safe)
            assert sending.value("connector_spool_records") == 100
            assert sending.value("connector_broker_outages_total") == 1
        sending.poll_until(sending.all_acknowledged)
        sending.send(100)
        sending.poll_until(sending.all_acknowledged)
    check(broker, 300)


def test_publisher_waits_for_a_missing_topic(
    own_kafka: EmbeddedKafka, tmp_path: Path, lose_patience: Callable[[], None]
) -> None:
    lose_patience()
    with sender(own_kafka, tmp_path) as sending:
        sending.send(100)
        assert sending.value("connector_spool_records") == 100
        apply_specs(own_kafka.bootstrap, [TopicSpec(TOPIC, 4)])
        sending.poll_until(sending.all_acknowledged)
    assert check(own_kafka, 100) == 0


def test_synchronous_delivery_confirms_or_raises(own_kafka: EmbeddedKafka, lose_patience: Callable[[], None]) -> None:
    apply_specs(own_kafka.bootstrap, [TopicSpec(TOPIC, 2)])
    events = [event(number) for number in range(300)]
    for _ in range(2):
        deliver(own_kafka.bootstrap, events, client_id="essai")
    found = read(own_kafka.bootstrap, TOPIC)
    assert sorted(message.value() for message in found) == sorted([encode(one) for one in events] * 2)
    assert own_kafka.pid is not None
    lose_patience()
    with paused(own_kafka.pid), pytest.raises(DeliveryError):
        deliver(own_kafka.bootstrap, events, client_id="essai")
    own_kafka.stop()
    with pytest.raises(DeliveryError):
        deliver(own_kafka.bootstrap, events, client_id="essai")
