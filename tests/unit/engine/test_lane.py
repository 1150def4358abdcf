"""How much a lane takes at once, and how it halves what it cannot fold."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.structs import TopicPartition

from streams.engine.batch import Batch
from streams.engine.engine import Options
from streams.engine.lane import MAX_BACKLOG_BYTES, Lane, _halves

SOURCE = TopicPartition("calls", 0)


def batch(start: int, count: int, size: int = 1) -> Batch:
    records: list[Any] = [SimpleNamespace(offset=start + nth, value=b"x" * size) for nth in range(count)]
    return Batch(SOURCE, records, start, start + count + 1)  # a marker at its end


def open_lane(max_records: int) -> Lane:
    """Return a lane that takes batches from offset 0 on, of an engine that is none."""
    job = SimpleNamespace(sources=["calls"], open=lambda _: None)
    options = Options("", max_records=max_records)
    engine: Any = SimpleNamespace(job=job, options=options, wanted=SimpleNamespace(set=lambda: None))
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


@pytest.mark.parametrize("count", range(1, 12))
def test_halves_are_not_empty_and_cover_all(count: int) -> None:
    batches = [batch(0, 5), batch(6, 0), batch(7, 7)]
    first, rest = _halves(batches, count)
    offsets = [[record.offset for one in half for record in one.records] for half in (first, rest)]
    assert len(offsets[0]) == count
    assert offsets[0] + offsets[1] == [record.offset for one in batches for record in one.records]
    assert rest[-1].next == batches[-1].next
