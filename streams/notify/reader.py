"""Reads the events of clocks, as committed, from where the store says: the only part of notify that knows Kafka.

It is in no consumer group: how far it has read is kept with what was read, so that they are never at odds.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from enum import StrEnum
from threading import Event
from typing import Any, Final

import structlog
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError, for_code
from kafka.net.compat import KafkaNetClient
from pydantic import ValidationError

from models.sla import AnySlaEvent, decode_sla
from streams.notify.store import DAY_MS, Store

POLL_MS: Final = 500
PROBE_SECONDS: Final = 5.0
"""How often the broker is asked whether it is there and the topic still the same one."""
RETRY_SECONDS: Final = 1.0
FORGET_SECONDS: Final = 3600.0
CONSUMER: Final = {
    "isolation_level": "read_committed",
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
    "fetch_min_bytes": 1,
    "fetch_max_wait_ms": POLL_MS,
    "max_poll_records": 5_000,
}

log = structlog.get_logger(__name__)


class State(StrEnum):
    """How it goes, as /readyz says it."""

    NO_BROKER = "no_broker"
    NO_TOPIC = "sla_no_topic"
    LOADING = "sla_loading"
    FOLLOWING = "sla_following"


class TopicMissing(Exception):  # noqa: N818 - a state of the cluster, not an error of the program
    """The topic does not exist, not yet, or not any more as it was."""


class Reader:
    """Keeps `store` as the topic is, and calls `changed` when there may be something to tell. For one thread."""

    def __init__(
        self,
        store: Store,
        brokers: str,
        client: Mapping[str, Any],
        *,
        changed: Callable[[], None],
        keep_ended_days: int,
        topic: str,
    ) -> None:
        self.state = State.NO_BROKER
        self.records = 0
        self.unreadable = 0
        self.moved_at = time.monotonic()
        """When it last got anywhere, if only to wait for the broker."""
        self._store = store
        self._changed = changed
        self._keep_ms = keep_ended_days * DAY_MS
        self._topic = topic
        self._forget_at = 0.0
        self._client = {
            "bootstrap_servers": brokers,
            "client_id": "accueil-notify",
            "reconnect_backoff_max_ms": 1_000,
            "request_timeout_ms": 5_000,
            "bootstrap_timeout_ms": 2_000,
            **client,
        }

    def run(self, stopping: Event) -> None:
        """Read until `stopping`, through restarts of the broker. Raises `ConnectorError` if the store cannot be written."""
        while not stopping.is_set():
            self.moved_at = time.monotonic()
            try:
                self._read(stopping)
            except TopicMissing:
                self.state = State.NO_TOPIC
            except KafkaError:
                self.state = State.NO_BROKER
            stopping.wait(RETRY_SECONDS)

    def _read(self, stopping: Event) -> None:
        with _client(KafkaAdminClient, self._client) as admin:
            topic_id, numbers = self._identify(admin)
            with _client(KafkaConsumer, self._client | CONSUMER) as consumer:
                ends = self._begin(consumer, topic_id, numbers)
                probe_at = time.monotonic() + PROBE_SECONDS
                while not stopping.is_set():
                    self.moved_at = time.monotonic()
                    self._take(consumer)
                    if ends and all(consumer.position(partition) >= end for partition, end in ends.items()):
                        ends = {}
                        self._arrive()
                    if self.moved_at >= probe_at:
                        there = self._probe(admin, (topic_id, numbers), caught_up=not ends)
                        probe_at = time.monotonic() + (PROBE_SECONDS if there else RETRY_SECONDS)

    def _begin(self, consumer: Any, topic_id: str, numbers: tuple[int, ...]) -> dict[TopicPartition, int]:
        """Go to where reading was left; return where the partitions end now."""
        partitions = [TopicPartition(self._topic, number) for number in numbers]
        following = self._store.topic(topic_id)
        consumer.assign(partitions)
        beginnings: dict[TopicPartition, int] = consumer.beginning_offsets(partitions)
        ends: dict[TopicPartition, int] = consumer.end_offsets(partitions)
        for partition in partitions:
            beginning, end = beginnings[partition], ends[partition]
            offset = following.get(partition.partition, beginning)
            if offset < beginning:
                log.warning(
                    "records_expired", topic=self._topic, partition=partition.partition, count=beginning - offset
                )
            consumer.seek(partition, offset if beginning <= offset <= end else beginning)
        self.state = State.LOADING
        return ends

    def _arrive(self) -> None:
        if not self._store.is_telling:
            self._store.begin_telling(round(time.time() * 1000))
            self._changed()
        self.state = State.FOLLOWING

    def _take(self, consumer: Any) -> None:
        found = consumer.poll(timeout_ms=POLL_MS)
        now = round(time.time() * 1000)
        if found:
            events = [event for records in found.values() for event in self._decode(records)]
            offsets = {partition.partition: consumer.position(partition) for partition in found}
            if self._store.take(events, offsets, now):
                self._changed()
        if self.moved_at >= self._forget_at:
            self._store.forget(now - self._keep_ms)
            self._forget_at = self.moved_at + FORGET_SECONDS

    def _decode(self, records: list[Any]) -> Iterator[AnySlaEvent]:
        for record in records:
            self.records += 1
            try:
                yield decode_sla(record.value or b"")
            except ValidationError:
                self.unreadable += 1
                log.warning("sla_unreadable", topic=record.topic, partition=record.partition, offset=record.offset)

    def _probe(self, admin: Any, known: tuple[str, tuple[int, ...]], *, caught_up: bool) -> bool:
        """Return whether the broker answers."""
        try:
            found = self._identify(admin)
        except KafkaError:
            self.state = State.NO_BROKER
            return False
        if found != known:
            raise TopicMissing(self._topic)
        self.state = State.FOLLOWING if caught_up else State.LOADING
        return True

    def _identify(self, admin: Any) -> tuple[str, tuple[int, ...]]:
        """Return what makes the topic the same one: its id and its partitions."""
        topic = admin.describe_topics([self._topic])[0]
        if not topic["partitions"]:
            raise TopicMissing(f"{self._topic}: {for_code(topic['error_code']).__name__}")
        return str(topic["topic_id"]), tuple(sorted(part["partition_index"] for part in topic["partitions"]))


@contextmanager
def _client(kind: Any, config: Mapping[str, Any]) -> Iterator[Any]:
    """Hand out a client and close it: also if it could not be made, when kafka-python 3.0.12 leaves its thread behind."""
    made: list[KafkaNetClient] = []

    def make(**config: Any) -> KafkaNetClient:
        made.append(KafkaNetClient(**config))
        return made[-1]

    try:
        with closing(kind(kafka_client=make, **config)) as client:
            yield client
    finally:
        for inner in made:
            inner.close()
