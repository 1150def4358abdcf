"""Partition tasks: serialized steps, retries while the job is busy, and closing."""

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.structs import TopicPartition

from streams.engine.batch import Batch
from streams.engine.job import Busy, Unavailable
from streams.engine.options import Options
from streams.engine.partition_task import PartitionTask
from tests.unit.engine.batches import SOURCE, batch


def put(partition_task: PartitionTask, *batches: Batch) -> None:
    for item in batches:
        partition_task.expect(item)
        partition_task.put(item)


class FakeJob:
    """Partition job that raises the given errors first, one per call."""

    def __init__(self, *errors: Exception) -> None:
        self.tables: list[Any] = []
        self.errors = list(errors)
        self.attempts = self.rollbacks = 0
        self.on_attempt: Callable[[], object] = int

    def fold(self, _topic: str, _records: Any, _step: Any) -> None:
        self.attempts += 1
        self.on_attempt()
        if self.errors:
            raise self.errors.pop(0)

    def tick(self, _step: Any) -> None:
        self.fold("", (), None)

    def undo(self) -> None:
        self.rollbacks += 1


def raise_error(error: BaseException) -> None:
    raise error


class RecordingTask(PartitionTask):
    """Task that records its commits instead of writing to Kafka."""

    def __init__(self, fake_job: FakeJob, step_lock: Any = None) -> None:
        job = SimpleNamespace(sources=["calls"], open=lambda _: fake_job, states=["rows"], outputs=[])
        worker: Any = SimpleNamespace(
            job=job,
            options=Options(""),
            partitions=1,
            step_lock=step_lock or nullcontext(),
            now=lambda: 0,
            consumer=None,
            room_freed=asyncio.Event(),
            exit_process=raise_error,
        )
        super().__init__(worker, 0)
        self.committed: list[Any] = []
        self._committed = {SOURCE: 0}

    def _end(self, tp: TopicPartition) -> int:
        return 0

    async def _commit(self, step: Any, batches: Any, writes: Any) -> None:
        self.committed += batches


@pytest.fixture
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.engine.partition_task.BUSY_SECONDS", 0)


@pytest.mark.usefixtures("_no_pause")
def test_busy_step_is_rolled_back_and_retried() -> None:
    job = FakeJob(*[Busy("locked")] * 3)
    partition_task, failing = RecordingTask(job), batch(0, 5)
    asyncio.run(partition_task._step([failing]))
    assert (job.attempts, job.rollbacks, partition_task.committed) == (4, 3, [failing])


@pytest.mark.usefixtures("_no_pause")
def test_failing_record_counts_once_although_the_database_is_busy() -> None:
    class Rejecting(FakeJob):
        def reject_record(self, *_: Any) -> None:
            self.fold("", (), None)

    job, noted = Rejecting(*[ValueError("a defect"), Busy("locked")] * 3, ValueError("a defect")), list[Exception]()
    partition_task, failing = RecordingTask(job), batch(0, 1)
    partition_task._worker.note_internal_error = noted.append  # type: ignore[method-assign]
    asyncio.run(partition_task._step([failing]))
    assert (len(noted), partition_task.committed) == (1, [failing])


@pytest.mark.usefixtures("_no_pause")
def test_task_closed_during_a_busy_step_commits_nothing() -> None:
    job = FakeJob(*[Busy("locked")] * 9)
    partition_task = RecordingTask(job)

    def close() -> None:
        partition_task._closing = True

    job.on_attempt = close
    asyncio.run(partition_task._step([batch(0, 5)]))
    assert job.attempts == 1, "no further attempt after the close"
    assert not partition_task.committed


@pytest.mark.usefixtures("_no_pause")
def test_task_closed_during_the_first_half_does_not_commit_the_second() -> None:
    job = FakeJob(ValueError("a record that cannot be folded"), Busy("locked"))
    partition_task = RecordingTask(job)

    def close() -> None:
        partition_task._closing = job.attempts == 2

    job.on_attempt = close
    asyncio.run(partition_task._step([batch(0, 10)]))
    assert (job.attempts, partition_task.committed) == (2, [])


def test_serialized_steps_fold_consecutive_batches_of_a_topic_together() -> None:
    partition_task, folded = RecordingTask(FakeJob()), []
    partition_task._worker.options = Options("", serialize_steps=True)

    def fold(topic: str, records: Any, _step: Any) -> None:
        folded.append((topic, [record.offset for record in records]))

    partition_task.job.fold = fold  # type: ignore[method-assign]
    other = Batch(TopicPartition("letters", 0), batch(0, 1).records, 0, 1)
    asyncio.run(partition_task._step([batch(0, 2), batch(3, 2), other, batch(6, 1)]))
    assert folded == [("calls", [0, 1, 3, 4]), ("letters", [0]), ("calls", [6])]
    folded.clear()
    partition_task._worker.options = Options("")
    asyncio.run(partition_task._step([batch(0, 2), batch(3, 2), other]))
    assert folded == [("calls", [0, 1]), ("calls", [3, 4]), ("letters", [0])]


def test_serialized_steps_do_not_overlap() -> None:
    steps: list[str] = []
    waiting: list[int] = []
    """Number of other tasks that wait for the lock during each commit, and do not count as busy."""
    step_lock = asyncio.Lock()

    class Slow(RecordingTask):
        """Task whose commit lets others run."""

        async def _open(self) -> None:
            self.ready, self.positions = True, {SOURCE: 0}
            put(self, batch(0, 5))

        async def _tick(self) -> None:
            steps.append("tick")
            self._closing = True

        async def _commit(self, step: Any, batches: Any, writes: Any) -> None:
            steps.append("begun")
            await asyncio.sleep(0.01)
            waiting.append(
                sum(partition_task._is_waiting and not partition_task.busy for partition_task in partition_tasks)
            )
            steps.append("ended")
            await super()._commit(step, batches, writes)
            self._committed = {SOURCE: 6}

    partition_tasks = [Slow(FakeJob(), step_lock) for _ in range(3)]

    async def run() -> None:
        await asyncio.gather(*(partition_task._run() for partition_task in partition_tasks))

    asyncio.run(run())
    assert [name for name in steps if name != "tick"] == ["begun", "ended"] * 3
    assert waiting == [2, 2, 2], "for their own steps, then for their ticks"


def test_task_closed_while_waiting_for_the_step_lock_commits_nothing() -> None:
    step_lock = asyncio.Lock()
    job = FakeJob()
    partition_task = RecordingTask(job, step_lock)
    partition_task.ready, partition_task.positions = True, {SOURCE: 0}

    async def opened() -> None:
        put(partition_task, batch(0, 5))

    partition_task._open = opened  # type: ignore[method-assign]

    async def run() -> None:
        async with step_lock:
            partition_task.start()
            while not partition_task._is_waiting:  # noqa: ASYNC110 - the task sets no event
                await asyncio.sleep(0)
            closing = asyncio.create_task(partition_task.close())
            await asyncio.sleep(0)
        await closing

    asyncio.run(run())
    assert (job.attempts, partition_task.committed) == (0, [])


def test_unavailable_system_ends_the_step() -> None:
    with pytest.raises(Unavailable):
        asyncio.run(RecordingTask(FakeJob(Unavailable("away")))._step([batch(0, 5)]))
