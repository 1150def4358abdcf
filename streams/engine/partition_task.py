"""One owned partition number: its rows, its transactional producer, its steps.

Why it is safe: only the holder of the newest epoch of `<job>-<partition>` can commit, and every holder rebuilds rows and offsets
after it got the epoch. Group membership only says who should try.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import chain, groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from aiokafka.errors import IllegalStateError
from aiokafka.structs import TopicPartition

from streams.engine import metrics
from streams.engine.batch import Batch
from streams.engine.checkpoints import reach_checkpoint
from streams.engine.job import (
    Busy,
    ChecksPositions,
    DeadLetter,
    Header,
    KeyValue,
    PartitionJob,
    Record,
    Step,
    Unavailable,
)
from streams.engine.producer import StepProducer
from streams.engine.recovery import OFFSETS_KEY, Recovery, encode_offsets
from streams.engine.timeouts import wait_for_event

if TYPE_CHECKING:
    from streams.engine.engine import Engine

MAX_ROW_BYTES: Final = 500_000
MAX_BACKLOG_BYTES: Final = 16 << 20
"""More than this is not fetched ahead of the steps, however few records it is."""
MIN_LINGER_BACKLOG: Final = 1000
"""Fewer in Kafka are not worth waiting for."""
MAX_LINGER_MULTIPLE: Final = 10
"""So many times `linger_seconds` a step waits at most for more: what is known to be in Kafka may not be to be had."""
ASSUMED_RECORD_BYTES: Final = 1 << 10
"""Of a record: where steps may be so large that it matters, so many for each."""
MIN_PAUSE_SECONDS: Final = 0.05
"""Between two ticks, however soon a job wants another."""
BUSY_SECONDS: Final = 0.5
"""Between two tries of a step that somebody else is in the way of."""
MIN_DELAY_SECONDS: Final = 0.5
"""What comes so late was held up by a long step, and so was what is on its way to the queue."""
MAX_DELAY_SECONDS: Final = 60.0
"""So long at most what is queued waits longer for that: on a machine that has no time at all, everything is always late."""
_ATTEMPTS_OF_WATCHDOG: Final = 2


class PartitionTask:
    """Steps over one partition number of all source topics, from assignment to revocation."""

    def __init__(self, engine: "Engine", number: int, earlier: "PartitionTask | None" = None) -> None:
        """Make the lane; of an `earlier` one, that had this partition a moment ago, it takes over the rows."""
        self._engine = engine
        self.number: Final = number
        self.sources: Final = [TopicPartition(topic, number) for topic in engine.job.sources]
        self.job: PartitionJob = earlier.job if earlier else engine.job.open(number)
        self.ready = False
        self._backlog = _Load()
        """What is on its way from the fetch to a step."""
        self.positions: dict[TopicPartition, int] = {}
        """Next offset to take of each source."""
        self._taken_at: Final[dict[TopicPartition, int]] = {}
        """Timestamp of the record of each source that was taken last."""
        self._known: Recovery = earlier._known if earlier else Recovery()
        self._done: dict[TopicPartition, int] = {}
        """Next offset of each source that no step has committed yet."""
        self._tick_after: dict[TopicPartition, int] | None = None
        """Once a tick is due: how far it has to be done first."""
        self._queue: deque[Batch] = deque()
        self._put_at = 0.0
        """When a batch was last put there, or could have been again."""
        self._first_at = 0.0
        """When the first batch was put there of what is queued, later by as long as a long step held things up."""
        self._queued_at = 0.0
        """The same by the clock alone."""
        self._wake = asyncio.Event()
        self._closing = False
        self._stepping = False
        self._is_waiting = False
        """For its turn."""
        self._seeking = False
        self._suspicions = 0
        self._failed_ticks = 0
        self._producer: StepProducer | None = None
        self._task: asyncio.Task[None] | None = None
        self.stepped_at = time.monotonic()
        """When this lane last finished a step, or found nothing to do."""

    # ------------------------------------------------------------------------------------------------------ life cycle
    def start(self) -> None:
        """Recover and run in the background; any failure ends the process."""
        self._task = asyncio.create_task(self._run(), name=f"lane-{self.number}")

    async def close(self) -> None:
        """Finish the step in hand, drop what is queued (the next owner fetches it again), stop the producer."""
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
        """Whether there is something to do: to recover, or to step over."""
        return not self.ready or (not self._is_waiting and (self._stepping or bool(self._queue)))

    @property
    def recovered(self) -> bool:
        """Whether the rows are complete, so that a later lane may take them over."""
        return bool(self._known.replayed)

    async def _run(self) -> None:
        try:
            await self._open()
            step_at = tick_at = 0.0
            while not self._closing:
                self._stepping = True
                now = time.monotonic()
                if self._queue and now >= self._due_at(step_at):
                    async with self._turn():
                        if self._closing:
                            break
                        if time.monotonic() >= self._due_at(step_at):  # still, after it waited for its turn
                            step_at = time.monotonic() + self._engine.options.linger_seconds
                            await self._step(self._take())
                if self._tick_after is None and time.monotonic() >= tick_at:
                    self._tick_after = {tp: self._end(tp) for tp in self.sources}
                if self._tick_after and all(self._done[tp] >= end for tp, end in self._tick_after.items()):
                    async with self._turn():
                        if self._closing:
                            break
                        pause = await self._tick()
                    tick_at = time.monotonic() + pause  # after it: one that takes long is not due again at once
                    self._tick_after = None
                self._stepping = False
                self.stepped_at = time.monotonic()
                await self._wait(self._wake_at(step_at, tick_at) - self.stepped_at)
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and self._closing:
                raise
            self._engine.exit_process(error)  # crash-only: whatever it was, this process must not go on

    def _wake_at(self, step_at: float, tick_at: float) -> float:
        """Return when there will be something to do, if nothing comes."""
        if self._queue:
            return self._due_at(step_at)
        return tick_at if self._tick_after is None else self.stepped_at + 0.05

    def _due_at(self, step_at: float) -> float:
        """Return when to step over what is queued: at once if it is enough, and else at `step_at`, if no more is to come soon."""
        options = self._engine.options
        enough = min(options.full_step_records, options.max_records)
        if self._backlog.records >= enough or not self.has_room:
            return 0.0
        to_come = self.lag - self._backlog.records
        if to_come < MIN_LINGER_BACKLOG:
            return step_at
        linger = options.linger_seconds
        return max(step_at, min(self._put_at + linger, self._first_at + MAX_LINGER_MULTIPLE * linger))

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait for this lane's turn, which is no lack of progress."""
        self._is_waiting = True
        try:
            asked_at = time.monotonic()
            async with self._engine.step_lock:
                self._note_delay(asked_at)
                self.stepped_at, self._is_waiting = time.monotonic(), False
                yield
        finally:
            self._is_waiting = False

    async def _wait(self, seconds: float) -> None:
        """Wait until something is put, or the lane closes."""
        if seconds <= 0 or self._closing:
            return
        self._wake.clear()
        wake_at = time.monotonic() + seconds
        await wait_for_event(self._wake, seconds)
        self._note_delay(wake_at)

    def _note_delay(self, expected_at: float) -> None:
        now = time.monotonic()
        if now - expected_at > MIN_DELAY_SECONDS:
            self._first_at = min(self._first_at + now - expected_at, self._queued_at + MAX_DELAY_SECONDS)
            self._put_at = now

    # -------------------------------------------------------------------------------------------------------- recovery
    async def _open(self) -> None:
        started = time.monotonic()
        options = self._engine.options
        # The old owner is fenced from here on, and its transaction finished or aborted: all that is read below is final.
        self._producer = StepProducer(
            f"{self._engine.job.name}-{self.number}",
            timeout_seconds=options.transaction_timeout_seconds,
            compression=options.compression,
            client=options.connection,
        )
        await self._producer.start()
        await self._engine.load_partition_count(self._producer)
        reach_checkpoint("fenced")
        warm, job = self.recovered, self._engine.job
        replayed = await self._known.read(
            self.number, job.sources, job.states, self.job.tables, options.connection, self._show_progress
        )
        self.job.restore()
        reach_checkpoint("replayed")
        await self._find_positions()
        if isinstance(self.job, ChecksPositions):
            self.job.check_positions(self._known.committed)
        reach_checkpoint("compared")
        await self._engine.consumer.seek_partition(self.positions)
        self._done = dict(self.positions)
        self._backlog = _Load()  # what Faust brought before this is not for us
        self.ready = True
        self._engine.room_freed.set()
        reach_checkpoint("opened")
        seconds = time.monotonic() - started
        metrics.RECOVERY_SECONDS.observe(seconds)
        self._engine.log.info(
            "partition_opened",
            partition=self.number,
            rows=sum(len(table.rows) for table in self.job.tables),
            replayed=replayed,
            warm=warm,
            seconds=round(seconds, 3),
        )

    async def _find_positions(self) -> None:
        """Set where to go on in each source."""
        group = await self._engine.consumer.read_committed_offsets(self.sources)
        for tp in self.sources:
            position, expired = self._known.find_position_files(
                tp.topic, group[tp], skip_expired=self._engine.options.skip_expired
            )
            if expired:
                self._engine.log.error("records_expired", topic=tp.topic, partition=self.number, count=expired)
            self.positions[tp] = position

    def _show_progress(self) -> None:
        self.stepped_at = time.monotonic()

    # -------------------------------------------------------------------------------------------------------- delivery
    @property
    def has_room(self) -> bool:
        """Whether another batch may be fetched."""
        backlog = self._backlog
        return self.ready and backlog.records < self._engine.options.max_records and backlog.size < self._most_bytes

    @property
    def _most_bytes(self) -> int:
        return max(MAX_BACKLOG_BYTES, self._engine.options.max_records * ASSUMED_RECORD_BYTES)

    def expect(self, batch: Batch) -> None:
        """Note a batch that is on its way here."""
        self._backlog.add(batch)

    def put(self, batch: Batch) -> None:
        """Take a batch from the agent. Delivery is checked, not trusted: Faust drops messages around rebalances."""
        if self._closing or not self.ready or self._seeking:
            self._backlog.remove(batch)  # the next seek brings it again
        elif batch.start != self.positions[batch.tp]:
            self.seek_again(f"{batch.tp.topic} came from {batch.start}")
        else:
            self.positions[batch.tp] = batch.next
            self._put_at = time.monotonic()
            if not self._queue:
                self._first_at = self._queued_at = self._put_at
            self._queue.append(batch)
            self._wake.set()

    @property
    def lag(self) -> int:
        """Records (and markers) that the sources are known to hold and that no step has committed yet."""
        queued = sum(len(batch.records) for batch in self._queue)
        return queued + sum(max(0, self._end(tp) - self.positions[tp]) for tp in self.sources)

    def _end(self, tp: TopicPartition) -> int:
        return max(self._known.ends[tp.topic], self._engine.consumer.stable_end(tp) or 0)

    def seek_again(self, why: str) -> None:
        """Make the consumer deliver from `positions` again."""
        self._engine.log.info("delivery_gap", partition=self.number, detail=why)
        metrics.DELIVERY_GAPS.inc()
        self._seeking = True

        async def seek() -> None:
            try:
                await self._engine.consumer.seek_partition(self.positions)
            except IllegalStateError:
                return  # revoked meanwhile
            self._backlog = _Load(self._queue)
            self._seeking = False
            self._engine.room_freed.set()

        self._engine.spawn(seek())

    def check_delivery(self) -> None:
        """Notice a batch that was handed out and never came, if nothing followed it: called every second."""
        if not self.ready or self._stepping or self._queue or self._seeking:
            return
        cursors = self._engine.consumer.cursors
        lost = any(cursors.get(tp) != position for tp, position in self.positions.items())
        self._suspicions = self._suspicions + 1 if lost else 0
        if self._suspicions >= _ATTEMPTS_OF_WATCHDOG:
            self._suspicions = 0
            self.seek_again("a batch never came")

    def _take(self) -> list[Batch]:
        """Take queued batches: at most `max_records` records, and no further batch once there are so many bytes."""
        room, most_bytes = self._engine.options.max_records, self._most_bytes
        taken = _Load()
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
            self._engine.room_freed.set()
        return batches

    # ------------------------------------------------------------------------------------------------------------ step
    async def _step(self, batches: Sequence[Batch]) -> None:
        """Fold `batches` and commit, once nobody else is in their way.

        If the lane closes before, nothing of them, and nothing that comes after them: what was left out must not be gone past.
        """
        while not self._closing:
            try:
                return await self._try_step(batches)
            except Busy:
                await self._stand_by()
        return None

    async def _stand_by(self) -> None:
        """Take the step back, and wait a moment, in which the loop turns."""
        self._roll_back()
        if not self._closing:
            await asyncio.sleep(BUSY_SECONDS)
        self.stepped_at = time.monotonic()  # all is well here, and another process would wait too

    async def _try_step(self, batches: Sequence[Batch]) -> None:
        """Fold and commit; if folding fails, halve them until the one record that cannot be folded is alone."""
        reach_checkpoint("step_begun")
        for batch in batches:
            if batch.records:
                self._taken_at[batch.tp] = batch.records[-1].timestamp
        step = self._new_step(batches)
        try:
            for topic, some in self._folds(batches):
                self.job.fold(topic, some, step)
            writes = self._collect()
        except (MemoryError, Unavailable):
            raise  # not the record's fault
        except Exception as error:  # noqa: BLE001 - whatever else a fold raises is a defect of the job
            self._roll_back()
            records = sum(len(batch.records) for batch in batches)
            if records > 1:
                for half in _halves(batches, records // 2):
                    await self._step(half)
                return
            step = self._new_step(batches)
            for batch in batches:
                for record in batch.records:
                    self.job.reject_record(batch.tp.topic, record, error, step)
            self._engine.note_internal_error(error)  # once, though `set_aside` may be `Busy` before
            writes = self._collect()
        reach_checkpoint("folded")
        await self._commit(step, batches, writes)

    def _folds(self, batches: Sequence[Batch]) -> Iterator[tuple[str, Sequence[Record]]]:
        """Yield topics and records in the order in which they came, as they are to be folded."""
        if not self._engine.options.serialize_steps:
            yield from ((batch.tp.topic, batch.records) for batch in batches)
            return
        for tp, some in groupby(batches, attrgetter("tp")):
            yield tp.topic, [*chain.from_iterable(batch.records for batch in some)]

    async def _tick(self) -> float:
        """Return in how many seconds to tick again: later and later while it fails."""
        pause = self._engine.options.tick_seconds
        step = self._new_step()
        try:
            wanted_at = self.job.tick(step)
            writes = self._collect()
        except Busy:
            await self._stand_by()
            return pause
        except Exception as error:  # noqa: BLE001 - a defect of the job; records can be folded all the same
            self._roll_back()
            self._failed_ticks += 1
            self._engine.note_tick_error(error)
            return pause * (1 << min(self._failed_ticks, 6))
        self._failed_ticks = 0
        if step.dead_letters or any(writes.values()) or any(step.outputs.values()):
            await self._commit(step, (), writes)
        if wanted_at is None:
            return pause
        return min(pause, max((wanted_at - self._engine.now()) / 1000, MIN_PAUSE_SECONDS))

    def _new_step(self, batches: Sequence[Batch] = ()) -> Step:
        now = self._engine.now()
        done = self._done | {batch.tp: batch.next for batch in batches}
        behind = [self._taken_at.get(tp, 0) for tp in self.sources if done[tp] < self._end(tp)]
        taken = {batch.tp.topic: batch.next for batch in batches}
        return Step(self.number, now, self._engine.job.outputs, min([now, *behind]), self._engine.partitions, taken)

    def _collect(self) -> dict[str, list[KeyValue]]:
        """Return state topic → the rows to write: each touched one, as it is now."""
        writes: dict[str, list[KeyValue]] = {topic: [] for topic in self._engine.job.states}
        for table in self.job.tables:
            writes[table.topic] += table.changes()
        for topic, pairs in writes.items():
            for key, value in pairs:
                if value is not None and len(value) > MAX_ROW_BYTES:
                    raise ValueError(f"a row of {topic} has {len(value)} bytes, at most {MAX_ROW_BYTES} can be kept")
                if key == OFFSETS_KEY:
                    raise ValueError(f"a row of {topic} has the key of the offsets")
        return writes

    def _roll_back(self) -> None:
        for table in self.job.tables:
            table.roll_back()
        self.job.undo()
        for table in self.job.tables:
            table.commit()

    async def _commit(self, step: Step, batches: Sequence[Batch], writes: dict[str, list[KeyValue]]) -> None:
        started = time.perf_counter()
        async with asyncio.timeout(self._engine.options.transaction_timeout_seconds):
            await self._transact(step, batches, writes)
        for table in self.job.tables:
            table.commit()
        self._done |= {batch.tp: batch.next for batch in batches}
        self.stepped_at = time.monotonic()
        metrics.count_step(batches, step, time.perf_counter() - started)
        reach_checkpoint("committed")

    async def _transact(self, step: Step, batches: Sequence[Batch], writes: dict[str, list[KeyValue]]) -> None:
        assert self._producer is not None, "no step before the lane is open"
        producer, job = self._producer, self._engine.job
        offsets = {batch.tp: batch.next for batch in batches}
        if offsets:
            self._known.committed = self._known.committed | {tp.topic: offset for tp, offset in offsets.items()}
            writes[job.states[0]].append((OFFSETS_KEY, encode_offsets(self._known.committed)))
        await producer.begin()
        reach_checkpoint("transaction_begun")
        for topic, pairs in writes.items():
            await producer.send(TopicPartition(topic, self.number), pairs, step.now)
        for topic, pairs in step.outputs.items():
            for partition, own in self._engine.route(pairs).items():
                await producer.send(TopicPartition(topic, partition), own, step.now)
        if letters := step.dead_letters:
            pairs = [(letter.record.key, letter.record.value) for letter in letters]
            headers = [_origin(letter, step.now) for letter in letters]
            await producer.send(TopicPartition(job.dead_letters, self.number), pairs, step.now, headers)
        for tp, next_ in (await producer.commit(offsets, job.name)).items():
            if tp.topic in writes:  # a lower bound for a warm replay
                self._known.replayed[tp.topic] = next_


class _Load:
    """How much a number of batches is."""

    def __init__(self, batches: Iterable[Batch] = ()) -> None:
        self.records = self.size = 0
        for batch in batches:
            self.add(batch)

    def add(self, batch: Batch) -> None:
        self.records += max(1, len(batch.records))  # those of markers alone are not to be without number
        self.size += batch.size

    def remove(self, batch: Batch) -> None:
        self.records = max(0, self.records - max(1, len(batch.records)))
        self.size = max(0, self.size - batch.size)


def _origin(letter: DeadLetter, now: int) -> list[Header]:
    """Return the headers of a dead letter: why it is one, whence it came, and what headers it had."""
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
    """Split batches after `count` records; each half is not empty."""
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
