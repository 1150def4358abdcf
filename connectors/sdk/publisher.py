"""Deliver events to Kafka: they are safe when all in-sync replicas have them.

Kafka's own timestamp is left to be the time of sending. Were it the time of the event, retention would delete what an old log
holds before anyone has read it, and one clock an hour ahead would have its records refused.
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
from connectors.sdk.delivery import SpooledPublisher
from connectors.sdk.metrics import Meter
from connectors.sdk.record import Record, to_record
from connectors.sdk.record_batch import BatchBuilder
from connectors.sdk.spool import Spool
from models.events import Event

ABANDON_SECONDS: Final = 5.0
_SEED: Final = 0x9747B28C  # of org.apache.kafka.common.utils.Utils.murmur2
PRODUCER: Final = {
    "acks": "all",
    "enable_idempotence": True,
    "compression_type": "lz4",
    "linger_ms": 2,
    "batch_size": 256 << 10,
    "bootstrap_timeout_ms": 3_000,
    "delivery_timeout_ms": 24 * 3_600_000,  # never reached: it fails one batch and sends the next, out of order
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
}


class KafkaPublisher(SpooledPublisher):
    """The `Publisher` of operation.

    `brokers` is `host:port,…`; `options` go to kafka-python (security). Only the first event for a topic waits for the broker,
    for `patience_seconds` at most. `check` returns in words what Kafka refuses for topics that were written to; empty if nothing.
    """

    def __init__(
        self,
        brokers: str,
        spool: Spool,
        meter: Meter,
        *,
        client_id: str,
        options: Mapping[str, Any] | None = None,
        patience_seconds: float = 10.0,
        reread_until_ms: int = 0,
        check: Callable[[Collection[str]], str] = lambda _topics: "",
    ) -> None:
        settings = {"client_id": client_id, "max_block_ms": int(patience_seconds * 1000), **PRODUCER, **(options or {})}
        topics: set[str] = set()

        def open_producer() -> _Producer:
            _knock(brokers.split(","))
            if refusal := check(sorted(topics)):
                raise BrokerRefusedError(refusal)
            return _open_producer(brokers.split(","), settings, topics)

        super().__init__(
            spool,
            meter,
            open_producer,
            failures=(KafkaError, OSError),
            patience_seconds=patience_seconds,
            reread_until_ms=reread_until_ms,
        )


class DeliveryError(Exception):
    """Not all in-sync replicas have all events: some may be there, and the same sent again are the same."""


def deliver(
    brokers: str,
    events: Sequence[Event],
    *,
    client_id: str,
    options: Mapping[str, Any] | None = None,
    patience_seconds: float = 10.0,
) -> None:
    """Send events that somebody waits for, without a spool, and return once they are as safe as those of a `KafkaPublisher`.

    Raises `NotDelivered` after `patience_seconds`, or at once if no broker listens.
    """
    settings = {"client_id": client_id, "max_block_ms": int(patience_seconds * 1000), **PRODUCER, **(options or {})}
    deadline = time.monotonic() + patience_seconds
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
    """Return where Kafka's own clients put a key, of `count` partitions: kafka-python takes thirty times as long for it."""
    return (murmurhash2(key, _SEED) & 0x7FFFFFFF) % count


class _Producer(KafkaProducer):
    topics: set[str]
    """All topics that were written to."""

    def send_all(self, records: Sequence[Record]) -> list[Any]:
        """Put `records` into batches, in their order; return a future for each batch that has some of them.

        `KafkaProducer.send` does the same for one record, with a future of its own for each: that takes longer than to read
        and map it. Source: its code, and that of `RecordAccumulator.append`, of the version that is pinned.
        """
        counts: dict[str, int] = {}
        places: dict[tuple[str, int], list[Record]] = {}
        for record in records:
            topic = record.topic
            count = counts.get(topic)
            if count is None:
                self.topics.add(topic)
                count = counts[topic] = self._count_partitions(topic)
            place = topic, partition_of(record.key, count)
            if place in places:
                places[place].append(record)
            else:
                places[place] = [record]
        return [future for place, own in places.items() for future in self._append(TopicPartition(*place), own)]

    def _count_partitions(self, topic: str) -> int:
        if self._metadata.partitions_for_topic(topic) is None:
            self._wait_on_metadata(topic, self.config["max_block_ms"])
        return len(self._metadata.partitions_for_topic(topic))

    def _append(self, tp: TopicPartition, records: Sequence[Record]) -> list[Any]:
        accumulator, now, timestamp_ms = self._accumulator, time.monotonic(), int(time.time() * 1000)
        told: list[Any] = []
        touched = None
        accumulator._appends_in_progress.increment()  # so that a close overlooks no batch
        try:
            with accumulator._tp_lock(tp):
                if accumulator._closed:
                    raise IllegalStateError
                batches = accumulator._batches[tp]
                batch = batches[-1] if batches else None
                for record in records:
                    parts = timestamp_ms, record.key, record.value, record.headers
                    if batch is None or batch.records.append(*parts) is None:
                        batch = _open_batch(tp, accumulator.config, now)
                        batch.records.append(*parts)  # the first fits, however large
                        batches.append(batch)
                        accumulator._incomplete.add(batch)
                    if batch is not touched:
                        touched, batch.last_append = batch, now
                        told.append(FutureRecordMetadata(batch.produce_future, 0, timestamp_ms, None, -1, -1, -1))
        finally:
            accumulator._appends_in_progress.decrement()
        self._sender.wakeup()
        return told

    def abandon(self) -> None:
        """Stop at once: what was not sent will not be. `close` would first wait for it."""
        self._sender.force_close()
        self._sender.join(ABANDON_SECONDS)
        with contextlib.suppress(KafkaError):
            self.close(timeout=0)
        _collect()


def _open_batch(tp: TopicPartition, config: Mapping[str, Any], now: float) -> ProducerBatch:
    version, compression, size = config["message_version"], config["compression_attrs"], config["batch_size"]
    records = MemoryRecordsBuilder(version, compression, size)
    records._builder = BatchBuilder(version, compression, 0, -1, -1, -1, size)
    return ProducerBatch(tp, records, now=now)


def _open_producer(brokers: Sequence[str], options: Mapping[str, Any], topics: set[str] | None = None) -> _Producer:
    logging.getLogger("kafka").setLevel(logging.WARNING)  # at DEBUG it prints whole frames
    _knock(brokers)
    made: list[KafkaNetClient] = []

    def make(**config: Any) -> KafkaNetClient:
        made.append(KafkaNetClient(**config))
        return made[-1]

    try:
        producer = _Producer(bootstrap_servers=brokers, kafka_client=make, **options)
    except Exception as error:
        traceback.clear_frames(error.__traceback__)  # else they hold what is to be collected
        for client in made:
            client.close()
        _collect()
        raise
    producer.topics = set() if topics is None else topics
    return producer


def _collect() -> None:
    """Close the sockets that kafka-python leaves in reference cycles where it could not connect, at no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def _knock(brokers: Sequence[str]) -> None:
    """Raise OSError if no broker listens: cheaper, and clearer, than to let a producer try."""
    for broker in brokers:
        host, _, port = broker.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
        except OSError as error:
            refusal = error
        else:
            return
    raise refusal
