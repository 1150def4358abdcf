"""Delivery of events to Kafka. Events are safe when all in-sync replicas have them.

Kafka's own timestamp is the time of sending. With the time of the event, retention would delete the events of an old log before
any worker reads them, and the broker would refuse the events of a clock that is an hour ahead.
"""

import contextlib
import gc
import logging
import socket
import time
import traceback
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from kafka import KafkaProducer, TopicPartition
from kafka.errors import IllegalStateError, KafkaError
from kafka.net.compat import KafkaNetClient
from kafka.producer.future import FutureRecordMetadata
from kafka.producer.producer_batch import ProducerBatch
from kafka.record.memory_records import MemoryRecordsBuilder
from murmurhash2 import murmurhash2

from connectors.sdk.broker_connection import BrokerRefusedError
from connectors.sdk.delivery import PATIENCE_SECONDS, SpooledPublisher
from connectors.sdk.metrics import Meter
from connectors.sdk.record import Record, to_record
from connectors.sdk.spool import Spool
from models.events import Event

ABANDON_SECONDS: Final = 5.0
"""Longest wait for kafka-python's sender thread to end."""
_SEED: Final = 0x9747B28C  # of org.apache.kafka.common.utils.Utils.murmur2
PRODUCER: Final = {
    "acks": "all",
    "enable_idempotence": True,
    "compression_type": "lz4",
    "linger_ms": 2,
    "batch_size": 256 << 10,
    "bootstrap_timeout_ms": 3_000,
    "max_block_ms": int(PATIENCE_SECONDS * 1000),  # for the metadata of a topic
    "delivery_timeout_ms": 86_400_000,  # never reached: on expiry kafka-python would send later batches out of order
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
}


class KafkaPublisher(SpooledPublisher):
    """The production `Publisher`.

    `brokers` is `host:port,…`; `options` are passed to kafka-python (security). Only the first event of a topic waits for the
    broker, at most `PATIENCE_SECONDS`. Before each connection, `check` gets the topics written to until then. It returns Kafka's
    refusals for them as a text; empty if there are none. Other parameters are those of `SpooledPublisher`.
    """

    def __init__(
        self,
        brokers: str,
        spool: Spool,
        meter: Meter,
        *,
        client_id: str,
        options: Mapping[str, Any] | None = None,
        reread_until_ms: int = 0,
        check: Callable[[Collection[str]], str] = lambda _topics: "",
    ) -> None:
        settings = {"client_id": client_id, **PRODUCER, **(options or {})}
        topics: set[str] = set()

        def open_producer() -> _Producer:
            _knock(brokers.split(","))
            if refusal := check(sorted(topics)):
                raise BrokerRefusedError(refusal)
            return _open_producer(brokers.split(","), settings, topics)

        failures = (KafkaError, OSError)
        super().__init__(spool, meter, open_producer, failures=failures, reread_until_ms=reread_until_ms)


class DeliveryError(Exception):
    """Not all in-sync replicas have all events. Some may be stored; sending them again has no further effect."""


def deliver(brokers: str, events: Sequence[Event], *, client_id: str, options: Mapping[str, Any] | None = None) -> None:
    """Send events without a spool, and return once they are as safe as those of a `KafkaPublisher`.

    For callers that wait for the result. Raises `DeliveryError` after `PATIENCE_SECONDS`, or earlier if Kafka refuses or no
    broker listens.
    """
    settings = {"client_id": client_id, **PRODUCER, **(options or {})}
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        producer = _open_producer(brokers.split(","), settings)
        try:
            for future in producer.send_all([to_record(event) for event in events]):
                future.get(max(0.0, deadline - time.monotonic()))
        finally:
            producer.abandon()
    except (KafkaError, OSError) as error:
        raise DeliveryError(type(error).__name__) from None


def partition_of(key: bytes, count: int) -> int:
    """Return the partition of a key, below `count`, as Kafka's own clients choose it; kafka-python's way is 30 times slower."""
    return (murmurhash2(key, _SEED) & 0x7FFFFFFF) % count


class _Producer(KafkaProducer):
    topics: set[str]
    """All topics written to, also by earlier producers of the same publisher."""

    def send_all(self, records: Sequence[Record]) -> list[Any]:
        """Add `records` to batches, in order per partition; return a future for each batch that contains some of them.

        The first record of a topic waits for its metadata. Raises `KafkaError` if that takes longer than `max_block_ms`.

        `KafkaProducer.send` makes a future for each record. With it the connector takes 1.7 times as much processor time for a
        line of `queue_log`. This follows the code of `KafkaProducer.send` and `RecordAccumulator.append` in the pinned version.
        """
        counts: dict[str, int] = {}
        by_partition: dict[tuple[str, int], list[Record]] = {}
        for record in records:
            topic = record.topic
            count = counts.get(topic)
            if count is None:
                self.topics.add(topic)
                count = counts[topic] = self._count_partitions(topic)
            partition = topic, partition_of(record.key, count)
            if partition in by_partition:
                by_partition[partition].append(record)
            else:
                by_partition[partition] = [record]
        return [future for tp, own in by_partition.items() for future in self._append(TopicPartition(*tp), own)]

    def _count_partitions(self, topic: str) -> int:
        if self._metadata.partitions_for_topic(topic) is None:
            self._wait_on_metadata(topic, self.config["max_block_ms"])
        return len(self._metadata.partitions_for_topic(topic))

    def _append(self, tp: TopicPartition, records: Sequence[Record]) -> list[Any]:
        accumulator, now, timestamp_ms = self._accumulator, time.monotonic(), int(time.time() * 1000)
        futures: list[Any] = []
        touched = None
        accumulator._appends_in_progress.increment()  # so that a concurrent close misses no batch
        try:
            with accumulator._tp_lock(tp):
                if accumulator._closed:
                    raise IllegalStateError
                batches = accumulator._batches[tp]
                batch = batches[-1] if batches else None
                for record in records:
                    parts = timestamp_ms, record.key, record.value, record.headers
                    if batch is None or batch.records.append(*parts) is None:
                        batch = ProducerBatch(tp, _open_records(accumulator.config), now=now)
                        batch.records.append(*parts)  # an empty batch accepts a record of any size
                        batches.append(batch)
                        accumulator._incomplete.add(batch)
                    if batch is not touched:
                        touched, batch.last_append = batch, now
                        futures.append(FutureRecordMetadata(batch.produce_future, 0, timestamp_ms, None, -1, -1, -1))
        finally:
            accumulator._appends_in_progress.decrement()
        self._sender.wakeup()
        return futures

    def abandon(self) -> None:
        """Stop immediately and drop unsent records. `close` would wait for them first."""
        self._sender.force_close()
        self._sender.join(ABANDON_SECONDS)
        with contextlib.suppress(KafkaError):
            self.close(timeout=0)
        _collect()


def _open_records(config: Mapping[str, Any]) -> MemoryRecordsBuilder:
    return MemoryRecordsBuilder(config["message_version"], config["compression_attrs"], config["batch_size"])


def _open_producer(brokers: Sequence[str], options: Mapping[str, Any], topics: set[str] | None = None) -> _Producer:
    logging.getLogger("kafka").setLevel(logging.WARNING)  # at DEBUG, kafka-python logs the contents of requests
    _knock(brokers)
    made: list[KafkaNetClient] = []

    def make(**config: Any) -> KafkaNetClient:
        made.append(KafkaNetClient(**config))
        return made[-1]

    try:
        producer = _Producer(bootstrap_servers=brokers, kafka_client=make, **options)
    except Exception as error:
        traceback.clear_frames(error.__traceback__)  # the frames would keep the objects alive that must be collected
        for client in made:
            client.close()
        _collect()
        raise
    producer.topics = set() if topics is None else topics
    return producer


def _collect() -> None:
    """Collect garbage without warnings: this closes sockets that kafka-python leaves in reference cycles."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def _knock(brokers: Sequence[str]) -> None:
    """Raise OSError if no broker listens: that of the last one. This is faster and clearer than a producer's attempt."""
    for broker in brokers:
        host, _, port = broker.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
        except OSError as error:
            refusal = error
        else:
            return
    raise refusal
