"""Recovery of a partition before its first step: rows, offsets, and the beginnings and ends of its sources."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Final

import aiokafka
import msgspec
from aiokafka.structs import TopicPartition

from streams.engine.batch import FETCH_WAIT_MS
from streams.engine.job import Table

OFFSETS_KEY: Final = b"\x00offsets"
"""The one record of the first state topic that is no row: source topic → next offset, as of the same transaction."""
FETCH_BYTES: Final = 4 << 20

encode_offsets = msgspec.json.Encoder().encode
decode_offsets = msgspec.json.Decoder(dict[str, int]).decode


class UnrecoverableStateError(RuntimeError):
    """The topics hold something that this release cannot continue from. Another start changes nothing: a person has to decide."""


@dataclass(slots=True)
class Recovery:
    """What is known of the topics of one partition number; offsets by topic."""

    committed: dict[str, int] = field(default_factory=dict)
    """Next offset to take of each source, as of the last transaction."""
    replayed: dict[str, int] = field(default_factory=dict)
    """Next offset to replay of each state topic: empty until all of them were read once."""
    begins: dict[str, int] = field(default_factory=dict)
    """First offset that each source still holds."""
    ends: dict[str, int] = field(default_factory=dict)
    """Last stable offset of each source."""

    async def read(
        self,
        number: int,
        sources: Sequence[str],
        states: Sequence[str],
        tables: Sequence[Table[Any, Any]],
        client: Mapping[str, Any],
        progressed: Callable[[], None],
    ) -> int:
        """Read the state topics to their ends into `tables`, from `replayed` on; return the number of records.

        `client` is how aiokafka reaches the broker; `progressed` is called as records come in. Raises `BeyondRepair` for a
        row that this release cannot read, and for a key that is no table's.
        """
        consumer = aiokafka.AIOKafkaConsumer(
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_partition_fetch_bytes=FETCH_BYTES,
            **client,
        )
        loads = {
            TopicPartition(topic, number): [table.load for table in tables if table.topic == topic] for topic in states
        }
        loads[TopicPartition(states[0], number)].insert(0, self._load_offsets)
        await consumer.start()
        try:
            own = [TopicPartition(topic, number) for topic in sources]
            self.begins = _by_topic(await consumer.beginning_offsets(own))
            self.ends = _by_topic(await consumer.end_offsets(own))
            consumer.assign(list(loads))
            begins = await consumer.beginning_offsets(list(loads))
            ends = await consumer.end_offsets(list(loads))  # read_committed: last stable offsets, final by now
            for tp in loads:
                consumer.seek(tp, max(self.replayed.get(tp.topic, 0), begins[tp]))
            count = 0
            behind = [tp for tp in loads if await consumer.position(tp) < ends[tp]]
            while behind:
                for tp, records in (await consumer.getmany(*behind, timeout_ms=200)).items():
                    count += len(records)
                    progressed()
                    for record in records:
                        _load(tp, record, loads[tp])
                # By position: the end of a state topic is always the marker of a transaction, never a record.
                behind = [tp for tp in behind if await consumer.position(tp) < ends[tp]]
            self.replayed = _by_topic(ends)
            return count
        finally:
            await consumer.stop()

    def _load_offsets(self, key: bytes, value: bytes | None) -> bool:
        if key != OFFSETS_KEY:
            return False
        self.committed = decode_offsets(value or b"")
        return True

    def find_position_files(self, topic: str, group: int | None, *, skip_expired: bool) -> tuple[int, int]:
        """Return the next offset to take of a source, and how many records before it are gone untaken.

        The state's offsets are the truth. The group's are in the same transactions, so they may be gone (the broker forgets those
        of a group that was away for a week), but never others.

        Raises `BeyondRepair` if state and group contradict each other, or the source was made anew, or lost records unless
        `skip_expired`.
        """
        committed = self.committed.get(topic)
        if group not in {None, committed}:
            raise UnrecoverableStateError(
                f"{topic}: the next offset is {committed} by the state topics, and {group} by the consumer group"
            )
        begin, end = self.begins[topic], self.ends[topic]
        position = begin if committed is None else committed
        expired = max(0, begin - position)
        if expired and not skip_expired:
            raise UnrecoverableStateError(
                f"{topic}: {expired} records were deleted by retention before they were taken"
            )
        if position > end:
            raise UnrecoverableStateError(f"{topic}: the next offset is {position}, but the topic ends at {end}")
        return position + expired, expired


def _load(tp: TopicPartition, record: Any, loads: Sequence[Callable[[bytes, bytes | None], bool]]) -> None:
    """Load a row. Raises `BeyondRepair` with the row's place and the running release if nothing can read it."""
    try:
        if not any(load(record.key, record.value) for load in loads):
            raise ValueError("a key that no table knows")  # noqa: TRY301 - for one text of the two
    except (ValueError, TypeError, LookupError, msgspec.MsgspecError) as error:
        why = repr(error) if isinstance(error, KeyError) else str(error)
        place = f"{tp.topic}, partition {tp.partition}, offset {record.offset}"
        raise UnrecoverableStateError(f"{place}: {why} (this is Accueil {version('accueil')})") from error


def _by_topic(offsets: Mapping[TopicPartition, int]) -> dict[str, int]:
    return {tp.topic: offset for tp, offset in offsets.items()}
