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
from streams.engine.lane import (
    FEW_RECORDS,
    HELD_UP_SECONDS,
    LONGEST_HELD_UP_SECONDS,
    LONGEST_WAIT,
    MAX_BACKLOG_BYTES,
    USUAL_BYTES,
    Lane,
    _halves,
)

SOURCE = TopicPartition("calls", 0)


def batch(start: int, count: int, size: int = 1) -> Batch:
    records: list[Any] = [SimpleNamespace(offset=start + nth, value=b"x" * size, timestamp=0) for nth in range(count)]
    return Batch(SOURCE, records, start, start + count + 1)  # a marker at its end


def open_lane(max_records: int, **options: Any) -> Lane:
    """Return a lane that takes batches from offset 0 on, of an engine that is none."""
    job = SimpleNamespace(sources=["calls"], open=lambda _: None)
    how = Options("", max_records=max_records, **options)
    engine: Any = SimpleNamespace(job=job, options=how, wanted=SimpleNamespace(set=lambda: None))
    lane = Lane(engine, 0)
    lane.ready, lane.positions = True, {SOURCE: 0}
    return lane


def put(lane: Lane, *batches: Batch) -> None:
    for one in batches:
        lane.expect(one)
        lane.put(one)


def test_a_step_takes_at_most_so_many_records_and_none_is_lost_between_two() -> None:
    lane = open_lane(max_records=10)
    put(lane, batch(0, 7), batch(8, 7), batch(16, 7))
    assert not lane.has_room
    taken = [lane._take() for _ in range(4)]
    assert [[(one.start, len(one.records), one.next) for one in step] for step in taken] == [
        [(0, 7, 8), (8, 3, 11)],
        [(11, 4, 16), (16, 6, 22)],
        [(22, 1, 24)],
        [],
    ]
    assert lane.has_room


def test_few_records_that_are_large_are_enough() -> None:
    lane = open_lane(max_records=10_000)
    size = MAX_BACKLOG_BYTES // 4
    put(lane, *(batch(number * 2, 1, size) for number in range(6)))
    assert not lane.has_room
    assert [len(lane._take()) for _ in range(3)] == [4, 2, 0]
    assert lane.has_room


def due_at(lane: Lane, step_at: float, *, behind: int) -> float:
    """Return when a step is due, with so many records in Kafka after what was put."""
    end = lane.positions[SOURCE] + behind
    lane._end = lambda _: end  # type: ignore[method-assign]
    return lane._due_at(step_at)


def test_a_step_waits_until_nothing_more_comes_or_there_is_enough() -> None:
    lane = open_lane(max_records=100, enough_records=50, linger_seconds=2.0)
    put(lane, batch(0, 20))
    last_put_at = lane._put_at
    assert due_at(lane, step_at=1.0, behind=0) == 1.0, "few are all there are"
    many = FEW_RECORDS
    assert due_at(lane, step_at=1.0, behind=many - 1) == 1.0
    assert due_at(lane, step_at=1.0, behind=many) == last_put_at + 2.0, (
        "what comes soon is waited for, but not for ever"
    )
    assert due_at(lane, step_at=last_put_at + 9, behind=many) == last_put_at + 9
    lane._put_at = last_put_at + 100
    assert due_at(lane, step_at=1.0, behind=many) == last_put_at + LONGEST_WAIT * 2.0, "nor for ever if they trickle"
    put(lane, batch(21, 30))
    assert due_at(lane, step_at=last_put_at + 9, behind=1000) == 0.0, "enough do not wait"


def test_a_long_step_of_another_is_no_time_in_which_more_could_come() -> None:
    lane = open_lane(max_records=100, enough_records=50, linger_seconds=2.0)
    put(lane, batch(0, 20))
    first_at = lane._first_at
    lane._note_delay(time.monotonic() - HELD_UP_SECONDS / 2)
    assert (lane._put_at, lane._first_at) == (first_at, first_at)
    lane._note_delay(time.monotonic() - 30)
    assert lane._put_at >= first_at
    assert first_at + 30 <= lane._first_at < first_at + 31
    for _ in range(10):
        lane._note_delay(time.monotonic() - 30)
    assert lane._first_at == first_at + LONGEST_HELD_UP_SECONDS, "a machine that is always late is not waited for"


def test_batches_of_markers_alone_are_not_without_number() -> None:
    lane = open_lane(max_records=3)
    put(lane, *(Batch(SOURCE, [], start, start + 1) for start in range(3)))
    assert not lane.has_room
    assert len(lane._take()) == 3
    assert lane.has_room


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
    lane = open_lane(max_records=100, enough_records=50, linger_seconds=2.0)
    put(lane, batch(0, 1, MAX_BACKLOG_BYTES))
    assert due_at(lane, step_at=1e9, behind=1000) == 0.0


def test_large_steps_have_room_for_as_many_bytes() -> None:
    lane = open_lane(max_records=100_000)
    put(lane, batch(0, 1, MAX_BACKLOG_BYTES))
    assert lane.has_room
    put(lane, batch(2, 1, 100_000 * USUAL_BYTES - MAX_BACKLOG_BYTES))
    assert not lane.has_room
    assert [len(lane._take()) for _ in range(2)] == [2, 0]


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


class Waited(Lane):
    """A lane whose steps are committed nowhere."""

    def __init__(self, sink: Sink, turn: Any = None) -> None:
        job = SimpleNamespace(sources=["calls"], open=lambda _: sink, states=["rows"], outputs=[])
        engine: Any = SimpleNamespace(
            job=job,
            options=Options(""),
            partitions=1,
            turn=turn or nullcontext(),
            now=lambda: 0,
            consumer=None,
            wanted=asyncio.Event(),
            die=died,
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
    monkeypatch.setattr("streams.engine.lane.BUSY_SECONDS", 0)


@pytest.mark.usefixtures("_no_pause")
def test_a_step_that_somebody_is_in_the_way_of_is_taken_back_and_tried_until_it_is_done() -> None:
    sink = Sink(*[Busy("locked")] * 3)
    lane, one = Waited(sink), batch(0, 5)
    asyncio.run(lane._step([one]))
    assert (sink.tried, sink.undone, lane.committed) == (4, 3, [one])


@pytest.mark.usefixtures("_no_pause")
def test_a_record_that_cannot_be_folded_counts_once_however_long_the_database_is_busy() -> None:
    class Aside(Sink):
        def set_aside(self, *_: Any) -> None:
            self.fold("", (), None)

    sink, noted = Aside(*[ValueError("a defect"), Busy("locked")] * 3, ValueError("a defect")), list[Exception]()
    lane, one = Waited(sink), batch(0, 1)
    lane._engine.note_internal_error = noted.append  # type: ignore[method-assign]
    asyncio.run(lane._step([one]))
    assert (len(noted), lane.committed) == (1, [one])


@pytest.mark.usefixtures("_no_pause")
def test_a_lane_that_closes_meanwhile_leaves_the_step_to_who_comes_next() -> None:
    sink = Sink(*[Busy("locked")] * 9)
    lane = Waited(sink)

    def close() -> None:
        lane._closing = True

    sink.on_try = close
    asyncio.run(lane._step([batch(0, 5)]))
    assert sink.tried == 1, "it was not waited for until it could be done"
    assert not lane.committed


@pytest.mark.usefixtures("_no_pause")
def test_a_lane_that_closes_before_the_first_half_of_a_step_is_done_does_not_go_past_it() -> None:
    sink = Sink(ValueError("a record that cannot be folded"), Busy("locked"))
    lane = Waited(sink)

    def close() -> None:
        lane._closing = sink.tried == 2

    sink.on_try = close
    asyncio.run(lane._step([batch(0, 10)]))
    assert (sink.tried, lane.committed) == (2, [])


def test_batches_of_a_topic_that_follow_each_other_are_folded_at_once_where_each_fold_costs() -> None:
    lane, folded = Waited(Sink()), []
    lane._engine.options = Options("", in_turn=True)

    def fold(topic: str, records: Any, _step: Any) -> None:
        folded.append((topic, [record.offset for record in records]))

    lane.job.fold = fold  # type: ignore[method-assign]
    other = Batch(TopicPartition("letters", 0), batch(0, 1).records, 0, 1)
    asyncio.run(lane._step([batch(0, 2), batch(3, 2), other, batch(6, 1)]))
    assert folded == [("calls", [0, 1, 3, 4]), ("letters", [0]), ("calls", [6])]
    folded.clear()
    lane._engine.options = Options("")
    asyncio.run(lane._step([batch(0, 2), batch(3, 2), other]))
    assert folded == [("calls", [0, 1]), ("calls", [3, 4]), ("letters", [0])]


@pytest.mark.usefixtures("_no_pause")
def test_a_tick_that_somebody_is_in_the_way_of_is_no_defect() -> None:
    sink = Sink(Busy("locked"))
    lane = Waited(sink)
    assert asyncio.run(lane._tick()) == Options("").tick_seconds
    assert (sink.undone, lane._failed_ticks) == (1, 0)


def test_lanes_in_turn_do_not_step_into_the_transaction_of_another() -> None:
    steps: list[str] = []
    waiting: list[int] = []
    """How many others wait, and are not taken for stuck, as each commits."""
    turn = asyncio.Lock()

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
            waiting.append(sum(lane._is_waiting and not lane.busy for lane in lanes))
            steps.append("ended")
            await super()._commit(step, batches, writes)
            self._done = {SOURCE: 6}

    lanes = [Slow(Sink(), turn) for _ in range(3)]

    async def run() -> None:
        await asyncio.gather(*(lane._run() for lane in lanes))

    asyncio.run(run())
    assert [what for what in steps if what != "tick"] == ["begun", "ended"] * 3
    assert waiting == [2, 2, 2], "for their own steps, and then to tick"


def test_a_lane_that_closes_while_it_waits_for_its_turn_leaves_the_step_to_who_comes_next() -> None:
    turn = asyncio.Lock()
    sink = Sink()
    lane = Waited(sink, turn)
    lane.ready, lane.positions = True, {SOURCE: 0}

    async def opened() -> None:
        put(lane, batch(0, 5))

    lane._open = opened  # type: ignore[method-assign]

    async def run() -> None:
        async with turn:
            lane.start()
            while not lane._is_waiting:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0)
            closing = asyncio.create_task(lane.close())
            await asyncio.sleep(0)
        await closing

    asyncio.run(run())
    assert (sink.tried, lane.committed) == (0, [])


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
    turn = asyncio.Lock()
    lanes = [Waited(Sink(*[Busy("locked")] * 5), turn) for _ in range(4)]

    async def step(lane: Waited) -> None:
        async with lane._turn():
            await lane._step([batch(0, 5)])

    async def run() -> None:
        await asyncio.gather(*map(step, lanes))

    asyncio.run(run())
    assert (len([lane for lane in lanes if lane.committed]), most) == (4, 1)
