"""Start of a partition task: loads its rows and finds the first offset to read.

Detects input that retention deleted before it was processed, and a topic that was created again.
"""

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
"""Key of the record in the first state topic that holds the committed offsets: source topic → next offset."""
FETCH_BYTES: Final = 4 << 20
"""Maximum size of one fetch of one partition of a state topic, in bytes."""

encode_offsets = msgspec.json.Encoder().encode
decode_offsets = msgspec.json.Decoder(dict[str, int]).decode


class UnrecoverableStateError(RuntimeError):
    """The state in the topics cannot be continued by this release. A restart does not help; the operator must decide."""


@dataclass(slots=True)
class Recovery:
    """Offsets of one partition number, by topic, and the replay of its state topics."""

    committed: dict[str, int] = field(default_factory=dict)
    """Next offset of each source, as of the last transaction; without sources that have had no record yet."""
    replayed: dict[str, int] = field(default_factory=dict)
    """Next offset to replay of each state topic; empty until all of them have been read once."""
    begins: dict[str, int] = field(default_factory=dict)
    """First available offset of each source."""
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
        """Read the state topics into `tables`, from `replayed` to their ends, and set all fields; return the number of records.

        `client` holds the connection options for aiokafka. `progressed` is called as records arrive. Raises
        `UnrecoverableStateError` for a row that this release cannot decode, and for a key that belongs to no table.
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
                # Compare positions, not record offsets: a state topic always ends with a transaction marker.
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

    def find_start(self, topic: str, group: int | None, *, skip_expired: bool) -> tuple[int, int]:
        """Return the offset at which to continue in a source, and the number of records before it that were lost unprocessed.

        The offsets in the state topic are authoritative. Those of the consumer group (`group`) were committed in the same
        transactions. They can be missing, since the broker deletes them after a week without members, but not different.

        Raises `UnrecoverableStateError` if the two differ, if the source ends before the offset (it was created again), or if
        records were lost and `skip_expired` is not set.
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
                f"{topic}: {expired} records were deleted by retention before they were processed"
            )
        if position > end:
            raise UnrecoverableStateError(f"{topic}: the next offset is {position}, but the topic ends at {end}")
        return position + expired, expired


def _load(tp: TopicPartition, record: Any, loads: Sequence[Callable[[bytes, bytes | None], bool]]) -> None:
    """Load a row. Raises `UnrecoverableStateError` with the record's position and the running release if that fails."""
    try:
        if not any(load(record.key, record.value) for load in loads):
            raise ValueError("the key belongs to no table")  # noqa: TRY301 - the handler adds the position
    except (ValueError, TypeError, LookupError, msgspec.MsgspecError) as error:
        reason = repr(error) if isinstance(error, KeyError) else str(error)
        position = f"{tp.topic}, partition {tp.partition}, offset {record.offset}"
        raise UnrecoverableStateError(f"{position}: {reason} (this is Accueil {version('accueil')})") from error


def _by_topic(offsets: Mapping[TopicPartition, int]) -> dict[str, int]:
    return {tp.topic: offset for tp, offset in offsets.items()}
