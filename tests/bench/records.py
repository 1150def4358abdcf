"""Records to a real Kafka and back, by the thousand, by a client that none of the measured programs uses as a worker does."""

import time
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

CONFIRM_SECONDS: Final = 60
SILENT_SECONDS: Final = 30


def make_producer(bootstrap: str, linger_ms: int = 20) -> Producer:
    """Return a producer as a connector's is: idempotent, lz4, Kafka's own partitioner."""
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "compression.type": "lz4",
            "enable.idempotence": True,
            "linger.ms": linger_ms,
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 500_000,
            "log_level": 3,
        }
    )


def send(producer: Producer, topic: str, key: bytes | str, value: bytes) -> None:
    """Hand over one record; waits while the producer's buffer is full."""
    while True:
        try:
            producer.produce(topic, key=key, value=value)
        except BufferError:
            producer.poll(0.1)
        else:
            producer.poll(0)
            return


def confirm(producer: Producer) -> None:
    """Return once the broker has confirmed everything; raise `RuntimeError` if it does not."""
    if unsent := producer.flush(CONFIRM_SECONDS):
        raise RuntimeError(f"the broker did not confirm {unsent} records")


def produce(bootstrap: str, topic: str, records: Iterable[tuple[bytes | str, bytes]]) -> tuple[int, int]:
    """Produce (key, value) and wait for the confirmation; return how many there were, and their bytes."""
    producer = make_producer(bootstrap)
    count = size = 0
    for key, value in records:
        send(producer, topic, key, value)
        count += 1
        size += len(value)
    confirm(producer)
    return count, size


class Stored(NamedTuple):
    """One record of a topic; key None and an empty one are the same."""

    partition: int
    key: bytes
    value: bytes | None


def read(bootstrap: str, topic: str) -> Iterator[Stored]:
    """Yield the committed records of `topic` up to its end, each partition in order.

    Raises `RuntimeError` if the end does not come, `KafkaException` for any other failure.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench-read",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "log_level": 3,
        }
    )
    try:
        partitions = consumer.list_topics(topic, CONFIRM_SECONDS).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        unread, heard_at = set(partitions), time.monotonic()
        while unread:
            messages = consumer.consume(10_000, 0.1)  # waits so long for as many as that
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
    """Return (partition, key) → last value, as compaction would leave it: deleted keys are not there."""
    values: dict[tuple[int, bytes], bytes] = {}
    for partition, key, value in records:
        if value is None:
            values.pop((partition, key), None)
        else:
            values[partition, key] = value
    return values
