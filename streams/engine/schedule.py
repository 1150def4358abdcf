"""Decides when a partition's next step and tick are due, and which batches a step takes.

Pure: callers pass all times, in seconds on one clock. A transaction costs as much for one record as for a hundred, so a step
lingers while many more records are known to be in Kafka.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from aiokafka.structs import TopicPartition

from streams.engine.batch import Batch
from streams.engine.options import Options

Offsets = Mapping[TopicPartition, int]
MAX_BACKLOG_BYTES: Final = 16 << 20
"""Maximum size of the batches fetched ahead of the steps, unless `Options.max_records` is large."""
MIN_LINGER_BACKLOG: Final = 1000
"""Minimum number of unfetched records in Kafka that makes a step linger."""
MAX_LINGER_MULTIPLE: Final = 10
"""Longest wait for more records, in multiples of `linger_seconds`; records known to be in Kafka may not arrive soon."""
ASSUMED_RECORD_BYTES: Final = 1 << 10
"""Assumed size of one record, used to bound the backlog of jobs with large steps."""
MIN_PAUSE_SECONDS: Final = 0.05
"""Minimum pause between two ticks, and interval of the checks whether a due tick can run."""
MIN_DELAY_SECONDS: Final = 0.5
"""Minimum lateness of a wake-up that indicates a long step of another task, which also delays incoming batches."""
MAX_DELAY_SECONDS: Final = 60.0
"""Maximum total extension of a linger because of such delays; on an overloaded machine every wake-up is late."""
MAX_TICK_BACKOFF: Final = 64
"""Longest pause after repeatedly failed ticks, in multiples of `tick_seconds`."""


class StepSchedule:
    """Batches of one partition number that were fetched and that no step has taken, and when the next step is due."""

    def __init__(self, options: Options) -> None:
        self._max_records: Final = options.max_records
        self._max_bytes: Final = max(MAX_BACKLOG_BYTES, options.max_records * ASSUMED_RECORD_BYTES)
        self._full_step: Final = min(options.full_step_records, options.max_records)
        self._linger: Final = options.linger_seconds
        self._queue: Final[deque[Batch]] = deque()
        self._backlog = _Volume()
        """The queue, and batches that Faust has not delivered yet."""
        self._step_at = 0.0
        """Earliest time of the next step, unless it is full."""
        self._put_at = 0.0
        """Arrival of the latest batch in the queue, or end of the latest delay."""
        self._first_at = self._undelayed_first_at = 0.0
        """Arrival of the first batch in the queue, or time of the last step: plus the delays since, and without them."""

    def __bool__(self) -> bool:
        """Return whether a batch waits for a step."""
        return bool(self._queue)

    @property
    def queued_records(self) -> int:
        """Number of records that wait for a step."""
        return sum(len(batch.records) for batch in self._queue)

    @property
    def has_room(self) -> bool:
        """Whether another batch may be fetched."""
        return self._backlog.records < self._max_records and self._backlog.size < self._max_bytes

    def expect(self, batch: Batch) -> None:
        """Add a fetched batch that will be passed to `put` or `drop`."""
        self._backlog.add(batch)

    def drop(self, batch: Batch) -> None:
        """Remove an expected batch that will not be passed to `put`."""
        self._backlog.remove(batch)

    def drop_expected(self) -> None:
        """Remove all expected batches that did not arrive: the consumer fetches them again."""
        self._backlog = _Volume(self._queue)

    def put(self, batch: Batch, now: float) -> None:
        """Queue an expected batch that has arrived."""
        self._put_at = now
        if not self._queue:
            self._first_at = self._undelayed_first_at = now
        self._queue.append(batch)

    def note_wake_up(self, expected_at: float, now: float) -> None:
        """Extend the linger if the event loop was blocked since `expected_at`, by more than `MIN_DELAY_SECONDS`.

        No batch could arrive in that time.
        """
        if now - expected_at > MIN_DELAY_SECONDS:
            self._first_at = min(self._first_at + now - expected_at, self._undelayed_first_at + MAX_DELAY_SECONDS)
            self._put_at = now

    def due_at(self, lag: int) -> float:
        """Return when to process the queue, given the number of known records that no step has taken; 0.0 for immediately."""
        if self._backlog.records >= self._full_step or not self.has_room:
            return 0.0
        if lag - self._backlog.records < MIN_LINGER_BACKLOG:
            return self._step_at
        return max(self._step_at, min(self._put_at + self._linger, self._first_at + MAX_LINGER_MULTIPLE * self._linger))

    def take(self, now: float) -> list[Batch]:
        """Remove and return the batches of one step: at most `Options.max_records` records; the last batch may be split.

        No further batch is taken once the size limit is reached.
        """
        self._step_at = now + self._linger
        taken = _Volume()
        batches: list[Batch] = []
        while self._queue and taken.records < self._max_records and taken.size < self._max_bytes:
            batch = self._queue.popleft()
            room = self._max_records - taken.records
            if len(batch.records) > room:
                batch, rest = batch.split(room)
                self._queue.appendleft(rest)
            batches.append(batch)
            taken.add(batch)
            self._backlog.remove(batch)
        if batches:
            self._first_at = self._undelayed_first_at = now
        return batches


class TickSchedule:
    """When the next tick is due: at a time, and then once all records known at that time are committed."""

    def __init__(self, tick_seconds: float) -> None:
        self._tick_seconds = tick_seconds
        self._at = 0.0
        self._after: Offsets | None = None
        """Offsets to commit before the tick; None until its time."""
        self._failures = 0

    def wake_at(self, now: float) -> float:
        """Return when to call `is_due` again."""
        return self._at if self._after is None else now + MIN_PAUSE_SECONDS

    def is_due(self, now: float, find_ends: Callable[[], Offsets], committed: Offsets) -> bool:
        """Return whether the tick's time has come, and the ends that the sources had then are `committed`.

        The first call after that time stores the ends, which `find_ends` returns.
        """
        if self._after is None and now >= self._at:
            self._after = find_ends()
        return self._after is not None and all(committed[tp] >= end for tp, end in self._after.items())

    def end(self, now: float, wanted_in: float | None) -> None:
        """Note that a tick has ended, whose job wants the next one after `wanted_in` seconds; None if it does not matter.

        The next tick is due after `tick_seconds` at the latest.
        """
        self._failures = 0
        wanted = self._tick_seconds if wanted_in is None else max(wanted_in, MIN_PAUSE_SECONDS)
        self._pause(now, min(self._tick_seconds, wanted))

    def fail(self, now: float) -> None:
        """Note that a tick has failed; the pause doubles with each further failure, up to `MAX_TICK_BACKOFF`."""
        self._failures += 1
        self._pause(now, self._tick_seconds * min(1 << self._failures, MAX_TICK_BACKOFF))

    def _pause(self, now: float, seconds: float) -> None:
        # From the end of the tick, so that slow ticks do not follow each other.
        self._at, self._after = now + seconds, None


class _Volume:
    """Running total of batches: their records and their size in bytes. A batch without records counts as one record."""

    def __init__(self, batches: Iterable[Batch] = ()) -> None:
        self.records = self.size = 0
        for batch in batches:
            self.add(batch)

    def add(self, batch: Batch) -> None:
        self.records += max(1, len(batch.records))  # bounds the number of batches that hold only markers
        self.size += batch.size

    def remove(self, batch: Batch) -> None:
        self.records = max(0, self.records - max(1, len(batch.records)))
        self.size = max(0, self.size - batch.size)


def halve(batches: Sequence[Batch]) -> tuple[list[Batch], list[Batch]]:
    """Split batches with at least two records into two parts that both have records."""
    count = sum(len(batch.records) for batch in batches) // 2
    first: list[Batch] = []
    rest = deque(batches)
    while count > 0:
        batch = rest.popleft()
        if len(batch.records) > count:
            batch, remainder = batch.split(count)
            rest.appendleft(remainder)
        first.append(batch)
        count -= len(batch.records)
    return first, list(rest)
