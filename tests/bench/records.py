"""Fast reads and writes of records on a real Kafka, with a client library that the measured programs do not use."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from streams.kafka.embedded_broker import EmbeddedKafka

CONFIRM_SECONDS: Final = 60
SILENT_SECONDS: Final = 30


@contextmanager
def running_kafka(directory: Path) -> Iterator[EmbeddedKafka]:
    """Run a broker during a `with` block."""
    kafka = EmbeddedKafka(directory)
    kafka.start()
    try:
        yield kafka
    finally:
        kafka.stop()


def make_producer(bootstrap: str, linger_ms: int = 20, **login: str) -> Producer:
    """Return a producer configured like a connector's: idempotent, lz4, Kafka's default partitioner.

    `login` has further options of librdkafka.
    """
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "compression.type": "lz4",
            "enable.idempotence": True,
            "linger.ms": linger_ms,
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 500_000,
            "log_level": 3,
            **login,
        }
    )


def send(producer: Producer, topic: str, key: bytes | str, value: bytes) -> None:
    """Send one record; wait while the producer's buffer is full."""
    while True:
        try:
            producer.produce(topic, key=key, value=value)
        except BufferError:
            producer.poll(0.1)
        else:
            producer.poll(0)
            return


def confirm(producer: Producer) -> None:
    """Wait until the broker has confirmed all records; raise `RuntimeError` if it does not."""
    if unsent := producer.flush(CONFIRM_SECONDS):
        raise RuntimeError(f"the broker did not confirm {unsent} records")


def produce(bootstrap: str, topic: str, records: Iterable[tuple[bytes | str, bytes]]) -> tuple[int, int]:
    """Produce (key, value) records and wait for the confirmation; return their number and bytes."""
    producer = make_producer(bootstrap)
    count = size = 0
    for key, value in records:
        send(producer, topic, key, value)
        count += 1
        size += len(value)
    confirm(producer)
    return count, size


class Stored(NamedTuple):
    """One record of a topic; the key is empty for None."""

    partition: int
    key: bytes
    value: bytes | None


def read(bootstrap: str, topic: str, **login: str) -> Iterator[Stored]:
    """Yield the committed records of `topic` up to its end, in the order of each partition. `login` has options of librdkafka.

    Raises `RuntimeError` if the end is not reached, and `KafkaException` for other failures.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench-read",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "log_level": 3,
            **login,
        }
    )
    try:
        partitions = consumer.list_topics(topic, CONFIRM_SECONDS).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        unread, heard_at = set(partitions), time.monotonic()
        while unread:
            messages = consumer.consume(10_000, 0.1)  # waits this long for this number of records
            if messages:
                heard_at = time.monotonic()
            elif time.monotonic() - heard_at > SILENT_SECONDS:
                raise RuntimeError(f"{topic}: neither a record nor the end for {SILENT_SECONDS} s")
            for message in messages:
                error = message.error()
                if error is None:
                    yield Stored(message.partition() or 0, message.key() or b"", message.value())
                elif error.code() == KafkaError._PARTITION_EOF:
                    unread.discard(message.partition())
                else:
                    raise KafkaException(error)
    finally:
        consumer.close()


def latest(records: Iterable[Stored]) -> dict[tuple[int, bytes], bytes]:
    """Return the latest value by (partition, key), without deleted keys, as after compaction."""
    values: dict[tuple[int, bytes], bytes] = {}
    for partition, key, value in records:
        if value is None:
            values.pop((partition, key), None)
        else:
            values[partition, key] = value
    return values
