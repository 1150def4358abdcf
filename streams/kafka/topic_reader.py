"""Follows a topic as it is committed, through restarts of the broker and topics made anew, in no consumer group."""

import time
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from threading import Event
from typing import Any, Final, NamedTuple, Protocol

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import (
    AuthorizationError,
    KafkaError,
    KafkaTimeoutError,
    TopicAuthorizationFailedError,
    for_code,
)

from streams.kafka.clients import open_client
from streams.kafka.record import Record

__all__ = [
    "RETRY_SECONDS",
    "AuthorizationError",
    "Follower",
    "KafkaError",
    "Phase",
    "Record",
    "TopicReader",
    "open_client",
    "read_cluster",
    "read_until",
]

POLL_MS: Final = 500
PROBE_SECONDS: Final = 5.0
"""How often the broker is asked whether it is there and the topic is still the same one."""
RETRY_SECONDS: Final = 1.0
SILENT_SECONDS: Final = 30.0
"""A broker that has brought nothing for so long is away."""
FOLLOWER_CLIENT: Final = {"reconnect_backoff_max_ms": 1_000, "request_timeout_ms": 5_000, "bootstrap_timeout_ms": 2_000}
"""Of who follows a topic: a broker that does not answer is told soon, and asked again for ever."""
ONE_SHOT_CLIENT: Final = FOLLOWER_CLIENT | {
    "request_timeout_ms": int(SILENT_SECONDS * 1000),
    "bootstrap_timeout_ms": 10_000,
}
"""Of who asks once, and gives up if nothing answers: a broker that has just begun, on a busy machine, is waited for."""
CONSUMER_OPTIONS: Final = {
    "isolation_level": "read_committed",
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
    "fetch_min_bytes": 1,  # what is new comes at once; while nothing is, the broker holds each request for
    "fetch_max_wait_ms": POLL_MS,
}


class Phase(StrEnum):
    """What is being done."""

    NO_BROKER = "no_broker"
    REFUSED = "refused"
    """Kafka refuses the login, or the reading of the topic."""
    NO_TOPIC = "no_topic"
    LOADING = "loading"
    """Reading what was written before."""
    FOLLOWING = "following"
    """All that was written before is read; what is new comes as it is committed."""


class Follower(Protocol):
    """Whoever has a topic read. What it raises ends the reading, but for `KafkaError`."""

    def begin(self, topic_id: str, beginnings: Mapping[int, int]) -> Mapping[int, int]:
        """Return by partition where to begin; `beginnings` is what there is. Another id than before: another topic."""

    def take(self, records: Mapping[int, Sequence[Record]], next_offsets: Mapping[int, int]) -> None:
        """Take records by partition, and what is to be read next of each; called at least every `POLL_MS`, with none too."""

    def set_state(self, phase: Phase, detail: str) -> None:
        """Take note of what is being done; called again and again."""


class TopicMissing(Exception):  # noqa: N818 - a state of the cluster, not an error of the program
    """The topic does not exist, not yet, or not any more as it was: reading begins anew."""


class _Identity(NamedTuple):
    """What makes a topic the same topic: one deleted and created again has another id, and other offsets."""

    topic_id: str
    partitions: tuple[int, ...]


class TopicReader:
    """Reads `topic` for a follower. `client` goes to kafka-python (its name, security)."""

    def __init__(
        self, topic: str, follower: Follower, brokers: str, client: Mapping[str, Any], *, max_poll_records: int
    ) -> None:
        self._topic = topic
        self._follower = follower
        self._client = {"bootstrap_servers": brokers, **FOLLOWER_CLIENT, **client}
        self._consumer = self._client | CONSUMER_OPTIONS | {"max_poll_records": max_poll_records}

    def run(self, stopping: Event) -> None:
        """Read until `stopping`, from where the follower says each time that the broker or the topic is there again."""
        while not stopping.is_set():
            try:
                self._read(stopping)
            except TopicMissing as missing:
                self._follower.set_state(Phase.NO_TOPIC, str(missing))
            except KafkaError as error:
                self._tell_failure(error)
            stopping.wait(RETRY_SECONDS)

    def _tell_failure(self, error: KafkaError) -> None:
        """Distinguish a refusal from a broker that does not answer."""
        refusal = None
        if isinstance(error, AuthorizationError) or "sasl_mechanism" in self._client:
            from streams.kafka import authorization  # noqa: PLC0415 - brings aiokafka

            own = {
                name: value for name, value in self._client.items() if name.startswith(("sasl_", "ssl_", "security_"))
            }
            needs = authorization.RequiredRights({self._topic: authorization.READ})
            refusal = authorization.find_refusal(self._client["bootstrap_servers"], own, needs)
        if refusal is not None:
            self._follower.set_state(Phase.REFUSED, refusal.text)
        else:
            self._follower.set_state(Phase.NO_BROKER, type(error).__name__)

    def _read(self, stopping: Event) -> None:
        with open_client(KafkaAdminClient, self._client) as admin:
            identity = self._identify(admin)
            with open_client(KafkaConsumer, self._consumer) as consumer:
                self._follow(admin, consumer, identity, stopping)

    def _follow(self, admin: Any, consumer: Any, identity: _Identity, stopping: Event) -> None:
        ends = self._begin(consumer, identity)
        probe_at = time.monotonic() + PROBE_SECONDS
        while not stopping.is_set():
            found = consumer.poll(timeout_ms=POLL_MS)
            records = {partition.partition: several for partition, several in found.items()}
            self._follower.take(records, {partition.partition: consumer.position(partition) for partition in found})
            if ends and all(consumer.position(partition) >= end for partition, end in ends.items()):
                ends = {}
                self._follower.set_state(Phase.FOLLOWING, f"{self._topic} read to its end")
            if time.monotonic() >= probe_at:
                there = self._probe(admin, identity, caught_up=not ends)
                probe_at = time.monotonic() + (PROBE_SECONDS if there else RETRY_SECONDS)

    def _begin(self, consumer: Any, identity: _Identity) -> dict[TopicPartition, int]:
        """Go to where the follower says, or as near as there are records; return where the partitions end now."""
        partitions = [TopicPartition(self._topic, number) for number in identity.partitions]
        consumer.assign(partitions)
        beginnings: dict[TopicPartition, int] = consumer.beginning_offsets(partitions)
        # With read_committed, the end is that of the last decided transaction.
        ends: dict[TopicPartition, int] = consumer.end_offsets(partitions)
        places = self._follower.begin(identity.topic_id, {one.partition: beginnings[one] for one in partitions})
        for partition in partitions:
            beginning, place = beginnings[partition], places[partition.partition]
            consumer.seek(partition, place if beginning <= place <= ends[partition] else beginning)
        self._follower.set_state(Phase.LOADING, f"{self._topic}, {len(partitions)} partitions")
        return ends

    def _probe(self, admin: Any, identity: _Identity, *, caught_up: bool) -> bool:
        """Return whether the broker answers."""
        try:
            found = self._identify(admin)
        except KafkaError as error:
            self._follower.set_state(Phase.NO_BROKER, type(error).__name__)
            return False
        if found != identity:
            raise TopicMissing(f"{self._topic} is another topic now")
        self._follower.set_state(Phase.FOLLOWING if caught_up else Phase.LOADING, "broker answers")
        return True

    def _identify(self, admin: Any) -> _Identity:
        topic = admin.describe_topics([self._topic])[0]
        if topic["error_code"] == TopicAuthorizationFailedError.errno:
            raise TopicAuthorizationFailedError(self._topic)
        if not topic["partitions"]:
            raise TopicMissing(f"{self._topic}: {for_code(topic['error_code']).__name__}")
        return _Identity(str(topic["topic_id"]), tuple(sorted(part["partition_index"] for part in topic["partitions"])))


def read_cluster(brokers: str, client: Mapping[str, Any]) -> str:
    """Return the id of the Kafka cluster, which its data have since they were made. Raises `KafkaError`."""
    with open_client(KafkaAdminClient, {"bootstrap_servers": brokers, **FOLLOWER_CLIENT, **client}) as admin:
        return str(admin.describe_cluster()["cluster_id"])


def read_until(
    consumer: Any, ends: Mapping[TopicPartition, int], starts: Mapping[TopicPartition, int] | int = 0
) -> Iterator[tuple[TopicPartition, Sequence[Any]]]:
    """Yield records of partitions, a few at a time, from `starts` or as far back as there are some, until each one's end.

    Raises `KafkaError` if the brokers do not go on answering.
    """
    consumer.assign(list(ends))
    for place, begin in consumer.beginning_offsets(list(ends)).items():
        consumer.seek(place, max(begin, starts if isinstance(starts, int) else starts[place]))
    moved_at = time.monotonic()
    while open_ := [place for place, end in ends.items() if consumer.position(place) < end]:
        before = sum(map(consumer.position, open_))
        for place, found in consumer.poll(timeout_ms=POLL_MS).items():
            if records := [record for record in found if record.offset < ends[place]]:
                yield place, records
        if sum(map(consumer.position, open_)) > before:
            moved_at = time.monotonic()
        elif time.monotonic() - moved_at > SILENT_SECONDS:
            raise KafkaTimeoutError(
                f"{', '.join(sorted({place.topic for place in open_}))}: could not be read to the end"
            )
