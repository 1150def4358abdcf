"""Task that processes one partition number; detects records that were fetched and not delivered (`check_delivery`).

Exactly-once does not depend on group membership, which only selects the worker that should try. Only the producer with the newest
epoch of the transactional id `<job>-<partition>` can commit. Every task obtains its epoch first, and then rebuilds rows and
offsets.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import chain, groupby
from operator import attrgetter
from typing import Final

from aiokafka.errors import IllegalStateError
from aiokafka.structs import TopicPartition

from streams.engine import metrics
from streams.engine.batch import Batch
from streams.engine.checkpoints import reach_checkpoint
from streams.engine.job import Busy, ChecksPositions, KeyValue, PartitionJob, Step, Unavailable, roll_back
from streams.engine.partition_start import OFFSETS_KEY, Recovery, encode_offsets
from streams.engine.producer import TRANSACTION_TIMEOUT_SECONDS, StepProducer
from streams.engine.schedule import StepSchedule, TickSchedule, halve
from streams.engine.worker import Worker, wait_for_event
from streams.kafka.record import Record

MAX_ROW_BYTES: Final = 500_000
"""Maximum size of an encoded row, in bytes. Records that would make a row larger are rejected."""
BUSY_SECONDS: Final = 0.5
"""Pause before a step is tried again after `Busy`."""
_LOSS_CHECKS: Final = 2
"""Number of consecutive checks that must find a batch missing before it is fetched again."""


class PartitionTask:
    """Process one partition number of all source topics, from assignment to revocation."""

    def __init__(self, worker: Worker, number: int, earlier: "PartitionTask | None" = None) -> None:
        """Create the task; it takes over the rows of an `earlier` task of the same partition."""
        self._worker = worker
        self.number: Final = number
        self.sources: Final = [TopicPartition(topic, number) for topic in worker.job.sources]
        self.job: PartitionJob = earlier.job if earlier else worker.job.open(number)
        self.ready = False
        self._steps: Final = StepSchedule(worker.options)
        self._ticks: Final = TickSchedule(worker.options.tick_seconds)
        self.positions: dict[TopicPartition, int] = {}
        """Next offset to receive of each source."""
        self._latest_timestamps: Final[dict[TopicPartition, int]] = {}
        """Kafka timestamp of the latest record that a step has taken, by source, in milliseconds since 1970."""
        self._recovery: Recovery = earlier._recovery if earlier else Recovery()
        self._committed: dict[TopicPartition, int] = {}
        """Offset after the last committed record of each source, or its start position before the first commit."""
        self._wake = asyncio.Event()
        self._closing = False
        self._stepping = False
        self._is_waiting = False
        """Whether the task waits for the step lock."""
        self._seeking = False
        self._missing_count = 0
        """Number of consecutive checks that found a batch missing."""
        self._producer: StepProducer | None = None
        self._task: asyncio.Task[None] | None = None
        self.stepped_at = time.monotonic()
        """Monotonic time of the last progress: a finished step, a record loaded in the recovery, or a moment without work."""

    # ------------------------------------------------------------------------------------------------------ life cycle
    def start(self) -> None:
        """Recover the partition and process it in the background; any failure ends the process."""
        self._task = asyncio.create_task(self._run(), name=f"partition-{self.number}")

    async def close(self) -> None:
        """Finish the current step, drop queued batches (the next owner fetches them again), and stop the producer.

        A recovery is cancelled.
        """
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
        return not self.ready or (not self._is_waiting and (self._stepping or bool(self._steps)))

    @property
    def recovered(self) -> bool:
        """Whether the rows are complete, so that a later task may take them over."""
        return bool(self._recovery.replayed)

    async def _run(self) -> None:
        try:
            await self._open()
            while not self._closing:
                self._stepping = True
                if self._is_step_due():
                    async with self._locked_step():
                        if self._is_step_due():  # check again after the wait for the lock
                            await self._step(self._take())
                if not self._closing and self._ticks.is_due(time.monotonic(), self._find_ends, self._committed):
                    async with self._locked_step():
                        if not self._closing:
                            await self._tick()
                self._stepping = False
                now = self.stepped_at = time.monotonic()
                await self._wait((self._steps.due_at(self.lag) if self._steps else self._ticks.wake_at(now)) - now)
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and self._closing:
                raise
            self._worker.exit_process(error)  # crash-only: the process must not continue after any error

    def _is_step_due(self) -> bool:
        return not self._closing and bool(self._steps) and time.monotonic() >= self._steps.due_at(self.lag)

    def _find_ends(self) -> dict[TopicPartition, int]:
        return {tp: self._end(tp) for tp in self.sources}

    @asynccontextmanager
    async def _locked_step(self) -> AsyncIterator[None]:
        """Hold the step lock; the wait for it does not count as missing progress."""
        self._is_waiting = True
        try:
            waiting_since = time.monotonic()
            async with self._worker.step_lock:
                self._steps.note_wake_up(waiting_since, time.monotonic())
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
        self._steps.note_wake_up(wake_at, time.monotonic())

    # -------------------------------------------------------------------------------------------------------- recovery
    async def _open(self) -> None:
        started = time.monotonic()
        client = self._worker.options.connection
        # From here on the previous owner is fenced and its transaction is completed or aborted, so the reads below are final.
        self._producer = StepProducer(f"{self._worker.job.name}-{self.number}", client)
        await self._producer.start()
        await self._worker.load_partition_count(self._producer)
        reach_checkpoint("fenced")
        warm, job = self.recovered, self._worker.job
        replayed = await self._recovery.read(
            self.number, job.sources, job.states, self.job.tables, client, self._show_progress
        )
        self.job.restore()
        reach_checkpoint("replayed")
        await self._find_positions()
        if isinstance(self.job, ChecksPositions):
            self.job.check_positions(self._recovery.committed)
        reach_checkpoint("compared")
        await self._worker.consumer.seek_partition(self.positions)
        self._committed = dict(self.positions)
        self._steps.drop_expected()  # batches fetched before the seek
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
        """Set the start position of each source. Log the records that retention deleted before they were processed.

        Raises `UnrecoverableStateError` as `Recovery.find_start` does.
        """
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
        return self.ready and self._steps.has_room

    def expect(self, batch: Batch) -> None:
        """Add a batch that Faust is about to deliver to the backlog."""
        self._steps.expect(batch)

    def put(self, batch: Batch) -> None:
        """Queue a batch from the Faust agent; drop it while the task recovers, closes or seeks.

        If the batch does not continue at the current position, drop it and fetch again from there: Faust drops messages around
        rebalances.
        """
        if self._closing or not self.ready or self._seeking:
            self._steps.drop(batch)  # it is fetched again after the next seek
        elif batch.start != self.positions[batch.tp]:
            self.seek_again(f"{batch.tp.topic} continued at {batch.start}")
        else:
            self.positions[batch.tp] = batch.next
            self._steps.put(batch, time.monotonic())
            self._wake.set()

    @property
    def lag(self) -> int:
        """Number of known records and markers in the sources that no step has taken yet."""
        return self._steps.queued_records + sum(max(0, self._end(tp) - self.positions[tp]) for tp in self.sources)

    def _end(self, tp: TopicPartition) -> int:
        return max(self._recovery.ends[tp.topic], self._worker.consumer.stable_end(tp) or 0)

    def seek_again(self, detail: str) -> None:
        """Make the consumer fetch from `positions` again, in the background; `put` drops batches until then. Log `detail`."""
        self._worker.log.info("delivery_gap", partition=self.number, detail=detail)
        metrics.DELIVERY_GAPS.inc()
        self._seeking = True

        async def seek() -> None:
            try:
                await self._worker.consumer.seek_partition(self.positions)
            except IllegalStateError:
                return  # the partition was revoked
            self._steps.drop_expected()
            self._seeking = False
            self._worker.room_freed.set()

        self._worker.spawn(seek())

    def check_delivery(self) -> None:
        """Fetch again if `_LOSS_CHECKS` consecutive calls find that a fetched batch was not delivered.

        Called every second, for a loss that no later batch reveals.
        """
        if not self.ready or self._stepping or self._steps or self._seeking:
            return
        cursors = self._worker.consumer.cursors
        lost = any(cursors.get(tp) != position for tp, position in self.positions.items())
        self._missing_count = self._missing_count + 1 if lost else 0
        if self._missing_count >= _LOSS_CHECKS:
            self._missing_count = 0
            self.seek_again("a batch was not delivered")

    def _take(self) -> list[Batch]:
        batches = self._steps.take(time.monotonic())
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
        roll_back(self.job)
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
            roll_back(self.job)
            if sum(len(batch.records) for batch in batches) > 1:
                for half in halve(batches):
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

    async def _tick(self) -> None:
        """Run a tick, and commit its changes, if any.

        A `Busy` tick is tried again at the next one's time. After a defect of the job, which can still fold records, later ticks
        are rarer.
        """
        step = self._new_step()
        wanted_in = None
        try:
            wanted_at = self.job.tick(step)
            writes = self._collect()
        except Busy:
            await self._pause_busy()
        except Exception as error:  # noqa: BLE001 - any other exception of a tick is a defect of the job
            roll_back(self.job)
            self._worker.note_tick_error(error)
            self._ticks.fail(time.monotonic())
            return
        else:
            if step.dead_letters or any(writes.values()) or any(step.outputs.values()):
                await self._commit(step, (), writes)
            if wanted_at is not None:
                wanted_in = (wanted_at - self._worker.now()) / 1000
        self._ticks.end(time.monotonic(), wanted_in)

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

    async def _commit(self, step: Step, batches: Sequence[Batch], writes: dict[str, list[KeyValue]]) -> None:
        started = time.perf_counter()
        async with asyncio.timeout(TRANSACTION_TIMEOUT_SECONDS):
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
            headers = [letter.headers(step.now) for letter in letters]
            await producer.send(TopicPartition(job.dead_letters, self.number), pairs, step.now, headers)
        for tp, next_ in (await producer.commit(offsets, job.name)).items():
            if tp.topic in writes:  # a lower bound is enough: a warm recovery may replay some rows again
                self._recovery.replayed[tp.topic] = next_
