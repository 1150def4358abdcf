"""How much a lane takes at once, how it halves what it cannot fold, and how it waits for whom it is not alone with."""

import asyncio
import time
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.structs import TopicPartition

from streams.engine.batch import Batch
from streams.engine.engine import Options
from streams.engine.job import Busy, Unavailable
from streams.engine.partition_task import (
    ASSUMED_RECORD_BYTES,
    MAX_BACKLOG_BYTES,
    MAX_DELAY_SECONDS,
    MAX_LINGER_MULTIPLE,
    MIN_DELAY_SECONDS,
    MIN_LINGER_BACKLOG,
    PartitionTask,
    _halves,
)

SOURCE = TopicPartition("calls", 0)


def batch(start: int, count: int, size: int = 1) -> Batch:
    records: list[Any] = [SimpleNamespace(offset=start + nth, value=b"x" * size, timestamp=0) for nth in range(count)]
    return Batch(SOURCE, records, start, start + count + 1)  # a marker at its end


def open_lane(max_records: int, **options: Any) -> PartitionTask:
    """Return a lane that takes batches from offset 0 on, of an engine that is none."""
    job = SimpleNamespace(sources=["calls"], open=lambda _: None)
    how = Options("", max_records=max_records, **options)
    engine: Any = SimpleNamespace(job=job, options=how, room_freed=SimpleNamespace(set=lambda: None))
    partition_task = PartitionTask(engine, 0)
    partition_task.ready, partition_task.positions = True, {SOURCE: 0}
    return partition_task


def put(partition_task: PartitionTask, *batches: Batch) -> None:
    for one in batches:
        partition_task.expect(one)
        partition_task.put(one)


def test_a_step_takes_at_most_so_many_records_and_none_is_lost_between_two() -> None:
    partition_task = open_lane(max_records=10)
    put(partition_task, batch(0, 7), batch(8, 7), batch(16, 7))
    assert not partition_task.has_room
    taken = [partition_task._take() for _ in range(4)]
    assert [[(one.start, len(one.records), one.next) for one in step] for step in taken] == [
        [(0, 7, 8), (8, 3, 11)],
        [(11, 4, 16), (16, 6, 22)],
        [(22, 1, 24)],
        [],
    ]
    assert partition_task.has_room


def test_few_records_that_are_large_are_enough() -> None:
    partition_task = open_lane(max_records=10_000)
    size = MAX_BACKLOG_BYTES // 4
    put(partition_task, *(batch(number * 2, 1, size) for number in range(6)))
    assert not partition_task.has_room
    assert [len(partition_task._take()) for _ in range(3)] == [4, 2, 0]
    assert partition_task.has_room


def due_at(partition_task: PartitionTask, step_at: float, *, behind: int) -> float:
    """Return when a step is due, with so many records in Kafka after what was put."""
    end = partition_task.positions[SOURCE] + behind
    partition_task._end = lambda _: end  # type: ignore[method-assign]
    return partition_task._due_at(step_at)


def test_a_step_waits_until_nothing_more_comes_or_there_is_enough() -> None:
    partition_task = open_lane(max_records=100, full_step_records=50, linger_seconds=2.0)
    put(partition_task, batch(0, 20))
    last_put_at = partition_task._put_at
    assert due_at(partition_task, step_at=1.0, behind=0) == 1.0, "few are all there are"
    many = MIN_LINGER_BACKLOG
    assert due_at(partition_task, step_at=1.0, behind=many - 1) == 1.0
    assert due_at(partition_task, step_at=1.0, behind=many) == last_put_at + 2.0, (
        "what comes soon is waited for, but not for ever"
    )
    assert due_at(partition_task, step_at=last_put_at + 9, behind=many) == last_put_at + 9
    partition_task._put_at = last_put_at + 100
    assert due_at(partition_task, step_at=1.0, behind=many) == last_put_at + MAX_LINGER_MULTIPLE * 2.0, (
        "nor for ever if they trickle"
    )
    put(partition_task, batch(21, 30))
    assert due_at(partition_task, step_at=last_put_at + 9, behind=1000) == 0.0, "enough do not wait"


def test_a_long_step_of_another_is_no_time_in_which_more_could_come() -> None:
    partition_task = open_lane(max_records=100, full_step_records=50, linger_seconds=2.0)
    put(partition_task, batch(0, 20))
    first_at = partition_task._first_at
    partition_task._note_delay(time.monotonic() - MIN_DELAY_SECONDS / 2)
    assert (partition_task._put_at, partition_task._first_at) == (first_at, first_at)
    partition_task._note_delay(time.monotonic() - 30)
    assert partition_task._put_at >= first_at
    assert first_at + 30 <= partition_task._first_at < first_at + 31
    for _ in range(10):
        partition_task._note_delay(time.monotonic() - 30)
    assert partition_task._first_at == first_at + MAX_DELAY_SECONDS, "a machine that is always late is not waited for"


def test_batches_of_markers_alone_are_not_without_number() -> None:
    partition_task = open_lane(max_records=3)
    put(partition_task, *(Batch(SOURCE, [], start, start + 1) for start in range(3)))
    assert not partition_task.has_room
    assert len(partition_task._take()) == 3
    assert partition_task.has_room


def test_a_tick_that_takes_long_is_not_due_again_at_once() -> None:
    others = 0

    class Slow(Waited):
        """A lane whose ticks take longer than from one to the next."""

        async def _open(self) -> None:
            self.ready = True

        async def _tick(self) -> float:
            time.sleep(0.02)  # noqa: ASYNC251 - as a database would
            self.ticks = getattr(self, "ticks", 0) + 1
            self._closing = self.ticks == 3
            return 0.01

    async def other() -> None:
        nonlocal others
        while True:
            others += 1
            await asyncio.sleep(0)

    async def run() -> None:
        beside = asyncio.create_task(other())
        await Slow(Sink())._run()
        beside.cancel()

    asyncio.run(run())
    assert others >= 2, "between any two"


def test_a_step_does_not_wait_for_what_there_is_no_room_for() -> None:
    partition_task = open_lane(max_records=100, full_step_records=50, linger_seconds=2.0)
    put(partition_task, batch(0, 1, MAX_BACKLOG_BYTES))
    assert due_at(partition_task, step_at=1e9, behind=1000) == 0.0


def test_large_steps_have_room_for_as_many_bytes() -> None:
    partition_task = open_lane(max_records=100_000)
    put(partition_task, batch(0, 1, MAX_BACKLOG_BYTES))
    assert partition_task.has_room
    put(partition_task, batch(2, 1, 100_000 * ASSUMED_RECORD_BYTES - MAX_BACKLOG_BYTES))
    assert not partition_task.has_room
    assert [len(partition_task._take()) for _ in range(2)] == [2, 0]


@pytest.mark.parametrize("count", range(1, 12))
def test_halves_are_not_empty_and_cover_all(count: int) -> None:
    batches = [batch(0, 5), batch(6, 0), batch(7, 7)]
    first, rest = _halves(batches, count)
    offsets = [[record.offset for one in half for record in one.records] for half in (first, rest)]
    assert len(offsets[0]) == count
    assert offsets[0] + offsets[1] == [record.offset for one in batches for record in one.records]
    assert rest[-1].next == batches[-1].next


class Sink:
    """A job that somebody else is in the way of, so many times."""

    def __init__(self, *errors: Exception) -> None:
        self.tables: list[Any] = []
        self.errors = list(errors)
        self.tried = self.undone = 0
        self.on_try: Callable[[], object] = int

    def fold(self, _topic: str, _records: Any, _step: Any) -> None:
        self.tried += 1
        self.on_try()
        if self.errors:
            raise self.errors.pop(0)

    def tick(self, _step: Any) -> None:
        self.fold("", (), None)

    def undo(self) -> None:
        self.undone += 1


def died(error: BaseException) -> None:
    raise error


class Waited(PartitionTask):
    """A lane whose steps are committed nowhere."""

    def __init__(self, sink: Sink, step_lock: Any = None) -> None:
        job = SimpleNamespace(sources=["calls"], open=lambda _: sink, states=["rows"], outputs=[])
        engine: Any = SimpleNamespace(
            job=job,
            options=Options(""),
            partitions=1,
            step_lock=step_lock or nullcontext(),
            now=lambda: 0,
            consumer=None,
            room_freed=asyncio.Event(),
            exit_process=died,
        )
        super().__init__(engine, 0)
        self.committed: list[Any] = []
        self._done = {SOURCE: 0}

    def _end(self, tp: TopicPartition) -> int:
        return 0

    async def _commit(self, step: Any, batches: Any, writes: Any) -> None:
        self.committed += batches


@pytest.fixture
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.engine.partition_task.BUSY_SECONDS", 0)


@pytest.mark.usefixtures("_no_pause")
def test_a_step_that_somebody_is_in_the_way_of_is_taken_back_and_tried_until_it_is_done() -> None:
    sink = Sink(*[Busy("locked")] * 3)
    partition_task, one = Waited(sink), batch(0, 5)
    asyncio.run(partition_task._step([one]))
    assert (sink.tried, sink.undone, partition_task.committed) == (4, 3, [one])


@pytest.mark.usefixtures("_no_pause")
def test_a_record_that_cannot_be_folded_counts_once_however_long_the_database_is_busy() -> None:
    class Aside(Sink):
        def reject_record(self, *_: Any) -> None:
            self.fold("", (), None)

    sink, noted = Aside(*[ValueError("a defect"), Busy("locked")] * 3, ValueError("a defect")), list[Exception]()
    partition_task, one = Waited(sink), batch(0, 1)
    partition_task._engine.note_internal_error = noted.append  # type: ignore[method-assign]
    asyncio.run(partition_task._step([one]))
    assert (len(noted), partition_task.committed) == (1, [one])


@pytest.mark.usefixtures("_no_pause")
def test_a_lane_that_closes_meanwhile_leaves_the_step_to_who_comes_next() -> None:
    sink = Sink(*[Busy("locked")] * 9)
    partition_task = Waited(sink)

    def close() -> None:
        partition_task._closing = True

    sink.on_try = close
    asyncio.run(partition_task._step([batch(0, 5)]))
    assert sink.tried == 1, "it was not waited for until it could be done"
    assert not partition_task.committed


@pytest.mark.usefixtures("_no_pause")
def test_a_lane_that_closes_before_the_first_half_of_a_step_is_done_does_not_go_past_it() -> None:
    sink = Sink(ValueError("a record that cannot be folded"), Busy("locked"))
    partition_task = Waited(sink)

    def close() -> None:
        partition_task._closing = sink.tried == 2

    sink.on_try = close
    asyncio.run(partition_task._step([batch(0, 10)]))
    assert (sink.tried, partition_task.committed) == (2, [])


def test_batches_of_a_topic_that_follow_each_other_are_folded_at_once_where_each_fold_costs() -> None:
    partition_task, folded = Waited(Sink()), []
    partition_task._engine.options = Options("", serialize_steps=True)

    def fold(topic: str, records: Any, _step: Any) -> None:
        folded.append((topic, [record.offset for record in records]))

    partition_task.job.fold = fold  # type: ignore[method-assign]
    other = Batch(TopicPartition("letters", 0), batch(0, 1).records, 0, 1)
    asyncio.run(partition_task._step([batch(0, 2), batch(3, 2), other, batch(6, 1)]))
    assert folded == [("calls", [0, 1, 3, 4]), ("letters", [0]), ("calls", [6])]
    folded.clear()
    partition_task._engine.options = Options("")
    asyncio.run(partition_task._step([batch(0, 2), batch(3, 2), other]))
    assert folded == [("calls", [0, 1]), ("calls", [3, 4]), ("letters", [0])]


@pytest.mark.usefixtures("_no_pause")
def test_a_tick_that_somebody_is_in_the_way_of_is_no_defect() -> None:
    sink = Sink(Busy("locked"))
    partition_task = Waited(sink)
    assert asyncio.run(partition_task._tick()) == Options("").tick_seconds
    assert (sink.undone, partition_task._failed_ticks) == (1, 0)


def test_lanes_in_turn_do_not_step_into_the_transaction_of_another() -> None:
    steps: list[str] = []
    waiting: list[int] = []
    """How many others wait, and are not taken for stuck, as each commits."""
    step_lock = asyncio.Lock()

    class Slow(Waited):
        """A lane whose commit lets others run."""

        async def _open(self) -> None:
            self.ready, self.positions = True, {SOURCE: 0}
            put(self, batch(0, 5))

        async def _tick(self) -> float:
            steps.append("tick")
            self._closing = True
            return 0.0

        async def _commit(self, step: Any, batches: Any, writes: Any) -> None:
            steps.append("begun")
            await asyncio.sleep(0.01)
            waiting.append(
                sum(partition_task._is_waiting and not partition_task.busy for partition_task in partition_tasks)
            )
            steps.append("ended")
            await super()._commit(step, batches, writes)
            self._done = {SOURCE: 6}

    partition_tasks = [Slow(Sink(), step_lock) for _ in range(3)]

    async def run() -> None:
        await asyncio.gather(*(partition_task._run() for partition_task in partition_tasks))

    asyncio.run(run())
    assert [what for what in steps if what != "tick"] == ["begun", "ended"] * 3
    assert waiting == [2, 2, 2], "for their own steps, and then to tick"


def test_a_lane_that_closes_while_it_waits_for_its_turn_leaves_the_step_to_who_comes_next() -> None:
    step_lock = asyncio.Lock()
    sink = Sink()
    partition_task = Waited(sink, step_lock)
    partition_task.ready, partition_task.positions = True, {SOURCE: 0}

    async def opened() -> None:
        put(partition_task, batch(0, 5))

    partition_task._open = opened  # type: ignore[method-assign]

    async def run() -> None:
        async with step_lock:
            partition_task.start()
            while not partition_task._is_waiting:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0)
            closing = asyncio.create_task(partition_task.close())
            await asyncio.sleep(0)
        await closing

    asyncio.run(run())
    assert (sink.tried, partition_task.committed) == (0, [])


def test_what_cannot_be_reached_ends_the_step() -> None:
    with pytest.raises(Unavailable):
        asyncio.run(Waited(Sink(Unavailable("away")))._step([batch(0, 5)]))


def test_one_lane_tries_at_a_time_so_that_kafka_hears_of_a_process_all_of_whose_lanes_are_kept_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    standing_by, most = 0, 0

    async def sleep(_seconds: float, really: Callable[[float], Any] = asyncio.sleep) -> None:
        nonlocal standing_by, most
        standing_by += 1
        most = max(most, standing_by)
        await really(0)
        standing_by -= 1

    monkeypatch.setattr(asyncio, "sleep", sleep)
    step_lock = asyncio.Lock()
    partition_tasks = [Waited(Sink(*[Busy("locked")] * 5), step_lock) for _ in range(4)]

    async def step(partition_task: Waited) -> None:
        async with partition_task._turn():
            await partition_task._step([batch(0, 5)])

    async def run() -> None:
        await asyncio.gather(*map(step, partition_tasks))

    asyncio.run(run())
    assert (len([partition_task for partition_task in partition_tasks if partition_task.committed]), most) == (4, 1)
