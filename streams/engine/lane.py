"""One owned partition number: its rows, its transactional producer, its steps.

Why it is safe: only the holder of the newest epoch of `<job>-<partition>` can commit, and every holder rebuilds rows and offsets
after it got the epoch. Group membership only says who should try.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

import aiokafka
import msgspec
from aiokafka.errors import IllegalStateError
from aiokafka.structs import TopicPartition

from streams.engine import metrics
from streams.engine.checkpoints import reach
from streams.engine.job import DeadLetter, Header, Pair, PartitionJob, Step
from streams.engine.transport import FETCH_WAIT_MS, Batch

if TYPE_CHECKING:
    from streams.engine.engine import Engine

OFFSETS_KEY: Final = b"\x00offsets"
"""The one record of the first state topic that is no row: source topic → next offset, as of the same transaction."""
MAX_BATCH_BYTES: Final = 900_000  # below the broker's default limit of 1 MB for a batch
MAX_ROW_BYTES: Final = 500_000
MAX_REQUEST_BYTES: Final = 4 << 20  # a dead letter holds a record at the source's limit, and its headers
RECOVERY_FETCH_BYTES: Final = 4 << 20
_NO_HEADERS: Final[list[Header]] = []  # the C builder takes a list only
_ATTEMPTS_OF_WATCHDOG: Final = 2

_encode_offsets = msgspec.json.Encoder().encode
_decode_offsets = msgspec.json.Decoder(dict[str, int]).decode


class InvariantBroken(RuntimeError):  # noqa: N818 - what it says
    """State, group and source disagree: going on could lose or repeat something."""


class Lane:
    """Steps over one partition number of all source topics, from assignment to revocation."""

    def __init__(self, engine: "Engine", number: int) -> None:
        self._engine = engine
        self.number: Final = number
        self.sources: Final = [TopicPartition(topic, number) for topic in engine.job.sources]
        self.job: PartitionJob = engine.job.open(number)
        self.ready = False
        self.backlog = 0
        """Records on their way from the fetch to a step."""
        self.positions: dict[TopicPartition, int] = {}
        """Next offset to take of each source."""
        self._committed: dict[str, int] = {}
        self._replayed: dict[str, int] = {}
        """Next offset to replay of each state topic, if we get the partition back."""
        self._begins: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._queue: deque[Batch] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._stepping = False
        self._seeking = False
        self._suspicions = 0
        self._producer: Any = None
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

    def inherit(self, earlier: "Lane") -> None:
        """Take over the rows of the lane that had this partition a moment ago: only what came since is replayed."""
        self.job = earlier.job
        self._committed, self._replayed = earlier._committed, earlier._replayed

    @property
    def busy(self) -> bool:
        """Whether there is something to do: to recover, or to step over."""
        return not self.ready or self._stepping or bool(self._queue)

    @property
    def recovered(self) -> bool:
        """Whether the rows are complete, so that `inherit` may use them."""
        return bool(self._replayed)

    async def _run(self) -> None:
        try:
            await self._open()
            tick_at = 0.0
            while not self._closing:
                self._stepping = True
                batches = self._take()
                if batches:
                    await self._step(batches)
                if (due := time.monotonic() >= tick_at) and self.caught_up:
                    await self._tick()
                    tick_at = time.monotonic() + self._engine.options.tick_seconds
                self._stepping = False
                self.stepped_at = time.monotonic()
                if not batches:
                    await self._wait(0.05 if due else tick_at - self.stepped_at)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - crash-only: whatever it was, this process must not go on
            self._engine.die(error)

    async def _wait(self, seconds: float) -> None:
        self._wake.clear()
        if self._queue or self._closing:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    # -------------------------------------------------------------------------------------------------------- recovery
    async def _open(self) -> None:
        started = time.monotonic()
        options = self._engine.options
        # InitProducerId: the old owner is fenced from here on, and its transaction finished or aborted, so that all that is
        # read below is final.
        self._producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=options.bootstrap,
            client_id=f"{self._engine.job.name}-{self.number}",
            transactional_id=f"{self._engine.job.name}-{self.number}",
            acks="all",
            compression_type=options.compression,
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
            transaction_timeout_ms=int(options.transaction_timeout_seconds * 1000) + 5000,
            request_timeout_ms=10_000,
            retry_backoff_ms=20,
            **options.client,
        )
        await self._producer.start()
        await self._engine.learn_partitions(self._producer)
        reach("fenced")
        warm = self.recovered
        replayed = await self._replay()
        self.job.restore()
        reach("replayed")
        await self._compare_offsets()
        reach("compared")
        await self._engine.consumer.on_thread("seek_lane", self.positions)
        self.backlog = 0  # what Faust brought before this is not for us
        self.ready = True
        self._engine.wanted.set()
        reach("opened")
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

    async def _replay(self) -> int:
        """Read the state topics to their ends; note the ends of the sources. Return the number of records read."""
        consumer = aiokafka.AIOKafkaConsumer(
            bootstrap_servers=self._engine.options.bootstrap,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_partition_fetch_bytes=RECOVERY_FETCH_BYTES,
            **self._engine.options.client,
        )
        states = self._engine.job.states
        tables = {
            TopicPartition(topic, self.number): [table.load for table in self.job.tables if table.topic == topic]
            for topic in states
        }
        offsets_in = TopicPartition(states[0], self.number)
        await consumer.start()
        try:
            self._begins = await consumer.beginning_offsets(self.sources)
            self._ends = await consumer.end_offsets(self.sources)
            consumer.assign(list(tables))
            begins = await consumer.beginning_offsets(list(tables))
            ends = await consumer.end_offsets(list(tables))  # read_committed: last stable offsets, final by now
            for tp in tables:
                consumer.seek(tp, max(self._replayed.get(tp.topic, 0), begins[tp]))
            count = 0
            behind = [tp for tp in tables if await consumer.position(tp) < ends[tp]]
            while behind:
                for tp, records in (await consumer.getmany(*behind, timeout_ms=200)).items():
                    count += len(records)
                    self.stepped_at = time.monotonic()
                    loads = tables[tp]
                    for record in records:
                        if record.key == OFFSETS_KEY and tp == offsets_in:
                            self._committed = _decode_offsets(record.value)
                        elif not any(load(record.key, record.value) for load in loads):
                            raise InvariantBroken(f"{tp.topic} holds a key that no table knows: {record.key!r}")
                # By position: the end of a state topic is always the marker of a transaction, never a record.
                behind = [tp for tp in behind if await consumer.position(tp) < ends[tp]]
            self._replayed = {tp.topic: ends[tp] for tp in tables}
            return count
        finally:
            await consumer.stop()

    async def _compare_offsets(self) -> None:
        """Set `positions`, after checking that state, group and source agree about them.

        The state's offsets are the truth. The group's are in the same transactions, so they may be gone (the broker forgets those
        of a group that was away for a week), but never others.
        """
        group = await self._engine.consumer.on_thread("read_committed_offsets", self.sources)
        for tp in self.sources:
            committed = self._committed.get(tp.topic)
            if group[tp] not in {None, committed}:
                raise InvariantBroken(f"{tp.topic}[{self.number}]: state says {committed}, group says {group[tp]}")
            begin, end = self._begins[tp], self._ends[tp]
            position = begin if committed is None else committed
            if position < begin and self._engine.options.skip_expired:
                self._engine.log.error("records_expired", topic=tp.topic, partition=self.number, count=begin - position)
                position = begin
            if position < begin:
                raise InvariantBroken(
                    f"{tp.topic}[{self.number}]: {begin - position} records were deleted by retention before they were taken; "
                    "to go on without them, set skip_expired"
                )
            if position > end:
                raise InvariantBroken(
                    f"{tp.topic}[{self.number}]: next offset {position} is beyond the end {end}: the topic was made anew"
                )
            self.positions[tp] = position

    # -------------------------------------------------------------------------------------------------------- delivery
    def put(self, batch: Batch) -> None:
        """Take a batch from the agent. Delivery is checked, not trusted: Faust drops messages around rebalances."""
        if self._closing or not self.ready or self._seeking:
            self.backlog = max(0, self.backlog - len(batch.records))  # the next seek brings it again
        elif batch.start != self.positions[batch.tp]:
            self.seek_again(f"{batch.tp.topic} came from {batch.start}")
        else:
            self.positions[batch.tp] = batch.next
            self._queue.append(batch)
            self._wake.set()

    @property
    def caught_up(self) -> bool:
        """Whether all that the sources are known to hold has been taken: only then may silence mean something."""
        if self._queue:
            return False
        for tp in self.sources:
            end = self._engine.consumer._thread.stable_end(tp)
            if self.positions[tp] < max(self._ends[tp], end or 0):
                return False
        return True

    @property
    def lag(self) -> int:
        """Records (and markers) that the sources are known to hold and that no step has committed yet."""
        thread = self._engine.consumer._thread
        queued = sum(len(batch.records) for batch in self._queue)
        return queued + sum(
            max(0, max(self._ends.get(tp, 0), thread.stable_end(tp) or 0) - self.positions.get(tp, 0))
            for tp in self.sources
        )

    def seek_again(self, why: str) -> None:
        """Make the consumer deliver from `positions` again."""
        self._engine.log.warning("delivery_gap", partition=self.number, detail=why)
        metrics.DELIVERY_GAPS.inc()
        self._seeking = True

        async def seek() -> None:
            try:
                await self._engine.consumer.on_thread("seek_lane", self.positions)
            except IllegalStateError:
                return  # revoked meanwhile
            self.backlog = sum(len(batch.records) for batch in self._queue)
            self._seeking = False
            self._engine.wanted.set()

        self._engine.spawn(seek())

    def check_delivery(self) -> None:
        """Notice a batch that was handed out and never came, if nothing followed it: called every second."""
        if not self.ready or self._stepping or self._queue or self._seeking:
            return
        cursors = self._engine.consumer._thread.cursors
        lost = any(cursors.get(tp) != position for tp, position in self.positions.items())
        self._suspicions = self._suspicions + 1 if lost else 0
        if self._suspicions >= _ATTEMPTS_OF_WATCHDOG:
            self._suspicions = 0
            self.seek_again("a batch never came")

    def _take(self) -> list[Batch]:
        """Take queued batches, at most `max_records` records."""
        room = self._engine.options.max_records
        taken: list[Batch] = []
        while self._queue and room > 0:
            batch = self._queue.popleft()
            if len(batch.records) > room:
                batch, rest = batch.split(room)
                self._queue.appendleft(rest)
            taken.append(batch)
            room -= len(batch.records)
        count = sum(len(batch.records) for batch in taken)
        self.backlog = max(0, self.backlog - count)
        if taken:
            self._engine.wanted.set()
        return taken

    # ------------------------------------------------------------------------------------------------------------ step
    async def _step(self, batches: Sequence[Batch]) -> None:
        """Fold `batches` and commit; if folding fails, halve them until the one record that cannot be folded is alone."""
        reach("step_begun")
        step = self._new_step()
        try:
            for batch in batches:
                self.job.fold(batch.tp.topic, batch.records, step)
            writes = self._collect()
        except Exception as error:  # noqa: BLE001 - whatever a fold raises is a defect of the job
            self._roll_back()
            records = sum(len(batch.records) for batch in batches)
            if records > 1:
                for half in _halves(batches, records // 2):
                    await self._step(half)
                return
            self._engine.note_internal_error(error)
            step = self._new_step()
            for batch in batches:
                for record in batch.records:
                    self.job.set_aside(batch.tp.topic, record, error, step)
            writes = self._collect()
        reach("folded")
        await self._commit(step, batches, writes)

    async def _tick(self) -> None:
        step = self._new_step()
        self.job.tick(step)
        writes = self._collect()
        if step.dead_letters or any(writes.values()) or any(step.outputs.values()):
            await self._commit(step, (), writes)

    def _new_step(self) -> Step:
        return Step(self.number, self._engine.now(), self._engine.job.outputs)

    def _collect(self) -> dict[str, list[Pair]]:
        """Return state topic → the rows to write: each touched one, as it is now."""
        writes: dict[str, list[Pair]] = {topic: [] for topic in self._engine.job.states}
        for table in self.job.tables:
            writes[table.topic] += table.changes()
        for topic, pairs in writes.items():
            for _, value in pairs:
                if value is not None and len(value) > MAX_ROW_BYTES:
                    raise InvariantBroken(
                        f"a row of {topic} has {len(value)} bytes, at most {MAX_ROW_BYTES} can be kept"
                    )
        return writes

    def _roll_back(self) -> None:
        for table in self.job.tables:
            table.roll_back()
        self.job.restore()

    async def _commit(self, step: Step, batches: Sequence[Batch], writes: dict[str, list[Pair]]) -> None:
        started = time.perf_counter()
        async with asyncio.timeout(self._engine.options.transaction_timeout_seconds):
            await self._transact(step, batches, writes)
        for table in self.job.tables:
            table.commit()
        self.stepped_at = time.monotonic()
        metrics.count_step(batches, step, time.perf_counter() - started)
        reach("committed")

    async def _transact(self, step: Step, batches: Sequence[Batch], writes: dict[str, list[Pair]]) -> None:
        producer, engine = self._producer, self._engine
        offsets = {batch.tp: batch.next for batch in batches}
        if offsets:
            self._committed = self._committed | {tp.topic: offset for tp, offset in offsets.items()}
            writes[engine.job.states[0]].append((OFFSETS_KEY, _encode_offsets(self._committed)))
        await producer.begin_transaction()
        reach("transaction_begun")
        sent: list[tuple[str, Any]] = []
        for topic, pairs in writes.items():
            sent += [(topic, future) for future in await self._send(topic, self.number, pairs, step.now)]
        for topic, pairs in step.outputs.items():
            for partition, own in self._engine.route(topic, pairs).items():
                sent += [(topic, future) for future in await self._send(topic, partition, own, step.now)]
        if letters := step.dead_letters:
            topic = engine.job.dead_letters
            pairs = [(letter.record.key, letter.record.value) for letter in letters]
            headers = [_origin(letter, step.now) for letter in letters]
            sent += [(topic, future) for future in await self._send(topic, self.number, pairs, step.now, headers)]
        # aiokafka would commit although a batch of the transaction failed: every batch first. And the offsets after the
        # records: AddOffsetsToTxn beside a produce makes the broker's check of that produce fail, and costs a back-off.
        done = await asyncio.gather(*(future for _, future in sent))
        reach("records_sent")
        if offsets:
            await producer.send_offsets_to_transaction(offsets, engine.job.name)
        reach("offsets_sent")
        await producer.commit_transaction()
        for (topic, _), result in zip(sent, done, strict=True):
            if topic in self._replayed:  # a lower bound for a warm replay
                self._replayed[topic] = result.offset + 1

    async def _send(
        self,
        topic: str,
        partition: int,
        pairs: Iterable[Pair],
        timestamp: int,
        headers: Iterable[list[Header]] = repeat(_NO_HEADERS),
    ) -> list[Any]:
        """Send records as ready-made batches: one future per batch instead of one per record."""
        futures = []
        batch = self._producer.create_batch()
        append = batch._builder.append
        count = 0
        for (key, value), heads in zip(pairs, headers, strict=False):
            while append(count, timestamp, key, value, heads) is None:  # full: on to the next one
                futures.append(await self._send_batch(topic, partition, batch, count))
                batch = self._producer.create_batch()
                append = batch._builder.append
                count = 0
            count += 1
        if count:
            futures.append(await self._send_batch(topic, partition, batch, count))
        return futures

    async def _send_batch(self, topic: str, partition: int, batch: Any, count: int) -> Any:
        batch._relative_offset = count
        batch.close()
        return await self._producer.send_batch(batch, topic, partition=partition)


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
