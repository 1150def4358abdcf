"""What a stream job is to the engine: tables of rows, and a fold of records into them. No Kafka here.

A job's work on one partition is a series of steps. A step takes records (or none: a tick), changes rows and asks for outputs;
the engine commits all of that, and the records' offsets, in one transaction, or nothing of it.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")
Header = tuple[str, bytes]
KeyValue = tuple[bytes | None, bytes | None]
"""Key and value of a record to write; value None is a tombstone."""


class Record(Protocol):
    """One record of a source topic, as the consumer made it; `timestamp` in milliseconds since 1970."""

    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def timestamp(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def headers(self) -> Sequence[Header]: ...  # noqa: D102


class Codec(NamedTuple, Generic[K, R]):
    """How a table's keys and rows are written."""

    dump_key: Callable[[K], bytes]
    load_key: Callable[[bytes], K | None]
    """None for a key that is not this table's: several tables may share a topic."""
    dump: Callable[[R], bytes]
    load: Callable[[K, bytes], R]
    copy: Callable[[R], R]
    """A copy whose change in place leaves the original as it is; only `Table.edit` needs it."""


class Table(Generic[K, R]):
    """The rows of one partition, backed by the same partition of a compacted topic.

    Reading is plain `rows[key]`. A row is replaced (`put`) or changed after `edit`, never otherwise: so a step that cannot be
    committed is taken back, and a row touched often in one step is written once.
    """

    __slots__ = ("before", "codec", "rows", "topic")

    def __init__(self, topic: str, codec: Codec[K, R]) -> None:
        self.topic: Final = topic
        self.codec: Final = codec
        self.rows: Final[dict[K, R]] = {}
        self.before: Final[dict[K, R | None]] = {}
        """What this step has touched, as it was when the step began; None: it was not there."""

    def put(self, key: K, row: R) -> None:
        """Set the row of `key`; the row that stood there stays as it is."""
        if key not in self.before:
            self.before[key] = self.rows.get(key)
        self.rows[key] = row

    def edit(self, key: K, new: Callable[[], R]) -> R:
        """Return a row of `key` that this step may change in place, made by `new` if there is none."""
        row = self.rows.get(key)
        if key not in self.before:
            self.before[key] = row
            if row is not None:
                row = self.rows[key] = self.codec.copy(row)
        if row is None:
            row = self.rows[key] = new()
        return row

    def delete(self, key: K) -> None:
        """Remove the row of `key`; a tombstone is written."""
        if key not in self.before:
            self.before[key] = self.rows.get(key)
        self.rows.pop(key, None)

    def load(self, key: bytes, value: bytes | None) -> bool:
        """Take one record of the topic, in recovery; return whether its key is this table's."""
        loaded = self.codec.load_key(key)
        if loaded is None:
            return False
        if value is None:
            self.rows.pop(loaded, None)
        else:
            self.rows[loaded] = self.codec.load(loaded, value)
        return True

    def changes(self) -> Iterable[KeyValue]:
        """Yield what this step has to write: each touched row once, as it is now."""
        dump_key, dump = self.codec.dump_key, self.codec.dump
        get = self.rows.get
        for key, old in self.before.items():
            row = get(key)
            if row is not None:
                yield dump_key(key), dump(row)
            elif old is not None:
                yield dump_key(key), None

    def commit(self) -> None:
        """Forget how rows were before: the step is over."""
        self.before.clear()

    def roll_back(self) -> None:
        """Make all rows what they were before the step; `before` still tells which these are, until `commit`."""
        for key, row in self.before.items():
            if row is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = row


class DeadLetter(NamedTuple):
    """A record that could not be used: written byte for byte to the dead-letter topic, with why and whence in headers."""

    topic: str
    partition: int
    record: Record
    reason: str
    detail: str


class Step:
    """What one step asks for beside its rows."""

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
        """How many partitions each topic of the job has."""
        self.now: Final = now
        """The engine's clock, milliseconds since 1970: the only time that a fold may use."""
        self.as_of: Final = now if as_of is None else as_of
        """All that the sources held by then, by their records' timestamps, is in this step or an earlier one: `now`, or earlier
        while the partition has not caught up, or 0 if that is not known yet."""
        self.outputs: Final[dict[str, list[KeyValue]]] = {topic: [] for topic in outputs}
        """Topic → records to write, each to the partition of its key."""
        self.dead_letters: Final[list[DeadLetter]] = []
        self.taken: Final = taken
        """Source topic → next offset once the step is committed, of the topics that the step takes from."""

    def reject(self, topic: str, record: Record, reason: str, detail: str = "") -> None:
        """Make `record` of `topic` a dead letter. `reason` is from a closed list, `detail` holds no value of the record."""
        self.dead_letters.append(DeadLetter(topic, self.partition, record, reason, detail))


class PartitionJob(Protocol):
    """A job's work on one partition. Called by one thread, one step at a time."""

    @property
    def tables(self) -> Sequence[Table[Any, Any]]:
        """The rows, by which the engine recovers, writes and takes back."""

    def restore(self) -> None:
        """Rebuild whatever is derived from the rows: after recovery."""

    def undo(self) -> None:
        """Bring what is derived from the rows in line again after a step was taken back: `Table.before` tells what it touched."""

    def fold(self, topic: str, records: Sequence[Record], step: Step) -> None:
        """Fold `records` of one source topic. Bad data is the job's to reject; what it raises is taken for a defect."""

    def reject_record(self, topic: str, record: Record, error: Exception, step: Step) -> None:
        """Reject the one record that `fold` raises `error` on: a defect of the job, so that the record can be replayed."""

    def tick(self, step: Step) -> int | None:
        """Do what is due at `step.now`; called about every tick while the partition has caught up with its sources.

        Returns when to be called again if that is before the next tick, in milliseconds since 1970; or None.
        """


@runtime_checkable
class ChecksPositions(Protocol):
    """A `PartitionJob` that also writes to a database, which has its own position in the source topics."""

    def check_positions(self, committed: Mapping[str, int]) -> None:
        """Raise `BeyondRepair` if the database lacks records that Kafka takes for done; `committed` is topic → next offset."""


class Unavailable(RuntimeError):  # noqa: N818 - says what it is
    """Something beside Kafka that a job writes to cannot be reached.

    That is no fault of the records: the process leaves, and they come again.
    """


class Busy(Unavailable):
    """Somebody else holds what a job writes to, for a while: the step is taken back and tried again, in this life.

    Raised within a second or so: meanwhile the process does nothing else, and Kafka hears nothing of it. So its partitions step
    in turn (`Options.in_turn`): between any two tries the loop turns.
    """


class Job(NamedTuple):
    """A stream job: what it reads, writes and keeps."""

    name: str
    """Consumer group, and prefix of the transactional ids."""
    sources: Sequence[str]
    """Topics read. All topics of a job have the same number of partitions; number n of all of them is one unit of work."""
    states: Sequence[str]
    """Compacted topics of the tables; the first one also keeps the offsets."""
    outputs: Sequence[str]
    """Topics written to by key."""
    dead_letters: str
    """Topic of dead letters."""
    open: Callable[[int], PartitionJob]
    """Makes the empty job of a partition."""
