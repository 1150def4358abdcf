"""Kafka producer and consumer for tests, based on confluent-kafka and thus independent of the system under test."""

import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from streams.kafka.broker_login import MECHANISM, USER
from tests.support.threads import in_background

Produced = tuple[str, bytes | None, bytes | None]
"""Topic, key and value."""


def login(password: str, mechanism: str = MECHANISM) -> dict[str, str]:
    """Return the login options of librdkafka."""
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": mechanism,
        "sasl.username": USER,
        "sasl.password": password,
    }


def asks_for_login(place: str) -> bool:
    """Return whether the listener closes the connection on a metadata request without a login."""
    host, _, port = place.partition(":")
    request = struct.pack(">hhih", 3, 1, 7, -1) + struct.pack(">i", -1)  # METADATA, version 1, of all topics
    with socket.create_connection((host, int(port)), 10) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        return connection.recv(100) == b""


def produce(bootstrap: str, records: Iterable[Produced], **config: object) -> list[int]:
    """Produce records and wait for their acknowledgement; return the indexes of the acknowledged records."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "linger.ms": 5,
            **config,
        }
    )
    acknowledged: list[int] = []
    for index, (topic, key, value) in enumerate(records):

        def record(error: KafkaError | None, _: Message, index: int = index) -> None:
            if error is None:
                acknowledged.append(index)

        producer.produce(topic, key=key, value=value, on_delivery=record)
        producer.poll(0)
    assert producer.flush(60) == 0
    return acknowledged


@contextmanager
def trickle(bootstrap: str, batches: Iterable[Iterable[Produced]], pause_seconds: float = 0.1) -> Iterator[None]:
    """Produce the batches in the background with pauses, until the block ends."""

    def feed(stop: Event) -> None:
        for batch in batches:
            produce(bootstrap, batch)
            if stop.wait(pause_seconds):
                return

    with in_background(feed):
        yield


def read(bootstrap: str, *topics: str, committed: bool = True, **config: object) -> list[Message]:
    """Return all records of `topics` up to the current ends, in order within each partition.

    `committed` skips records of open and aborted transactions. `config` is passed to librdkafka.
    """
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (messages := _read_once(bootstrap, topics, config, committed=committed)) is not None:
            return messages
    raise AssertionError(f"could not read {topics} to the end")


def _read_once(
    bootstrap: str, topics: Iterable[str], config: Mapping[str, object], *, committed: bool
) -> list[Message] | None:
    """Read to the ends, or return None after a stall: librdkafka sometimes misses an end during transactions."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "tests-read",
            "enable.auto.commit": False,
            "isolation.level": "read_committed" if committed else "read_uncommitted",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 50,
            "fetch.error.backoff.ms": 50,
            "log_level": 2,
            **config,
        }
    )
    try:
        assignment = []
        for topic in topics:
            found = consumer.list_topics(topic, 30).topics[topic].partitions
            assignment += [TopicPartition(topic, partition, 0) for partition in found]
        consumer.assign(assignment)
        messages: list[Message] = []
        ended: set[tuple[str, int]] = set()
        stalled_at = time.monotonic() + 3
        while len(ended) < len(assignment):
            batch = consumer.consume(2000, 0.02)
            if batch:
                stalled_at = time.monotonic() + 3
            elif time.monotonic() > stalled_at:
                return None
            for message in batch:
                partition = message.topic(), message.partition()
                if message.error() is None:
                    messages.append(message)
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    ended.add(partition)
        return messages
    finally:
        consumer.close()


def latest(messages: Iterable[Message]) -> dict[tuple[int, bytes], bytes]:
    """Return the last value by partition and key, without deleted keys, as compaction would leave them."""
    rows: dict[tuple[int, bytes], bytes] = {}
    for message in messages:
        if message.value() is None:
            rows.pop((message.partition(), message.key()), None)
        else:
            rows[message.partition(), message.key()] = message.value()
    return rows


def read_until(
    bootstrap: str, topic: str, enough: Callable[[list[Message]], bool], timeout_seconds: float = 120
) -> list[Message]:
    """Read `topic` repeatedly until `enough(messages)` is true."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        messages = read(bootstrap, topic)
        if enough(messages):
            return messages
        assert time.monotonic() < deadline, f"{len(messages)} records of {topic} after {timeout_seconds:.0f} s"
        time.sleep(0.1)
