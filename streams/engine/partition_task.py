"""Task that processes one assigned partition number: its rows, its transactional producer and its steps.

Exactly-once does not depend on group membership, which only selects the worker that should try. Only the producer with the newest
epoch of the transactional id `<job>-<partition>` can commit. Every task obtains its epoch first, and then rebuilds rows and
offsets.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import chain, groupby
from operator import attrgetter
from typing import Any, Final, Protocol

from aiokafka.errors import IllegalStateError
from aiokafka.structs import TopicPartition

from streams.engine import metrics
from streams.engine.batch import Batch
from streams.engine.checkpoints import reach_checkpoint
from streams.engine.job import (
    Busy,
    ChecksPositions,
    DeadLetter,
    Job,
    KeyValue,
    PartitionJob,
    Record,
    Step,
    Unavailable,
)
from streams.engine.options import Options
from streams.engine.producer import StepProducer
from streams.engine.recovery import OFFSETS_KEY, Recovery, encode_offsets
from streams.engine.timeouts import wait_for_event
from streams.kafka.record import Header

MAX_ROW_BYTES: Final = 500_000
"""Maximum size of an encoded row."""
MAX_BACKLOG_BYTES: Final = 16 << 20
"""Maximum size of the batches fetched ahead of the steps, unless `Options.max_records` is large."""
MIN_LINGER_BACKLOG: Final = 1000
"""Minimum number of unfetched records in Kafka that makes a step linger."""
MAX_LINGER_MULTIPLE: Final = 10
"""Longest wait for more records, in multiples of `linger_seconds`; records known to be in Kafka may not arrive soon."""
ASSUMED_RECORD_BYTES: Final = 1 << 10
"""Assumed size of one record, used to bound the backlog of jobs with large steps."""
MIN_PAUSE_SECONDS: Final = 0.05
"""Minimum pause between two ticks."""
BUSY_SECONDS: Final = 0.5
"""Pause before a step is tried again after `Busy`."""
MIN_DELAY_SECONDS: Final = 0.5
"""Minimum lateness of a wake-up that indicates a long step of another task, which also delays incoming batches."""
MAX_DELAY_SECONDS: Final = 60.0
"""Maximum total extension of a linger because of such delays; on an overloaded machine every wake-up is late."""
_LOSS_CHECKS: Final = 2
"""Number of consecutive checks that must find a batch missing before it is fetched again."""


class Worker(Protocol):
    """The services of the worker process that a partition task uses; `Engine` implements them."""

    @property
    def job(self) -> Job: ...  # noqa: D102
    @property
    def options(self) -> Options: ...  # noqa: D102
    @property
    def log(self) -> Any:
        """Structlog logger."""

    @property
    def consumer(self) -> Any:
        """`streams.engine.transport.Consumer`, set before the first task starts."""

    @property
    def partitions(self) -> int:
        """Number of partitions of each topic."""

    @property
    def room_freed(self) -> asyncio.Event:
        """Event to set when this task may have room for another batch."""

    @property
    def step_lock(self) -> AbstractAsyncContextManager[Any]:
        """Lock to hold during each step and each tick."""

    def now(self) -> int:
        """Return the time in milliseconds since 1970."""

    def route(self, pairs: Sequence[KeyValue]) -> Mapping[int, list[KeyValue]]:
        """Return the records grouped by the partition of their key."""

    async def load_partition_count(self, producer: StepProducer) -> None:
        """Load `partitions`."""

    def note_internal_error(self, error: Exception) -> None:
        """Count a record that failed because of a defect of the job."""

    def note_tick_error(self, error: Exception) -> None:
        """Count a tick that failed because of a defect of the job."""

    def exit_process(self, error: BaseException) -> None:
        """Exit the process immediately."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a background coroutine whose failure ends the process."""


class PartitionTask:
    """Process one partition number of all source topics, from assignment to revocation."""

    def __init__(self, worker: Worker, number: int, earlier: "PartitionTask | None" = None) -> None:
        """Create the task; it takes over the rows of an `earlier` task of the same partition."""
        self._worker = worker
        self.number: Final = number
        self.sources: Final = [TopicPartition(topic, number) for topic in worker.job.sources]
        self.job: PartitionJob = earlier.job if earlier else worker.job.open(number)
        self.ready = False
        self._backlog = _Volume()
        """Fetched batches that no step has taken yet, including those that Faust has not delivered."""
        self.positions: dict[TopicPartition, int] = {}
        """Next offset to receive of each source."""
        self._latest_timestamps: Final[dict[TopicPartition, int]] = {}
        """Kafka timestamp of the latest record that a step has taken, by source, in milliseconds since 1970."""
        self._recovery: Recovery = earlier._recovery if earlier else Recovery()
        self._committed: dict[TopicPartition, int] = {}
        """Offset after the last committed record of each source."""
        self._tick_after: dict[TopicPartition, int] | None = None
        """Offsets that must be committed before the next tick; None until a tick is due."""
        self._queue: deque[Batch] = deque()
        self._put_at = 0.0
        """Arrival time of the latest batch in the queue, or time of the latest delay (`_note_delay`)."""
        self._first_at = 0.0
        """Arrival time of the first batch in the queue, or time of the last step, plus the delays since."""
        self._queued_at = 0.0
        """The same time without the delays."""
        self._wake = asyncio.Event()
        self._closing = False
        self._stepping = False
        self._is_waiting = False
        """Whether the task waits for the step lock."""
        self._seeking = False
        self._missing_count = 0
        """Number of consecutive checks that found a batch missing."""
        self._failed_ticks = 0
        self._producer: StepProducer | None = None
        self._task: asyncio.Task[None] | None = None
        self.stepped_at = time.monotonic()
        """When this task last finished a step, or had no work."""

    # ------------------------------------------------------------------------------------------------------ life cycle
    def start(self) -> None:
        """Recover the partition and process it in the background; any failure ends the process."""
        self._task = asyncio.create_task(self._run(), name=f"partition-{self.number}")

    async def close(self) -> None:
        """Finish the current step, drop queued batches (the next owner fetches them again), and stop the producer."""
        was_ready, self.ready, self._closing = self.ready, False, True
        self._wake.set()
        if self._task is not None:
            if not was_ready:
                self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._producer is not None:
            await self._producer.stop()

    @property
    def busy(self) -> bool:
        """Whether the watchdog expects progress: during recovery and steps and with queued batches.

        False while the task waits for the step lock.
        """
        return not self.ready or (not self._is_waiting and (self._stepping or bool(self._queue)))

    @property
    def recovered(self) -> bool:
        """Whether the rows are complete, so that a later task may take them over."""
        return bool(self._recovery.replayed)

    async def _run(self) -> None:
        try:
            await self._open()
            step_at = tick_at = 0.0
            while not self._closing:
                self._stepping = True
                now = time.monotonic()
                if self._queue and now >= self._due_at(step_at):
                    async with self._locked_step():
                        if self._closing:
                            break
                        if time.monotonic() >= self._due_at(step_at):  # check again after the wait for the lock
                            step_at = time.monotonic() + self._worker.options.linger_seconds
                            await self._step(self._take())
                if self._tick_after is None and time.monotonic() >= tick_at:
                    self._tick_after = {tp: self._end(tp) for tp in self.sources}
                if self._tick_after and all(self._committed[tp] >= end for tp, end in self._tick_after.items()):
                    async with self._locked_step():
                        if self._closing:
                            break
                        pause = await self._tick()
                    tick_at = (
                        time.monotonic() + pause
                    )  # counted from its end, so that slow ticks do not follow each other
                    self._tick_after = None
                self._stepping = False
                self.stepped_at = time.monotonic()
                await self._wait(self._wake_at(step_at, tick_at) - self.stepped_at)
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and self._closing:
                raise
            self._worker.exit_process(error)  # crash-only: the process must not continue after any error

    def _wake_at(self, step_at: float, tick_at: float) -> float:
        """Return the time of the next work if no batch arrives."""
        if self._queue:
            return self._due_at(step_at)
        return tick_at if self._tick_after is None else self.stepped_at + 0.05

    def _due_at(self, step_at: float) -> float:
        """Return when to process the queue: immediately if it is large enough, else from `step_at` on.

        The step lingers while many more records are known to be in Kafka.
        """
        options = self._worker.options
        enough = min(options.full_step_records, options.max_records)
        if self._backlog.records >= enough or not self.has_room:
            return 0.0
        unfetched = self.lag - self._backlog.records
        if unfetched < MIN_LINGER_BACKLOG:
            return step_at
        linger = options.linger_seconds
        return max(step_at, min(self._put_at + linger, self._first_at + MAX_LINGER_MULTIPLE * linger))

    @asynccontextmanager
    async def _locked_step(self) -> AsyncIterator[None]:
        """Hold the step lock; the wait for it does not count as missing progress."""
        self._is_waiting = True
        try:
            waiting_since = time.monotonic()
            async with self._worker.step_lock:
                self._note_delay(waiting_since)
                self.stepped_at, self._is_waiting = time.monotonic(), False
                yield
        finally:
            self._is_waiting = False

    async def _wait(self, seconds: float) -> None:
        """Wait until a batch arrives or the task closes, for at most `seconds`."""
        if seconds <= 0 or self._closing:
            return
        self._wake.clear()
        wake_at = time.monotonic() + seconds
        await wait_for_event(self._wake, seconds)
        self._note_delay(wake_at)

    def _note_delay(self, expected_at: float) -> None:
        """Extend the linger if the event loop was blocked since `expected_at`: batches could not arrive in that time."""
        now = time.monotonic()
        if now - expected_at > MIN_DELAY_SECONDS:
            self._first_at = min(self._first_at + now - expected_at, self._queued_at + MAX_DELAY_SECONDS)
            self._put_at = now

    # -------------------------------------------------------------------------------------------------------- recovery
    async def _open(self) -> None:
        started = time.monotonic()
        options = self._worker.options
        # From here on the previous owner is fenced and its transaction is completed or aborted, so the reads below are final.
        self._producer = StepProducer(
            f"{self._worker.job.name}-{self.number}",
            timeout_seconds=options.transaction_timeout_seconds,
            compression=options.compression,
            client=options.connection,
        )
        await self._producer.start()
        await self._worker.load_partition_count(self._producer)
        reach_checkpoint("fenced")
        warm, job = self.recovered, self._worker.job
        replayed = await self._recovery.read(
            self.number, job.sources, job.states, self.job.tables, options.connection, self._show_progress
        )
        self.job.restore()
        reach_checkpoint("replayed")
        await self._find_positions()
        if isinstance(self.job, ChecksPositions):
            self.job.check_positions(self._recovery.committed)
        reach_checkpoint("compared")
        await self._worker.consumer.seek_partition(self.positions)
        self._committed = dict(self.positions)
        self._backlog = _Volume()  # batches fetched before the seek are dropped
        self.ready = True
        self._worker.room_freed.set()
        reach_checkpoint("opened")
        seconds = time.monotonic() - started
        metrics.RECOVERY_SECONDS.observe(seconds)
        self._worker.log.info(
            "partition_opened",
            partition=self.number,
            rows=sum(len(table.rows) for table in self.job.tables),
            replayed=replayed,
            warm=warm,
            seconds=round(seconds, 3),
        )

    async def _find_positions(self) -> None:
        """Set the start position of each source. Log the records that retention deleted before they were processed."""
        group = await self._worker.consumer.read_committed_offsets(self.sources)
        for tp in self.sources:
            position, expired = self._recovery.find_start(
                tp.topic, group[tp], skip_expired=self._worker.options.skip_expired
            )
            if expired:
                self._worker.log.error("records_expired", topic=tp.topic, partition=self.number, count=expired)
            self.positions[tp] = position

    def _show_progress(self) -> None:
        self.stepped_at = time.monotonic()

    # -------------------------------------------------------------------------------------------------------- delivery
    @property
    def has_room(self) -> bool:
        """Whether another batch may be fetched: not during recovery, nor while the backlog is full."""
        backlog = self._backlog
        return self.ready and backlog.records < self._worker.options.max_records and backlog.size < self._most_bytes

    @property
    def _most_bytes(self) -> int:
        return max(MAX_BACKLOG_BYTES, self._worker.options.max_records * ASSUMED_RECORD_BYTES)

    def expect(self, batch: Batch) -> None:
        """Add a batch that Faust is about to deliver to the backlog."""
        self._backlog.add(batch)

    def put(self, batch: Batch) -> None:
        """Queue a batch from the Faust agent; drop it while the task recovers, closes or seeks.

        If the batch does not continue at the current position, drop it and fetch again from there: Faust drops messages around
        rebalances.
        """
        if self._closing or not self.ready or self._seeking:
            self._backlog.remove(batch)  # it is fetched again after the next seek
        elif batch.start != self.positions[batch.tp]:
            self.seek_again(f"{batch.tp.topic} continued at {batch.start}")
        else:
            self.positions[batch.tp] = batch.next
            self._put_at = time.monotonic()
            if not self._queue:
                self._first_at = self._queued_at = self._put_at
            self._queue.append(batch)
            self._wake.set()

    @property
    def lag(self) -> int:
        """Number of known records and markers in the sources that no step has taken yet."""
        queued = sum(len(batch.records) for batch in self._queue)
        return queued + sum(max(0, self._end(tp) - self.positions[tp]) for tp in self.sources)

    def _end(self, tp: TopicPartition) -> int:
        return max(self._recovery.ends[tp.topic], self._worker.consumer.stable_end(tp) or 0)

    def seek_again(self, detail: str) -> None:
        """Make the consumer fetch from `positions` again; `detail` is logged."""
        self._worker.log.info("delivery_gap", partition=self.number, detail=detail)
        metrics.DELIVERY_GAPS.inc()
        self._seeking = True

        async def seek() -> None:
            try:
                await self._worker.consumer.seek_partition(self.positions)
            except IllegalStateError:
                return  # the partition was revoked
            self._backlog = _Volume(self._queue)
            self._seeking = False
            self._worker.room_freed.set()

        self._worker.spawn(seek())

    def check_delivery(self) -> None:
        """Fetch again if a fetched batch was never delivered; called every second, for a loss that no later batch reveals."""
        if not self.ready or self._stepping or self._queue or self._seeking:
            return
        cursors = self._worker.consumer.cursors
        lost = any(cursors.get(tp) != position for tp, position in self.positions.items())
        self._missing_count = self._missing_count + 1 if lost else 0
        if self._missing_count >= _LOSS_CHECKS:
            self._missing_count = 0
            self.seek_again("a batch was not delivered")

    def _take(self) -> list[Batch]:
        """Remove batches from the queue for one step: at most `max_records` records, and none beyond the size limit."""
        room, most_bytes = self._worker.options.max_records, self._most_bytes
        taken = _Volume()
        batches: list[Batch] = []
        while self._queue and taken.records < room and taken.size < most_bytes:
            batch = self._queue.popleft()
            if len(batch.records) > room - taken.records:
                batch, rest = batch.split(room - taken.records)
                self._queue.appendleft(rest)
            batches.append(batch)
            taken.add(batch)
            self._backlog.remove(batch)
        if batches:
            self._first_at = self._queued_at = time.monotonic()
            self._worker.room_freed.set()
        return batches

    # ------------------------------------------------------------------------------------------------------------ step
    async def _step(self, batches: Sequence[Batch]) -> None:
        """Fold `batches` and commit; try again while the job is `Busy`.

        If the task closes first, it commits none of these batches. It must not commit later ones either, which would skip these.
        """
        while not self._closing:
            try:
                return await self._try_step(batches)
            except Busy:
                await self._pause_busy()
        return None

    async def _pause_busy(self) -> None:
        """Roll the step back and pause, so that the event loop runs."""
        self._roll_back()
        if not self._closing:
            await asyncio.sleep(BUSY_SECONDS)
        self.stepped_at = time.monotonic()  # counts as progress: a restarted process would have to wait too

    async def _try_step(self, batches: Sequence[Batch]) -> None:
        """Fold `batches` and commit; if the fold fails, halve them repeatedly to isolate and reject the failing record."""
        reach_checkpoint("step_begun")
        for batch in batches:
            if batch.records:
                self._latest_timestamps[batch.tp] = batch.records[-1].timestamp
        step = self._new_step(batches)
        try:
            for topic, records in self._folds(batches):
                self.job.fold(topic, records, step)
            writes = self._collect()
        except (MemoryError, Unavailable):
            raise  # not caused by a record
        except Exception as error:  # noqa: BLE001 - any other exception of a fold is a defect of the job
            self._roll_back()
            count = sum(len(batch.records) for batch in batches)
            if count > 1:
                for half in _halves(batches, count // 2):
                    await self._step(half)
                return
            step = self._new_step(batches)
            for batch in batches:
                for record in batch.records:
                    self.job.reject_record(batch.tp.topic, record, error, step)
            self._worker.note_internal_error(error)  # counted once, after any `Busy` from `reject_record`
            writes = self._collect()
        reach_checkpoint("folded")
        await self._commit(step, batches, writes)

    def _folds(self, batches: Sequence[Batch]) -> Iterator[tuple[str, Sequence[Record]]]:
        """Yield topic and records for each call of `fold`, in the order of arrival."""
        if not self._worker.options.serialize_steps:
            yield from ((batch.tp.topic, batch.records) for batch in batches)
            return
        for tp, group in groupby(batches, attrgetter("tp")):
            yield tp.topic, [*chain.from_iterable(batch.records for batch in group)]

    async def _tick(self) -> float:
        """Run a tick and return the pause before the next one in seconds, which grows with repeated failures."""
        pause = self._worker.options.tick_seconds
        step = self._new_step()
        try:
            wanted_at = self.job.tick(step)
            writes = self._collect()
        except Busy:
            await self._pause_busy()
            return pause
        except Exception as error:  # noqa: BLE001 - a defect of the job, which can still fold records
            self._roll_back()
            self._failed_ticks += 1
            self._worker.note_tick_error(error)
            return pause * (1 << min(self._failed_ticks, 6))
        self._failed_ticks = 0
        if step.dead_letters or any(writes.values()) or any(step.outputs.values()):
            await self._commit(step, (), writes)
        if wanted_at is None:
            return pause
        return min(pause, max((wanted_at - self._worker.now()) / 1000, MIN_PAUSE_SECONDS))

    def _new_step(self, batches: Sequence[Batch] = ()) -> Step:
        now = self._worker.now()
        after = self._committed | {batch.tp: batch.next for batch in batches}
        behind = [self._latest_timestamps.get(tp, 0) for tp in self.sources if after[tp] < self._end(tp)]
        taken = {batch.tp.topic: batch.next for batch in batches}
        return Step(self.number, now, self._worker.job.outputs, min([now, *behind]), self._worker.partitions, taken)

    def _collect(self) -> dict[str, list[KeyValue]]:
        """Return the changed rows by state topic, encoded.

        Raises `ValueError` for a row that is too large, or whose key is reserved for the offsets.
        """
        writes: dict[str, list[KeyValue]] = {topic: [] for topic in self._worker.job.states}
        for table in self.job.tables:
            writes[table.topic] += table.changes()
        for topic, pairs in writes.items():
            for key, value in pairs:
                if value is not None and len(value) > MAX_ROW_BYTES:
                    raise ValueError(f"a row of {topic} has {len(value)} bytes, the maximum is {MAX_ROW_BYTES}")
                if key == OFFSETS_KEY:
                    raise ValueError(f"a row of {topic} has the key reserved for the offsets")
        return writes

    def _roll_back(self) -> None:
        for table in self.job.tables:
            table.roll_back()
        self.job.undo()
        for table in self.job.tables:
            table.commit()

    async def _commit(self, step: Step, batches: Sequence[Batch], writes: dict[str, list[KeyValue]]) -> None:
        started = time.perf_counter()
        async with asyncio.timeout(self._worker.options.transaction_timeout_seconds):
            await self._transact(step, batches, writes)
        for table in self.job.tables:
            table.commit()
        self._committed |= {batch.tp: batch.next for batch in batches}
        self.stepped_at = time.monotonic()
        metrics.count_step(batches, step, time.perf_counter() - started)
        reach_checkpoint("committed")

    async def _transact(self, step: Step, batches: Sequence[Batch], writes: dict[str, list[KeyValue]]) -> None:
        assert self._producer is not None, "no step before the task is open"
        producer, job = self._producer, self._worker.job
        offsets = {batch.tp: batch.next for batch in batches}
        if offsets:
            self._recovery.committed = self._recovery.committed | {tp.topic: offset for tp, offset in offsets.items()}
            writes[job.states[0]].append((OFFSETS_KEY, encode_offsets(self._recovery.committed)))
        await producer.begin()
        reach_checkpoint("transaction_begun")
        for topic, pairs in writes.items():
            await producer.send(TopicPartition(topic, self.number), pairs, step.now)
        for topic, pairs in step.outputs.items():
            for partition, own in self._worker.route(pairs).items():
                await producer.send(TopicPartition(topic, partition), own, step.now)
        if letters := step.dead_letters:
            pairs = [(letter.record.key, letter.record.value) for letter in letters]
            headers = [_dead_letter_headers(letter, step.now) for letter in letters]
            await producer.send(TopicPartition(job.dead_letters, self.number), pairs, step.now, headers)
        for tp, next_ in (await producer.commit(offsets, job.name)).items():
            if tp.topic in writes:  # a lower bound is enough: a warm recovery may replay some rows again
                self._recovery.replayed[tp.topic] = next_


class _Volume:
    """Number of records and of bytes in a set of batches."""

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


def _dead_letter_headers(letter: DeadLetter, now: int) -> list[Header]:
    """Return the headers of a dead letter: its reason, its origin, and the headers of the original record."""
    record = letter.record
    return [
        ("reason", letter.reason.encode()),
        ("detail", letter.detail.encode()),
        ("origin_topic", letter.topic.encode()),
        ("origin_partition", str(letter.partition).encode()),
        ("origin_offset", str(record.offset).encode()),
        ("origin_timestamp", str(record.timestamp).encode()),
        ("dead_at", str(now).encode()),
        *((f"original.{name}", value) for name, value in record.headers),
    ]


def _halves(batches: Sequence[Batch], count: int) -> tuple[list[Batch], list[Batch]]:
    """Split batches after `count` records, into two non-empty parts."""
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
