"""What a process that makes no progress notices, and what it tells of where it stands."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.structs import TopicPartition

from streams.engine import lane as lanes
from streams.engine import stacks
from streams.engine.engine import LEAVING_SECONDS, Engine, Options
from streams.engine.transport import ConsumerThread


class Lane:
    """One that is ready, has nothing to do, and closes when it may."""

    busy, recovered = False, True

    def __init__(self) -> None:
        self.may_close = asyncio.Event()
        self.stepped_at = 0.0

    async def close(self) -> None:
        await self.may_close.wait()


def engine() -> Any:
    job: Any = SimpleNamespace(sources=["calls"])
    return Engine(job, Options(""))


def test_a_lane_that_does_not_come_to_close_is_no_progress() -> None:
    async def run() -> None:
        watched, lane = engine(), Lane()
        watched.lanes = {3: lane}
        closing = asyncio.create_task(watched.close_lanes())
        await asyncio.sleep(0)
        watched._closing_at -= 100
        watched.beat()
        assert watched.stuck_for() > 99
        lane.may_close.set()
        await closing
        assert watched.stuck_for() < 50
        await watched.close_lanes()
        assert watched.stuck_for() < 50

    asyncio.run(run())


def test_a_lane_that_fails_to_close_is_not_waited_for_ever_after() -> None:
    class Failing(Lane):
        async def close(self) -> None:
            raise OSError("away")

    async def run() -> None:
        watched = engine()
        watched.lanes = {3: Failing()}
        with pytest.raises(OSError, match="away"):
            await watched.close_lanes()
        watched._closing_at -= 100
        assert watched.stuck_for() < 50

    asyncio.run(run())


def test_what_stands_still_is_named_and_unhealthy_once_the_process_should_have_left() -> None:
    async def run() -> None:
        watched = engine()
        watched.lanes = {3: Lane(), 4: Lane()}
        watched.lanes[4].busy = True
        stuck = watched.options.stuck_seconds
        watched.lanes[4].stepped_at = time.monotonic() - stuck - 5
        watched.note_fetch()
        watched.beat()
        assert [name for name, seconds in watched.standing().items() if seconds > 1] == ["partition 4"]
        assert watched.health()[0], "its watchdog is still telling where it stands"
        watched.lanes[4].stepped_at -= LEAVING_SECONDS
        assert watched.health() == (False, f"no progress for {stuck + LEAVING_SECONDS + 5:.0f} s")

    asyncio.run(run())


def test_partitions_for_which_nothing_is_asked_any_more_are_no_progress() -> None:
    async def run() -> None:
        watched = engine()
        watched._fetched_at -= 100
        assert watched.stuck_for() < 50, "a spare worker asks for nothing"
        watched.lanes = {3: Lane()}
        assert watched.stuck_for() > 99
        watched.note_fetch()
        assert watched.stuck_for() < 50

    asyncio.run(run())


def test_a_spare_worker_is_no_less_healthy_while_its_first_lanes_are_opened() -> None:
    stuck: list[float] = []

    async def run() -> None:
        watched = engine()
        watched.job.open = lambda _: stuck.append(watched.stuck_for())
        watched._fetched_at -= 100  # it had nothing to ask for
        watched.open_lanes([TopicPartition("calls", 0), TopicPartition("calls", 1)])
        for lane in watched.lanes.values():
            lane._closing = True
            lane._task.cancel()
        await asyncio.gather(*(lane._task for lane in watched.lanes.values()), return_exceptions=True)

    asyncio.run(run())
    assert len(stuck) == 2
    assert max(stuck) < 50


def consumer(closed: bool | None, coordinating: Any, fetching: Any) -> Any:
    def check_errors() -> None:
        if coordinating.done():
            coordinating.result()

    coordinator = SimpleNamespace(_coordination_task=coordinating, check_errors=check_errors)
    inner = SimpleNamespace(_closed=closed, _coordinator=coordinator, _fetcher=SimpleNamespace(_fetch_task=fetching))
    return SimpleNamespace(_consumer=inner)


@pytest.mark.parametrize("ended", ["coordinating", "fetching"])
def test_a_consumer_whose_tasks_end_by_themselves_is_found_out(ended: str) -> None:
    async def run() -> None:
        tasks = {name: asyncio.create_task(asyncio.sleep(100)) for name in ("coordinating", "fetching")}
        await ConsumerThread.check_group(consumer(closed=False, **tasks))
        tasks[ended].cancel()
        await asyncio.wait([tasks[ended]])
        await ConsumerThread.check_group(consumer(closed=True, **tasks))
        with pytest.raises(RuntimeError, match="ended by itself"):
            await ConsumerThread.check_group(consumer(closed=False, **tasks))

    asyncio.run(run())


@pytest.mark.parametrize("closing", [False, True])
def test_a_lane_that_is_cancelled_while_it_is_ours_ends_the_process(*, closing: bool) -> None:
    ended: list[BaseException] = []

    async def run() -> None:
        job: Any = SimpleNamespace(sources=["calls"], open=lambda _: None)
        lane = lanes.Lane(SimpleNamespace(job=job, die=ended.append), 0)  # type: ignore[arg-type]
        lane._open = asyncio.Event().wait  # type: ignore[method-assign, assignment]
        lane.start()
        await asyncio.sleep(0)
        lane._closing = closing
        assert lane._task is not None
        lane._task.cancel()
        await asyncio.wait([lane._task])

    asyncio.run(run())
    assert [type(error) for error in ended] == ([] if closing else [asyncio.CancelledError])


@contextmanager
def another_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop of another thread, in which a task waits."""
    loop, waits = asyncio.new_event_loop(), threading.Event()

    async def wait() -> None:
        waits.set()
        await asyncio.Event().wait()

    task = loop.create_task(wait(), name="of-another")
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    assert waits.wait(10)
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(task.cancel)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_every_thread_and_every_task_of_both_loops_is_told_and_no_value(capfd: pytest.CaptureFixture[str]) -> None:
    async def outer(secret: str) -> None:
        await inner(secret)

    async def inner(secret: str) -> None:
        await asyncio.sleep(100, secret)

    async def run(other: asyncio.AbstractEventLoop) -> None:
        task = asyncio.create_task(outer("0639980001"), name="lane-7")
        await asyncio.sleep(0)
        await asyncio.to_thread(stacks.dump, [asyncio.get_running_loop(), other])
        task.cancel()

    with another_loop() as other:
        asyncio.run(run(other))
    told = capfd.readouterr().err
    assert told.count("Thread 0x") >= 2
    _, _, lane = told.partition("Task lane-7:\n")
    outermost, inside, *_ = lane.splitlines()
    assert outermost.endswith(".outer")
    assert inside.endswith(".inner")
    assert "Task of-another:" in told
    assert "0639980001" not in told
    assert "MainThread: 0.0" in told, "it slept meanwhile"
