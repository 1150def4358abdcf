"""Reader of dead letters, and their replay to the topic of origin."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from kafka import KafkaProducer, TopicPartition

from models.reasons import read_stored_reason
from models.topics import DEAD_LETTERS, REPLAYED_FROM_HEADER
from streams.kafka.topic_reader import ONE_SHOT_CLIENT, open_client, open_consumer, read_until

ORIGINAL: Final = "original."
"""Prefix of header names copied from the original record."""
REPLAYED: Final = "replayed"
"""Header of a replay mark, with the position of the replayed dead letter."""
ORIGIN_NUMBERS: Final = ("origin_partition", "origin_offset", "origin_timestamp", "dead_at")
MAX_REQUEST_BYTES: Final = 4 << 20
"""Maximum size of a request of the producer, in bytes."""
CLIENT_ID: Final = "accueil-dead-letters"
TIMEOUT_SECONDS: Final = 30
"""Longest wait of the producer for the acknowledgement of a record, in seconds."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A rejected record, unchanged, with the reason and its origin. Times are in milliseconds since 1970.

    An unknown origin has partition and offset -1.
    """

    partition: int
    offset: int
    """Offset in the topic of dead letters."""
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    """Headers of the original record, without the prefix `ORIGINAL`."""
    reason: str
    detail: str
    origin_topic: str
    """Topic of the original record; empty if unknown."""
    origin_partition: int
    origin_offset: int
    origin_timestamp: int
    dead_at: int

    @property
    def position(self) -> str:
        """`PARTITION:OFFSET`, which names the dead letter on the command line."""
        return f"{self.partition}:{self.offset}"

    @property
    def origin(self) -> str:
        """Topic, partition and offset of the original record; empty if unknown."""
        if not self.origin_topic:
            return ""
        return f"{self.origin_topic} {self.origin_partition}:{self.origin_offset}"

    @property
    def replayable(self) -> bool:
        """True if the dead letter has a key or a value, and a known origin."""
        return bool(self.origin_topic) and not (self.key is None and self.value is None)

    @property
    def replayed_from(self) -> str:
        """Position of an earlier dead letter whose replay was rejected again as this one.

        `rejects` if it is the replay of a record that a connector had rejected; empty if it was not replayed.
        """
        return dict(self.headers).get(REPLAYED_FROM_HEADER, b"").decode()


class ReplayResult(NamedTuple):
    """Mark in the topic of dead letters: the earlier dead letter at `position` was replayed."""

    position: str
    at: int
    """Time of the replay in milliseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Selection of dead letters that match all given criteria; None accepts all."""

    reason: str | None = None
    topic: str | None = None
    since: int | None = None
    """Earliest `dead_at`, in milliseconds since 1970."""
    positions: frozenset[str] = frozenset()
    """The `DeadLetter.position` of each wanted letter; empty for all."""

    def takes(self, letter: DeadLetter) -> bool:
        """Return whether `letter` matches all given criteria."""
        return (
            self.reason in {None, letter.reason}
            and self.topic in {None, letter.origin_topic}
            and (self.since is None or letter.dead_at >= self.since)
            and (not self.positions or letter.position in self.positions)
        )


def read(brokers: str, wanted: Filter, client: Mapping[str, Any] | None = None) -> Iterator[DeadLetter | ReplayResult]:
    """Yield the current dead letters that match `wanted`, in the order of each partition.

    Marks of replays are among them, also for other dead letters: those in the partitions of `wanted.positions`, if given, and
    from about an hour before `wanted.since` on. `client` holds security options of kafka-python. The iteration raises
    `KafkaError` if the brokers do not answer.
    """
    with open_consumer(brokers, {"client_id": CLIENT_ID, **(client or {})}) as consumer:
        for found in _read(consumer, wanted):
            if isinstance(found, ReplayResult) or wanted.takes(found):
                yield found


def _read(consumer: Any, wanted: Filter) -> Iterator[DeadLetter | ReplayResult]:
    topic = DEAD_LETTERS.name
    numbers = sorted(consumer.partitions_for_topic(topic) or ())
    if wanted.positions:
        numbers = [
            number for number in numbers if any(position.startswith(f"{number}:") for position in wanted.positions)
        ]
    if not numbers:
        return
    ends = consumer.end_offsets([TopicPartition(topic, number) for number in numbers])
    for _, records in read_until(consumer, ends, _starts(consumer, ends, wanted.since)):
        yield from map(_decode, records)


def _starts(consumer: Any, ends: Mapping[TopicPartition, int], since: int | None) -> Mapping[TopicPartition, int] | int:
    """Return the offsets at which to start reading, about an hour before `since`; 0 for all partitions without `since`."""
    if since is None:
        return 0
    # This only saves reading; the filter decides. The hour covers the difference between the clocks of worker and broker.
    found = consumer.offsets_for_times(dict.fromkeys(ends, max(since - 3_600_000, 0)))
    return {position: found[position].offset if found.get(position) else end for position, end in ends.items()}


def _decode(record: Any) -> DeadLetter | ReplayResult:
    headers: list[tuple[str, bytes]] = [(name, value or b"") for name, value in record.headers]
    own = {name: value.decode(errors="replace") for name, value in headers if not name.startswith(ORIGINAL)}
    if position := own.get(REPLAYED):
        return ReplayResult(position, record.timestamp)
    try:
        origin: dict[str, Any] = {name: own[name] for name in ("detail", "origin_topic")}
        origin["reason"] = read_stored_reason(own["reason"])
        origin |= {name: int(own[name]) for name in ORIGIN_NUMBERS}
    except (KeyError, ValueError):
        origin = {"reason": "unknown", "detail": "not written by a worker", "origin_topic": ""}
        origin |= {"origin_partition": -1, "origin_offset": -1}
        origin |= {"origin_timestamp": record.timestamp, "dead_at": record.timestamp}
    return DeadLetter(
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=tuple((name.removeprefix(ORIGINAL), value) for name, value in headers if name.startswith(ORIGINAL)),
        **origin,
    )


def replay(brokers: str, letters: Iterable[DeadLetter], client: Mapping[str, Any] | None = None) -> int:
    """Write each record to its original topic and partition, then a mark of each replay; return the number of records.

    The records are unchanged, except for the header `REPLAYED_FROM_HEADER`. Those not `replayable` are skipped. An event contains
    its id, so repeated replays count once while the worker has the row of its contact.

    Raises `KafkaError` for a record or mark without an acknowledgement. The other records may be written, and are not marked if
    a record failed.
    """
    config = {
        "bootstrap_servers": brokers,
        "client_id": CLIENT_ID,
        "acks": "all",
        "enable_idempotence": True,
        "max_request_size": MAX_REQUEST_BYTES,
        "bootstrap_timeout_ms": ONE_SHOT_CLIENT["bootstrap_timeout_ms"],
        "max_block_ms": TIMEOUT_SECONDS * 1000,
        "delivery_timeout_ms": TIMEOUT_SECONDS * 1000,
        "request_timeout_ms": TIMEOUT_SECONDS * 500,
        **(client or {}),
    }
    with open_client(KafkaProducer, config) as producer:
        sent = [letter for letter in letters if letter.replayable]
        _confirm([_send(producer, letter) for letter in sent])
        _confirm([_mark_replayed(producer, letter) for letter in sent])
        return len(sent)


def _confirm(futures: list[Any]) -> None:
    for future in futures:
        future.get(TIMEOUT_SECONDS * 2)


def _mark_replayed(producer: KafkaProducer, letter: DeadLetter) -> Any:
    headers = [(REPLAYED, letter.position.encode())]
    return producer.send(DEAD_LETTERS.name, value=b"", headers=headers, partition=letter.partition)


def _send(producer: KafkaProducer, letter: DeadLetter) -> Any:
    headers = [(name, value) for name, value in letter.headers if name != REPLAYED_FROM_HEADER]
    return producer.send(
        letter.origin_topic,
        key=letter.key,
        value=letter.value,
        headers=[*headers, (REPLAYED_FROM_HEADER, letter.position.encode())],
        # The original partition, even if the partitioner would choose another one: a replay must not change the record.
        partition=letter.origin_partition,
        timestamp_ms=letter.origin_timestamp,
    )
