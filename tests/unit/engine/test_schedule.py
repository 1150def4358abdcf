"""When steps and ticks are due, and which batches a step takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.engine.batch import Batch
from streams.engine.options import Options
from streams.engine.schedule import (
    ASSUMED_RECORD_BYTES,
    MAX_BACKLOG_BYTES,
    MAX_DELAY_SECONDS,
    MAX_LINGER_MULTIPLE,
    MAX_TICK_BACKOFF,
    MIN_DELAY_SECONDS,
    MIN_LINGER_BACKLOG,
    MIN_PAUSE_SECONDS,
    StepSchedule,
    TickSchedule,
    halve,
)
from tests.unit.engine.batches import SOURCE, batch

LINGER = 2.0


def schedule(*batches: Batch, now: float = 0.0, max_records: int = 100, full_step_records: int = 50) -> StepSchedule:
    options = Options("", max_records=max_records, full_step_records=full_step_records, linger_seconds=LINGER)
    steps = StepSchedule(options)
    for item in batches:
        put(steps, item, now)
    return steps


def put(steps: StepSchedule, item: Batch, now: float) -> None:
    steps.expect(item)
    steps.put(item, now)


def offsets(batches: list[Batch]) -> list[int]:
    return [record.offset for item in batches for record in item.records]


@pytest.mark.parametrize(
    ("max_records", "sizes", "taken"),
    [
        pytest.param(10_000, [MAX_BACKLOG_BYTES // 4] * 6, [4, 2, 0], id="bytes"),
        pytest.param(3, [0] * 3, [3, 0], id="markers alone"),
        pytest.param(
            100_000, [MAX_BACKLOG_BYTES, 100_000 * ASSUMED_RECORD_BYTES - MAX_BACKLOG_BYTES], [2, 0], id="large steps"
        ),
    ],
)
def test_backlog_and_steps_are_limited(max_records: int, sizes: list[int], taken: list[int]) -> None:
    steps = schedule(max_records=max_records)
    for number, size in enumerate(sizes):
        assert steps.has_room or number >= taken[0]
        put(steps, batch(number * 2, 1 if size else 0, size), 0.0)
    assert not steps.has_room
    assert steps.due_at(lag=10_000_000) == 0.0, "a full backlog does not linger"
    assert [len(steps.take(0.0)) for _ in taken] == taken
    assert steps.has_room


def test_step_lingers_while_many_more_records_are_in_kafka() -> None:
    steps = schedule(batch(0, 5))
    steps.take(10.0)
    for number in range(3):
        put(steps, batch(6 + 6 * number, 5), 11.0 + number * 4)
    many = 15 + MIN_LINGER_BACKLOG
    assert steps.due_at(many - 1) == 10.0 + LINGER, "it waits for the interval of steps alone"
    assert steps.due_at(many) == 19.0 + LINGER, "it lingers after the latest batch"
    put(steps, batch(24, 5), 100.0)
    assert steps.due_at(many + 5) == 11.0 + MAX_LINGER_MULTIPLE * LINGER, "the linger is limited if batches trickle in"
    steps.expect(batch(30, 30))
    assert steps.due_at(many) == 0.0, "a full step does not linger"
    steps.drop_expected()
    assert steps.due_at(many) > 0.0


def test_long_step_of_another_task_extends_the_linger() -> None:
    steps = schedule(batch(0, 20), now=100.0)
    lag = 20 + MIN_LINGER_BACKLOG
    steps.note_wake_up(100.0, 100.0 + MIN_DELAY_SECONDS / 2)
    assert steps.due_at(lag) == 100.0 + LINGER
    steps.note_wake_up(100.0, 130.0)
    assert steps.due_at(lag) == 130.0 + LINGER
    for nth in range(10):
        steps.note_wake_up(130.0 + nth * 30, 160.0 + nth * 30)
    assert steps.due_at(lag) == 100.0 + MAX_DELAY_SECONDS + MAX_LINGER_MULTIPLE * LINGER, "the extension is limited"


ARRIVALS = st.lists(st.tuples(st.floats(0, 5), st.integers(0, 30), st.booleans()), max_size=30)


@given(arrivals=ARRIVALS, lag=st.integers(0, 5000), max_records=st.integers(1, 60), full=st.integers(1, 100))
def test_every_record_is_taken_once_in_order_and_in_time(
    arrivals: list[tuple[float, int, bool]], lag: int, max_records: int, full: int
) -> None:
    steps = schedule(max_records=max_records, full_step_records=full)
    now, offset, waiting_since = 0.0, 0, None
    taken: list[Batch] = []
    sent = 0

    def step() -> None:
        nonlocal waiting_since
        batches = steps.take(now)
        assert len(offsets(batches)) + sum(not item.records for item in batches) > 0
        assert len(offsets(batches)) <= max_records
        taken.extend(batches)
        waiting_since = now if steps else None

    for pause, count, is_lost in arrivals:
        item = batch(offset, count)
        steps.expect(item)
        now += pause
        if is_lost:
            steps.drop(item)
            continue
        steps.put(item, now)
        offset, sent = offset + count + 1, sent + count
        waiting_since = now if waiting_since is None else waiting_since
        due_at = steps.due_at(lag)
        assert due_at <= waiting_since + MAX_LINGER_MULTIPLE * LINGER
        if due_at <= now:
            step()
    while steps:
        step()
    assert not steps.queued_records
    assert offsets(taken) == sorted(offsets(taken))
    assert len(offsets(taken)) == sent
    assert [item.start for item in taken[1:]] == [item.next for item in taken[:-1]]


@given(counts=st.lists(st.integers(0, 6), min_size=1, max_size=6).filter(lambda counts: sum(counts) > 1))
def test_halves_have_records_and_cover_all_of_them(counts: list[int]) -> None:
    batches = []
    for count in counts:
        batches.append(batch(batches[-1].next if batches else 0, count))
    first, rest = halve(batches)
    assert offsets(first)
    assert offsets(rest)
    assert offsets(first) + offsets(rest) == offsets(batches)
    assert rest[-1].next == batches[-1].next


@given(ends=st.integers(0, 100), committed=st.integers(0, 100), later=st.integers(0, 100), now=st.floats(0, 1e6))
def test_tick_waits_until_the_records_known_at_its_time_are_committed(
    ends: int, committed: int, later: int, now: float
) -> None:
    ticks = TickSchedule(1.0)
    assert ticks.is_due(now, lambda: {SOURCE: ends}, {SOURCE: committed}) == (committed >= ends)
    assert ticks.is_due(now, lambda: {SOURCE: ends + later}, {SOURCE: ends}), "later records do not delay it"
    ticks.end(now, None)
    assert not ticks.is_due(now, lambda: {SOURCE: 0}, {SOURCE: 0})
    assert ticks.wake_at(now) == now + 1.0
    assert ticks.is_due(now + 1.0, lambda: {SOURCE: 0}, {SOURCE: 0})


@given(tick_seconds=st.floats(0.1, 60), wanted_in=st.none() | st.floats(-1e6, 1e6), failures=st.integers(0, 20))
def test_pause_between_ticks_is_limited(tick_seconds: float, wanted_in: float | None, failures: int) -> None:
    ticks = TickSchedule(tick_seconds)
    ticks.end(0.0, wanted_in)
    assert min(MIN_PAUSE_SECONDS, tick_seconds) <= ticks.wake_at(0.0) <= tick_seconds
    pauses = []
    for _ in range(failures):
        ticks.fail(0.0)
        pauses.append(ticks.wake_at(0.0))
    assert pauses == sorted(pauses)
    assert all(2 * tick_seconds <= pause <= MAX_TICK_BACKOFF * tick_seconds for pause in pauses)
    ticks.end(0.0, None)
    assert ticks.wake_at(0.0) == tick_seconds
