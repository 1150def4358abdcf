"""Detection of a process without progress, and its stack dump."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.structs import TopicPartition

from streams.engine import partition_task as partition_tasks
from streams.engine import stack_dump
from streams.engine.engine import EXIT_TIMEOUT_SECONDS, Engine
from streams.engine.options import Options
from streams.engine.transport import ConsumerThread


class PartitionTask:
    """Fake task that is idle and closes after `may_close` is set."""

    busy, recovered = False, True

    def __init__(self) -> None:
        self.may_close = asyncio.Event()
        self.stepped_at = 0.0

    async def close(self) -> None:
        await self.may_close.wait()


def engine() -> Any:
    job: Any = SimpleNamespace(sources=["calls"])
    return Engine(job, Options(""))


def test_task_that_does_not_close_counts_as_no_progress() -> None:
    async def run() -> None:
        watched, partition_task = engine(), PartitionTask()
        watched.partition_tasks = {3: partition_task}
        closing = asyncio.create_task(watched.close_partition_tasks())
        await asyncio.sleep(0)
        watched._closing_at -= 100
        watched.record_heartbeat()
        assert watched.seconds_without_progress() > 99
        partition_task.may_close.set()
        await closing
        assert watched.seconds_without_progress() < 50
        await watched.close_partition_tasks()
        assert watched.seconds_without_progress() < 50

    asyncio.run(run())


def test_task_that_failed_to_close_is_not_watched_any_longer() -> None:
    class Failing(PartitionTask):
        async def close(self) -> None:
            raise OSError("away")

    async def run() -> None:
        watched = engine()
        watched.partition_tasks = {3: Failing()}
        with pytest.raises(OSError, match="away"):
            await watched.close_partition_tasks()
        watched._closing_at -= 100
        assert watched.seconds_without_progress() < 50

    asyncio.run(run())


def test_stuck_part_is_named_and_unhealthy_after_the_exit_timeout() -> None:
    async def run() -> None:
        watched = engine()
        watched.partition_tasks = {3: PartitionTask(), 4: PartitionTask()}
        watched.partition_tasks[4].busy = True
        stuck = watched.options.no_progress_seconds
        watched.partition_tasks[4].stepped_at = time.monotonic() - stuck - 5
        watched.record_fetch()
        watched.record_heartbeat()
        assert [name for name, seconds in watched.idle_seconds().items() if seconds > 1] == ["partition 4"]
        assert watched.health()[0], "the watchdog is still writing the stack dump"
        watched.partition_tasks[4].stepped_at -= EXIT_TIMEOUT_SECONDS
        assert watched.health() == (False, f"no progress for {stuck + EXIT_TIMEOUT_SECONDS + 5:.0f} s")

    asyncio.run(run())


def test_missing_fetches_count_as_no_progress_with_partitions_only() -> None:
    async def run() -> None:
        watched = engine()
        watched._fetched_at -= 100
        assert watched.seconds_without_progress() < 50, "a spare worker does not fetch"
        watched.partition_tasks = {3: PartitionTask()}
        assert watched.seconds_without_progress() > 99
        watched.record_fetch()
        assert watched.seconds_without_progress() < 50

    asyncio.run(run())


def test_spare_worker_stays_healthy_while_it_opens_its_first_partitions() -> None:
    idle_seconds: list[float] = []

    async def run() -> None:
        watched = engine()
        watched.job.open = lambda _: idle_seconds.append(watched.seconds_without_progress())
        watched._fetched_at -= 100  # a spare worker does not fetch
        watched.open_partition_tasks([TopicPartition("calls", 0), TopicPartition("calls", 1)])
        for partition_task in watched.partition_tasks.values():
            partition_task._closing = True
            partition_task._task.cancel()
        await asyncio.gather(
            *(partition_task._task for partition_task in watched.partition_tasks.values()), return_exceptions=True
        )

    asyncio.run(run())
    assert len(idle_seconds) == 2
    assert max(idle_seconds) < 50


def consumer(closed: bool | None, coordinating: Any, fetching: Any) -> Any:
    def check_errors() -> None:
        if coordinating.done():
            coordinating.result()

    coordinator = SimpleNamespace(_coordination_task=coordinating, check_errors=check_errors)
    inner = SimpleNamespace(_closed=closed, _coordinator=coordinator, _fetcher=SimpleNamespace(_fetch_task=fetching))
    return SimpleNamespace(_consumer=inner)


@pytest.mark.parametrize("ended", ["coordinating", "fetching"])
def test_unexpected_end_of_a_consumer_task_is_detected(ended: str) -> None:
    async def run() -> None:
        tasks = {name: asyncio.create_task(asyncio.sleep(100)) for name in ("coordinating", "fetching")}
        await ConsumerThread.check_group(consumer(closed=False, **tasks))
        tasks[ended].cancel()
        await asyncio.wait([tasks[ended]])
        await ConsumerThread.check_group(consumer(closed=True, **tasks))
        with pytest.raises(RuntimeError, match="ended unexpectedly"):
            await ConsumerThread.check_group(consumer(closed=False, **tasks))

    asyncio.run(run())


@pytest.mark.parametrize("closing", [False, True])
def test_cancelled_task_ends_the_process_unless_it_is_closing(*, closing: bool) -> None:
    ended: list[BaseException] = []

    async def run() -> None:
        job: Any = SimpleNamespace(sources=["calls"], open=lambda _: None)
        worker: Any = SimpleNamespace(job=job, options=Options(""), exit_process=ended.append)
        partition_task = partition_tasks.PartitionTask(worker, 0)
        partition_task._open = asyncio.Event().wait  # type: ignore[method-assign, assignment]
        partition_task.start()
        await asyncio.sleep(0)
        partition_task._closing = closing
        assert partition_task._task is not None
        partition_task._task.cancel()
        await asyncio.wait([partition_task._task])

    asyncio.run(run())
    assert [type(error) for error in ended] == ([] if closing else [asyncio.CancelledError])


@contextmanager
def loop_of_another_thread() -> Iterator[asyncio.AbstractEventLoop]:
    """Event loop of another thread with a waiting task."""
    loop, waits = asyncio.new_event_loop(), threading.Event()

    async def wait() -> None:
        waits.set()
        await asyncio.Event().wait()

    task = loop.create_task(wait(), name="other-loop")
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


def test_dump_shows_every_thread_and_task_and_no_value(capfd: pytest.CaptureFixture[str]) -> None:
    async def outer(secret: str) -> None:
        await inner(secret)

    async def inner(secret: str) -> None:
        await asyncio.sleep(100, secret)

    async def run(other: asyncio.AbstractEventLoop) -> None:
        task = asyncio.create_task(outer("0639980001"), name="partition-7")
        await asyncio.sleep(0)
        await asyncio.to_thread(stack_dump.dump, [asyncio.get_running_loop(), other])
        task.cancel()

    with loop_of_another_thread() as other:
        asyncio.run(run(other))
    output = capfd.readouterr().err
    assert output.count("Thread 0x") >= 2
    _, _, task_lines = output.partition("Task partition-7:\n")
    outermost, inside, *_ = task_lines.splitlines()
    assert outermost.endswith(".outer")
    assert inside.endswith(".inner")
    assert "Task other-loop:" in output
    assert "0639980001" not in output
