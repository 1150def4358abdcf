"""Publisher without a broker; for tests with a broker see tests/broker."""

import socket
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2
from prometheus_client import CollectorRegistry

from connectors.sdk.delivery import SPOOL_ROOM_BYTES
from connectors.sdk.metrics import Meter, Metrics
from connectors.sdk.publisher import KafkaPublisher, partition_of
from connectors.sdk.record import Record, pack, unpack
from connectors.sdk.spool import Spool
from models.events import CallQueued, CallQueuedData, Event
from tests.support.processes import wait_until


@given(
    st.builds(
        Record,
        topic=st.text(max_size=30),
        key=st.binary(max_size=50),
        value=st.binary(max_size=200),
        happened_ms=st.integers(0, 2**63),
        replayed=st.booleans(),
    )
)
def test_record_is_unchanged_by_the_spool(record: Record) -> None:
    assert unpack(pack(record)) == record


@given(st.binary(max_size=70), st.integers(1, 100))
def test_partition_of_a_key_is_the_one_of_other_clients(key: bytes, count: int) -> None:
    assert partition_of(key, count) == (murmur2(key) & 0x7FFFFFFF) % count


def event(number: int = 0) -> Event:
    return CallQueued(
        id=f"event-{number}",
        source="asterisk/essai",
        subject=f"call:asterisk/essai:{number}",
        time=datetime(2026, 3, 16, 9, 0, 0, 250_000, tzinfo=UTC),
        data=CallQueuedData(queue="accueil"),
    )


def test_refused_events_are_spooled_and_the_reason_is_shown(tmp_path: Path) -> None:
    meter = Meter(Metrics(CollectorRegistry()), "asterisk/essai")
    checked: list[list[str]] = []

    def check(topics: Collection[str]) -> str:
        checked.append([*topics])
        return "rights are missing"

    with socket.create_server(("127.0.0.1", 0)) as listening:
        brokers = f"127.0.0.1:{listening.getsockname()[1]}"
        spool = Spool(tmp_path, 2 * SPOOL_ROOM_BYTES)
        publisher = KafkaPublisher(brokers, spool, meter, client_id="essai", check=check)
        wait_until(lambda: publisher.poll(0.1) or publisher.trouble, "the refusal")
        publisher.publish([event()], lambda: None)
        assert (publisher.trouble, spool.records, checked[0]) == ("rights are missing", 1, [])
    wait_until(lambda: publisher.poll(0.1) or not publisher.trouble, "the loss of the broker")
    publisher.close()
