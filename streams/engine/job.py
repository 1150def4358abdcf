"""Interface between the engine and a stream job: tables of rows, and functions that fold records into them.

A job processes one partition in steps. A step folds records, or none (a tick), changes rows and adds output records. The engine
commits these changes and the records' offsets in one transaction, or discards all of them.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

from streams.kafka.record import Header, Record

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")
KeyValue = tuple[bytes | None, bytes | None]
"""Key and value of a record to write; the value None writes a tombstone."""


class Codec(NamedTuple, Generic[K, R]):
    """Functions that encode, decode and copy a table's keys and rows."""

    dump_key: Callable[[K], bytes]
    load_key: Callable[[bytes], K | None]
    """Return None for the key of another table; several tables may share a topic."""
    dump: Callable[[R], bytes]
    load: Callable[[K, bytes], R]
    copy: Callable[[R], R]
    """Return a copy that can be changed in place without changing the original; only `Table.edit` uses it."""


class Table(Generic[K, R]):
    """Rows of one partition, stored in the same partition of a compacted topic.

    Read rows with `rows[key]`. Change them only with `put` and `delete`, or in place after `edit`. The table then can roll back a
    failed step, and writes each changed row once per step.
    """

    __slots__ = ("before", "codec", "rows", "topic")

    def __init__(self, topic: str, codec: Codec[K, R]) -> None:
        self.topic: Final = topic
        self.codec: Final = codec
        self.rows: Final[dict[K, R]] = {}
        self.before: Final[dict[K, R | None]] = {}
        """Rows changed by this step, with their state at its start; None for a row that did not exist."""

    def put(self, key: K, row: R) -> None:
        """Set the row of `key`. The previous row object, if any, stays unchanged for a rollback."""
        if key not in self.before:
            self.before[key] = self.rows.get(key)
        self.rows[key] = row

    def edit(self, key: K, new: Callable[[], R]) -> R:
        """Return the row of `key` for changes in place during this step, created by `new` if missing."""
        row = self.rows.get(key)
        if key not in self.before:
            self.before[key] = row
            if row is not None:
                row = self.rows[key] = self.codec.copy(row)
        if row is None:
            row = self.rows[key] = new()
        return row

    def delete(self, key: K) -> None:
        """Remove the row of `key`, if any. The step writes a tombstone if the row existed at its start."""
        if key not in self.before:
            self.before[key] = self.rows.get(key)
        self.rows.pop(key, None)

    def load(self, key: bytes, value: bytes | None) -> bool:
        """Apply one record of the topic during recovery; return False, without effect, if its key belongs to another table.

        Raises the errors of the codec.
        """
        loaded = self.codec.load_key(key)
        if loaded is None:
            return False
        if value is None:
            self.rows.pop(loaded, None)
        else:
            self.rows[loaded] = self.codec.load(loaded, value)
        return True

    def changes(self) -> Iterable[KeyValue]:
        """Yield the current state of each row that this step changed, encoded, once per row; a tombstone for a deleted row."""
        dump_key, dump = self.codec.dump_key, self.codec.dump
        get = self.rows.get
        for key, old in self.before.items():
            row = get(key)
            if row is not None:
                yield dump_key(key), dump(row)
            elif old is not None:
                yield dump_key(key), None

    def commit(self) -> None:
        """Keep the current rows and forget their state at the start of the step, also after `roll_back`."""
        self.before.clear()

    def roll_back(self) -> None:
        """Restore all rows to their state before the step; `before` still lists the changed rows until `commit`."""
        for key, row in self.before.items():
            if row is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = row


class DeadLetter(NamedTuple):
    """A rejected record. Its key and value are written unchanged to the dead-letter topic, its reason and origin as headers."""

    topic: str
    partition: int
    record: Record
    reason: str
    detail: str

    def headers(self, now: int) -> list[Header]:
        """Return the headers: reason, detail, origin, `now` (milliseconds), and the record's own ones, prefixed `original.`."""
        record = self.record
        return [
            ("reason", self.reason.encode()),
            ("detail", self.detail.encode()),
            ("origin_topic", self.topic.encode()),
            ("origin_partition", str(self.partition).encode()),
            ("origin_offset", str(record.offset).encode()),
            ("origin_timestamp", str(record.timestamp).encode()),
            ("dead_at", str(now).encode()),
            *((f"original.{name}", value) for name, value in record.headers),
        ]


class Step:
    """Context and outputs of one step."""

    __slots__ = ("as_of", "dead_letters", "now", "outputs", "partition", "partitions", "taken")

    def __init__(
        self,
        partition: int,
        now: int,
        outputs: Iterable[str],
        as_of: int | None = None,
        partitions: int = 1,
        taken: Mapping[str, int] = {},
    ) -> None:
        self.partition: Final = partition
        self.partitions: Final = partitions
        """Number of partitions of each topic of the job."""
        self.now: Final = now
        """The engine's clock in milliseconds since 1970, the only clock that a fold may use."""
        self.as_of: Final = now if as_of is None else as_of
        """Kafka timestamp up to which all source records of the partition are in this step or an earlier one, in milliseconds.

        It equals `now` once the partition has caught up, and is 0 before the first record of a source that is behind."""
        self.outputs: Final[dict[str, list[KeyValue]]] = {topic: [] for topic in outputs}
        """Topic → records to write, each to the partition of its key."""
        self.dead_letters: Final[list[DeadLetter]] = []
        self.taken: Final = taken
        """Source topic → next offset after this step, for the topics of the step's records."""

    def reject(self, topic: str, record: Record, reason: str, detail: str = "") -> None:
        """Add `record` of `topic` to the dead letters that the engine writes with this step.

        `reason` is from a closed list; `detail` holds no value of the record.
        """
        self.dead_letters.append(DeadLetter(topic, self.partition, record, reason, detail))


class PartitionJob(Protocol):
    """The part of a job that processes one partition, called from one thread and for one step at a time."""

    @property
    def tables(self) -> Sequence[Table[Any, Any]]:
        """Tables that the engine recovers, writes and rolls back."""

    def restore(self) -> None:
        """Rebuild the data derived from the rows, after recovery."""

    def undo(self) -> None:
        """Update the data derived from the rows after a rollback; `Table.before` lists the rows that the step had changed."""

    def fold(self, topic: str, records: Sequence[Record], step: Step) -> None:
        """Fold `records` of one source topic. The job rejects invalid data itself.

        An exception other than `Unavailable` or `MemoryError` counts as a defect of the job: the engine then folds smaller parts.
        """

    def reject_record(self, topic: str, record: Record, error: Exception, step: Step) -> None:
        """Reject the single record for which `fold` raised `error`, in a way that allows a later replay."""

    def tick(self, step: Step) -> int | None:
        """Do the work due at `step.now`; called about every `tick_seconds`, once all records known when it was due are folded.

        Return the time of the next call, in milliseconds since 1970, if it must be earlier than the next tick; else None.
        """


def roll_back(job: PartitionJob) -> None:
    """Undo a step: restore the rows of `job` and the data derived from them."""
    for table in job.tables:
        table.roll_back()
    job.undo()
    for table in job.tables:
        table.commit()


@runtime_checkable
class ChecksPositions(Protocol):
    """A `PartitionJob` that also writes to a database, which stores its own position in the source topics."""

    def check_positions(self, committed: Mapping[str, int]) -> None:
        """Raise `UnrecoverableStateError` if the database lacks records that the job has committed in Kafka.

        `committed` maps topics to the next offset.
        """


class Unavailable(RuntimeError):  # noqa: N818 - names the state
    """A system other than Kafka that the job writes to cannot be reached.

    The process exits, and the next one processes the same records again.
    """


class Busy(Unavailable):
    """Another process has locked the system that the job writes to; the engine rolls the step back and tries it again.

    A job must raise it within about a second, because the process blocks until then, without heartbeats to Kafka. Such a job
    sets `Options.serialize_steps`, so that the event loop runs between any two attempts.
    """


class Job(NamedTuple):
    """A stream job: its topics, and the factory of its partition jobs."""

    name: str
    """Consumer group, and prefix of the transactional ids."""
    sources: Sequence[str]
    """Topics read. All topics of a job have the same number of partitions; number n of all of them is one unit of work."""
    states: Sequence[str]
    """Compacted topics of the tables; the first one also stores the offsets."""
    outputs: Sequence[str]
    """Topics of output records, which are partitioned by key."""
    dead_letters: str
    """Topic of dead letters."""
    open: Callable[[int], PartitionJob]
    """Create the empty job of a partition number."""
