"""Reader that follows the committed records of a topic without a consumer group, across restarts and re-created topics."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from threading import Event
from typing import Any, Final, NamedTuple, Protocol

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import AuthorizationError, KafkaError, KafkaTimeoutError, TopicAuthorizationFailedError, for_code

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
"""Longest wait of one poll for new records, in milliseconds."""
PROBE_SECONDS: Final = 5.0
"""Interval of the checks that the broker answers and that the topic is still the same one."""
RETRY_SECONDS: Final = 1.0
"""Pause before a new attempt after a failure."""
SILENT_SECONDS: Final = 30.0
"""Seconds without progress after which `read_until` gives up."""
FOLLOWER_CLIENT: Final = {"reconnect_backoff_max_ms": 1_000, "request_timeout_ms": 5_000, "bootstrap_timeout_ms": 2_000}
"""Client options of a follower: short timeouts, since it reports a missing broker soon and retries for ever."""
ONE_SHOT_CLIENT: Final = FOLLOWER_CLIENT | {
    "request_timeout_ms": int(SILENT_SECONDS * 1000),
    "bootstrap_timeout_ms": 10_000,
}
"""Client options of a command that reads once: long timeouts, for a broker that is still starting on a busy machine."""
CONSUMER_OPTIONS: Final = {
    "isolation_level": "read_committed",
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
    "fetch_min_bytes": 1,  # new records arrive immediately
    "fetch_max_wait_ms": POLL_MS,  # how long the broker holds a request without new records
}


class Phase(StrEnum):
    """State of a reader."""

    NO_BROKER = "no_broker"
    REFUSED = "refused"
    """Kafka refuses the login or read access to the topic."""
    NO_TOPIC = "no_topic"
    LOADING = "loading"
    """The reader has not yet reached the end that the topic had at the start."""
    FOLLOWING = "following"
    """The reader has reached that end, and receives new records as they are committed."""


class Follower(Protocol):
    """Receiver of a topic's records. An exception of its methods other than `KafkaError` ends `TopicReader.run`."""

    def begin(self, topic_id: str, beginnings: Mapping[int, int]) -> Mapping[int, int]:
        """Return partition → start offset, given partition → first available offset.

        A start offset outside the topic is replaced by the first available one. A `topic_id` that differs from that of the
        previous call means that the topic was created again.
        """

    def take(self, records: Mapping[int, Sequence[Record]], next_offsets: Mapping[int, int]) -> None:
        """Process new records and next offsets by partition; while connected, called about every `POLL_MS`, also with none."""

    def set_state(self, phase: Phase, detail: str) -> None:
        """Record the state of the reader; called repeatedly."""


class TopicMissing(Exception):  # noqa: N818 - a state of the cluster, not an error of the program
    """The topic does not exist, was created again or got more partitions; the reader starts over."""


class _Identity(NamedTuple):
    """Id and partitions of a topic; a topic that was deleted and created again has another id and other offsets."""

    topic_id: str
    partitions: tuple[int, ...]


class TopicReader:
    """Read `topic` for a follower. `client` holds options of kafka-python, such as its client id and security."""

    def __init__(
        self, topic: str, follower: Follower, brokers: str, client: Mapping[str, Any], *, max_poll_records: int
    ) -> None:
        self._topic = topic
        self._follower = follower
        self._client = {"bootstrap_servers": brokers, **FOLLOWER_CLIENT, **client}
        self._consumer = self._client | CONSUMER_OPTIONS | {"max_poll_records": max_poll_records}

    def run(self, stopping: Event) -> None:
        """Read until `stopping` is set. After each interruption, continue where the follower says."""
        while not stopping.is_set():
            try:
                self._read(stopping)
            except TopicMissing as missing:
                self._follower.set_state(Phase.NO_TOPIC, str(missing))
            except KafkaError as error:
                self._report_failure(error)
            stopping.wait(RETRY_SECONDS)

    def _report_failure(self, error: KafkaError) -> None:
        """Set the follower's state: `REFUSED` if Kafka refuses the login or the read access, else `NO_BROKER`."""
        refusal = None
        if isinstance(error, AuthorizationError) or "sasl_mechanism" in self._client:
            from streams.kafka import authorization  # noqa: PLC0415 - imports aiokafka

            security = {
                name: value for name, value in self._client.items() if name.startswith(("sasl_", "ssl_", "security_"))
            }
            needs = authorization.RequiredRights({self._topic: authorization.READ})
            refusal = authorization.find_refusal(self._client["bootstrap_servers"], security, needs)
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
        probe_at = 0.0  # the first probe reports `LOADING`, after a poll that raises if the topic may not be read
        while not stopping.is_set():
            found = consumer.poll(timeout_ms=POLL_MS)
            records = {partition.partition: own for partition, own in found.items()}
            self._follower.take(records, {partition.partition: consumer.position(partition) for partition in found})
            if ends and all(consumer.position(partition) >= end for partition, end in ends.items()):
                ends = {}
                self._follower.set_state(Phase.FOLLOWING, f"{self._topic} read to its end")
            if time.monotonic() >= probe_at:
                answers = self._probe(admin, identity, caught_up=not ends)
                probe_at = time.monotonic() + (PROBE_SECONDS if answers else RETRY_SECONDS)

    def _begin(self, consumer: Any, identity: _Identity) -> dict[TopicPartition, int]:
        """Seek to the follower's start offsets, or to the beginning where they are out of range; return the end offsets."""
        partitions = [TopicPartition(self._topic, number) for number in identity.partitions]
        consumer.assign(partitions)
        beginnings: dict[TopicPartition, int] = consumer.beginning_offsets(partitions)
        # With read_committed, this is the last stable offset.
        ends: dict[TopicPartition, int] = consumer.end_offsets(partitions)
        starts = self._follower.begin(
            identity.topic_id, {partition.partition: beginnings[partition] for partition in partitions}
        )
        for partition in partitions:
            beginning, start = beginnings[partition], starts[partition.partition]
            consumer.seek(partition, start if beginning <= start <= ends[partition] else beginning)
        return ends

    def _probe(self, admin: Any, identity: _Identity, *, caught_up: bool) -> bool:
        """Check the broker and the topic, and set the follower's state; return False if the broker gives no usable answer.

        Raises `TopicMissing` if the topic was deleted or created again, or got more partitions.
        """
        try:
            found = self._identify(admin)
        except KafkaError as error:
            self._report_failure(error)
            return False
        if found != identity:
            raise TopicMissing(f"{self._topic} was created again")
        self._follower.set_state(Phase.FOLLOWING if caught_up else Phase.LOADING, "broker answers")
        return True

    def _identify(self, admin: Any) -> _Identity:
        topic = admin.describe_topics([self._topic])[0]
        if topic["error_code"] == TopicAuthorizationFailedError.errno:
            raise TopicAuthorizationFailedError(self._topic)
        if not topic["partitions"]:
            raise TopicMissing(f"{self._topic}: {for_code(topic['error_code']).__name__}")
        return _Identity(str(topic["topic_id"]), tuple(sorted(part["partition_index"] for part in topic["partitions"])))


def open_consumer(brokers: str, client: Mapping[str, Any]) -> AbstractContextManager[KafkaConsumer]:
    """Open a consumer for a command that reads once; `client` holds security options of kafka-python."""
    return open_client(KafkaConsumer, {"bootstrap_servers": brokers, **ONE_SHOT_CLIENT, **CONSUMER_OPTIONS, **client})


def read_cluster(brokers: str, client: Mapping[str, Any]) -> str:
    """Return the id of the Kafka cluster, which is stored in its data. Raises `KafkaError`."""
    with open_client(KafkaAdminClient, {"bootstrap_servers": brokers, **FOLLOWER_CLIENT, **client}) as admin:
        return str(admin.describe_cluster()["cluster_id"])


def read_until(
    consumer: Any, ends: Mapping[TopicPartition, int], starts: Mapping[TopicPartition, int] | int = 0
) -> Iterator[tuple[TopicPartition, Sequence[Any]]]:
    """Yield the records of partitions in small batches, from `starts` or the first available record up to and excluding `ends`.

    Raises `KafkaError` after `SILENT_SECONDS` without progress.
    """
    consumer.assign(list(ends))
    for partition, begin in consumer.beginning_offsets(list(ends)).items():
        consumer.seek(partition, max(begin, starts if isinstance(starts, int) else starts[partition]))
    progress_at = time.monotonic()
    while unread := [partition for partition, end in ends.items() if consumer.position(partition) < end]:
        before = sum(map(consumer.position, unread))
        for partition, found in consumer.poll(timeout_ms=POLL_MS).items():
            if records := [record for record in found if record.offset < ends[partition]]:
                yield partition, records
        if sum(map(consumer.position, unread)) > before:
            progress_at = time.monotonic()
        elif time.monotonic() - progress_at > SILENT_SECONDS:
            raise KafkaTimeoutError(
                f"{', '.join(sorted({partition.topic for partition in unread}))}: could not be read to the end"
            )
