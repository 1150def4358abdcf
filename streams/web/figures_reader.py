"""Reads `accueil.figures.v1` from its beginning and then follows it: the only part of the web that knows Kafka."""

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, Final, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError, for_code
from kafka.net.compat import KafkaNetClient

from models.topics import FIGURES
from streams.web.view import FiguresView, Source

log = logging.getLogger(__name__)

POLL_MS: Final = 500
PROBE_SECONDS: Final = 5
"""How often the broker is asked whether it is there and the topic is still the same one."""
RETRY_SECONDS: Final = 1
MAX_POLL_RECORDS: Final = 50_000
"""More than one fetch brings, so that the rows of one step are seen together."""
CONSUMER: Final = {
    "isolation_level": "read_committed",
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
    "fetch_min_bytes": 1,  # what is new comes at once; while nothing is, the broker holds each request for
    "fetch_max_wait_ms": POLL_MS,
    "max_poll_records": MAX_POLL_RECORDS,
}


class TopicMissing(Exception):  # noqa: N818 - a state of the cluster, not an error of the program
    """The topic does not exist, not yet, or not any more as it was: reading begins anew."""


class Identity(NamedTuple):
    """What makes a topic the same topic: one deleted and created again has another id, and other offsets."""

    topic_id: str
    partitions: tuple[int, ...]


class FiguresReader:
    """A thread that keeps a `FiguresView` as the topic is, through broker restarts and re-created topics.

    It joins no group and commits nothing: every instance reads everything. `client` goes to kafka-python (security).
    """

    def __init__(
        self, view: FiguresView, brokers: str, client: Mapping[str, Any] | None = None, *, topic: str = FIGURES.name
    ) -> None:
        self._view = view
        self._topic = topic
        self._client = {
            "bootstrap_servers": brokers,
            "client_id": "accueil-web",
            "reconnect_backoff_max_ms": 1_000,
            "request_timeout_ms": 5_000,
            "bootstrap_timeout_ms": 2_000,
            **(client or {}),
        }
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="figures-reader", daemon=True)

    def start(self) -> None:
        """Begin to read; never waits for the broker."""
        self._thread.start()

    def stop(self, timeout_seconds: float = 10) -> None:
        """Stop reading and wait for the thread."""
        self._stopping.set()
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._read()
            except TopicMissing as missing:
                self._tell(Source.NO_TOPIC, str(missing))
            except KafkaError as error:
                self._tell(Source.NO_BROKER, type(error).__name__)
            except Exception:
                log.exception("figures: the Kafka client failed, it is started anew")
                self._tell(Source.NO_BROKER, "client failed")
            self._stopping.wait(RETRY_SECONDS)

    def _read(self) -> None:
        with _client(KafkaAdminClient, self._client) as admin:
            identity = self._identify(admin)
            with _client(KafkaConsumer, self._client | CONSUMER) as consumer:
                self._follow(admin, consumer, identity)

    def _follow(self, admin: KafkaAdminClient, consumer: KafkaConsumer, identity: Identity) -> None:
        partitions = [TopicPartition(self._topic, number) for number in identity.partitions]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        # With read_committed, the end is that of the last decided transaction.
        ends = consumer.end_offsets(partitions)
        self._view.begin(identity.partitions)
        self._tell(Source.LOADING, f"{self._topic}, {len(partitions)} partitions")
        probe_at = time.monotonic() + PROBE_SECONDS
        while not self._stopping.is_set():
            for partition, records in consumer.poll(timeout_ms=POLL_MS).items():
                rows = [(record.key, record.value) for record in records]
                self._view.apply_all(partition.partition, rows, records[-1].timestamp)
            if ends and all(consumer.position(partition) >= end for partition, end in ends.items()):
                ends = {}
                self._tell(Source.FOLLOWING, f"{self._topic} read to its end")
            if time.monotonic() >= probe_at:
                there = self._probe(admin, identity, caught_up=not ends)
                probe_at = time.monotonic() + (PROBE_SECONDS if there else RETRY_SECONDS)

    def _probe(self, admin: KafkaAdminClient, identity: Identity, *, caught_up: bool) -> bool:
        """Return whether the broker answers."""
        try:
            found = self._identify(admin)
        except KafkaError as error:
            self._tell(Source.NO_BROKER, type(error).__name__)
            return False
        if found != identity:
            raise TopicMissing(f"{self._topic} is another topic now")
        self._tell(Source.FOLLOWING if caught_up else Source.LOADING, "broker answers")
        return True

    def _identify(self, admin: KafkaAdminClient) -> Identity:
        topic = admin.describe_topics([self._topic])[0]
        if not topic["partitions"]:
            raise TopicMissing(f"{self._topic}: {for_code(topic['error_code']).__name__}")
        return Identity(str(topic["topic_id"]), tuple(sorted(part["partition_index"] for part in topic["partitions"])))

    def _tell(self, source: Source, detail: str) -> None:
        if source is not self._view.source:
            log.info("figures: %s (%s)", source.value, detail)
            self._view.tell(source)


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
