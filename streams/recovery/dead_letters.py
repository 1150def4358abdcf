"""Dead letters: read them, and send them back to the topic they came from."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from models.topics import DEAD_LETTERS, REPLAYED_FROM_HEADER
from streams.kafka.topic_reader import CONSUMER_OPTIONS, ONE_SHOT_CLIENT, open_client, read_until

ORIGINAL: Final = "original."
"""Before the names of the headers that the record itself had."""
REPLAYED: Final = "replayed"
"""Header of the note that is left beside a dead letter once it was replayed: its place."""
MAX_REQUEST_BYTES: Final = 4 << 20
CLIENT_ID: Final = "accueil-dead-letters"
TIMEOUT_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record that could not be used, as it was, and why. Times are milliseconds since 1970."""

    partition: int
    offset: int
    """Where it lies in the dead letters' topic."""
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    """Those that the record itself had."""
    reason: str
    detail: str
    origin_topic: str
    """Empty if nobody knows it."""
    origin_partition: int
    origin_offset: int
    origin_timestamp: int
    dead_at: int

    @property
    def position(self) -> str:
        """`PARTITION:OFFSET`, by which people name it."""
        return f"{self.partition}:{self.offset}"

    @property
    def origin(self) -> str:
        """Where the record lies that could not be used; empty if nobody knows."""
        if not self.origin_topic:
            return ""
        return f"{self.origin_topic} {self.origin_partition}:{self.origin_offset}"

    @property
    def replayable(self) -> bool:
        """Whether there is something to replay, and somewhere to replay it to."""
        return bool(self.origin_topic) and not (self.key is None and self.value is None)

    @property
    def replayed_from(self) -> str:
        """The place of the dead letter that this one repeats: it was replayed, and died again.

        `rejects` if a connector had rejected what it is made of; empty if it is the first.
        """
        return dict(self.headers).get(REPLAYED_FROM_HEADER, b"").decode()


class ReplayResult(NamedTuple):
    """A note that the dead letter at `place` was replayed; it comes after the letter."""

    position: str
    at: int
    """Milliseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which dead letters are meant: those that fit all that is given."""

    reason: str | None = None
    topic: str | None = None
    since: int | None = None
    """`dead_at` at the earliest, milliseconds since 1970."""
    positions: frozenset[str] = frozenset()

    def takes(self, letter: DeadLetter) -> bool:
        """Whether `letter` is meant."""
        return (
            self.reason in {None, letter.reason}
            and self.topic in {None, letter.origin_topic}
            and (self.since is None or letter.dead_at >= self.since)
            and (not self.positions or letter.position in self.positions)
        )


def read(brokers: str, wanted: Filter, client: Mapping[str, Any] | None = None) -> Iterator[DeadLetter | ReplayResult]:
    """Yield the dead letters that `wanted` takes, up to those that are there now, each partition in order.

    Among them are notes of which were replayed, also of letters that are not wanted. Raises `KafkaError` if the brokers do not
    answer. `client` goes to kafka-python (security).
    """
    config = {
        "bootstrap_servers": brokers,
        "client_id": CLIENT_ID,
        **ONE_SHOT_CLIENT,
        **CONSUMER_OPTIONS,
        **(client or {}),
    }
    with open_client(KafkaConsumer, config) as consumer:
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
    """Return where to begin: at what is a little older than `since`."""
    if since is None:
        return 0
    # A dead letter is written at `dead_at`, by a clock that may be off a little: the filter decides, this spares reading.
    found = consumer.offsets_for_times(dict.fromkeys(ends, max(since - 3_600_000, 0)))
    return {position: found[position].offset if found.get(position) else end for position, end in ends.items()}


def _decode(record: Any) -> DeadLetter | ReplayResult:
    position = dict(record.headers).get(REPLAYED)
    return _letter(record) if position is None else ReplayResult(position.decode(errors="replace"), record.timestamp)


def _letter(record: Any) -> DeadLetter:
    headers: list[tuple[str, bytes]] = [(name, value or b"") for name, value in record.headers]
    ours = {name: value.decode(errors="replace") for name, value in headers if not name.startswith(ORIGINAL)}
    try:
        story = _story(ours)
    except (KeyError, ValueError):
        story = _no_story(record.timestamp)
    return DeadLetter(
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=tuple((name.removeprefix(ORIGINAL), value) for name, value in headers if name.startswith(ORIGINAL)),
        **story,
    )


def _story(ours: Mapping[str, str]) -> dict[str, Any]:
    """Return what a worker said of a record. Raises `KeyError` or `ValueError` if none did."""
    texts = {name: ours[name] for name in ("reason", "detail", "origin_topic")}
    numbers = ("origin_partition", "origin_offset", "origin_timestamp", "dead_at")
    return {**texts, **{name: int(ours[name]) for name in numbers}}


def _no_story(timestamp: int) -> dict[str, Any]:
    return {
        "reason": "unknown",
        "detail": "not written by a worker",
        "origin_topic": "",
        "origin_partition": -1,
        "origin_offset": -1,
        "origin_timestamp": timestamp,
        "dead_at": timestamp,
    }


def replay(brokers: str, letters: Iterable[DeadLetter], client: Mapping[str, Any] | None = None) -> int:
    """Write each record, byte for byte, to the topic and partition it came from; return how many, all acknowledged.

    Those that are not `replayable` are passed over. An event has its id within, so one that is replayed twice counts once, as
    long as its contact is known. Then a note is left beside each letter. Raises `KafkaError` at the first that is not
    acknowledged: those before it are.
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
        _confirm([_note(producer, letter) for letter in sent])
        return len(sent)


def _confirm(futures: list[Any]) -> None:
    for future in futures:
        future.get(TIMEOUT_SECONDS * 2)


def _note(producer: KafkaProducer, letter: DeadLetter) -> Any:
    headers = [(REPLAYED, letter.position.encode())]
    return producer.send(DEAD_LETTERS.name, value=b"", headers=headers, partition=letter.partition)


def _send(producer: KafkaProducer, letter: DeadLetter) -> Any:
    kept = [(name, value) for name, value in letter.headers if name != REPLAYED_FROM_HEADER]
    return producer.send(
        letter.origin_topic,
        key=letter.key,
        value=letter.value,
        headers=[*kept, (REPLAYED_FROM_HEADER, letter.position.encode())],
        # Its own partition, even if the key belongs elsewhere: a replay must not change what a record was.
        partition=letter.origin_partition,
        timestamp_ms=letter.origin_timestamp,
    )


__all__ = ["DeadLetter", "Filter", "KafkaError", "ReplayResult", "read", "replay"]
