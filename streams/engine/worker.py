"""Services of one worker process that its partition tasks share: clock, routing of outputs, and ends of the process."""

import asyncio
import os
import sys
import time
from collections import defaultdict, deque
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final

import structlog
from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidSessionTimeoutError,
    InvalidTxnState,
    ProducerFenced,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from streams.engine import metrics
from streams.engine.job import Job, KeyValue
from streams.engine.options import Options
from streams.engine.partition_start import UnrecoverableStateError
from streams.engine.producer import StepProducer
from streams.kafka.partitioner import partition_of

EX_FENCED: Final = os.EX_TEMPFAIL
EX_FAILED: Final = os.EX_SOFTWARE
EX_FINAL: Final = 2
"""Exit code for errors that a restart cannot fix, so that the supervisor does not restart the worker.

Examples: too many internal errors, records that retention deleted unprocessed, rows of a later release, missing rights."""
HOUR_SECONDS: Final = 3600
FENCED_ERRORS: Final = (ProducerFenced, InvalidProducerEpoch, InvalidProducerIdMapping, InvalidTxnState)
REFUSALS: Final = (
    AuthenticationFailedError,
    SaslAuthenticationFailed,
    InvalidSessionTimeoutError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
"""Errors that persist until the operator changes a setting of Accueil or of the broker."""


class Worker:
    """State and services that the partition tasks of a worker process share."""

    def __init__(self, job: Job, options: Options) -> None:
        self.job: Final = job
        self.options: Final = options
        self.log: Final = structlog.get_logger("engine")
        self.consumer: Any = None
        """`streams.engine.transport.Consumer`, once it exists."""
        self.partitions = 0
        """Number of partitions of each topic; 0 until the first partition task opens."""
        self.room_freed: Final = asyncio.Event()
        """Set when a partition task may have room for another batch."""
        self.step_lock: Final[AbstractAsyncContextManager[None]] = (
            asyncio.Lock() if options.serialize_steps else nullcontext()
        )
        """Lock held during each step and each tick with `Options.serialize_steps`; without effect otherwise."""
        self._internal_errors: deque[float] = deque(maxlen=options.internal_errors + 1)
        """Times of the latest internal errors, on the monotonic clock."""
        self._tasks: set[asyncio.Task[None]] = set()

    def now(self) -> int:
        """Return the time in milliseconds since 1970."""
        return int(time.time() * 1000)

    def route(self, pairs: Sequence[KeyValue]) -> Mapping[int, list[KeyValue]]:
        """Return the records grouped by the partition of their key."""
        routed: defaultdict[int, list[KeyValue]] = defaultdict(list)
        for pair in pairs:
            key = pair[0]
            assert key is not None, "outputs have keys"
            routed[partition_of(key, self.partitions)].append(pair)
        return routed

    async def load_partition_count(self, producer: StepProducer) -> None:
        """Load the topics' number of partitions into `partitions`, unless it is known already.

        Raises `UnrecoverableStateError` unless all topics of the job have the same number.
        """
        if self.partitions:
            return
        job = self.job
        topics = [*job.sources, *job.states, *job.outputs, job.dead_letters]
        counts = {topic: await producer.count_partitions(topic) for topic in topics}
        if len(set(counts.values())) != 1:
            raise UnrecoverableStateError(f"not all topics have the same number of partitions: {counts}")
        self.partitions = counts[topics[0]]

    def note_internal_error(self, error: Exception) -> None:
        """Count and log a record that failed because of a defect of the job.

        Exit if there are more than `Options.internal_errors` in an hour, so that a defective release does not turn a whole topic
        into dead letters.
        """
        now = time.monotonic()
        self._internal_errors.append(now)
        metrics.INTERNAL_ERRORS.inc()
        self.log.error("internal_error", error=type(error).__name__, exc_info=error)
        if len(self._internal_errors) > self.options.internal_errors and now - self._internal_errors[0] < HOUR_SECONDS:
            self.exit_process(
                RuntimeError(f"more than {self.options.internal_errors} records could not be folded"), EX_FINAL
            )

    def note_tick_error(self, error: Exception) -> None:
        """Count and log a tick that failed because of a defect of the job; it is retried later."""
        metrics.INTERNAL_ERRORS.inc()
        self.log.error("tick_failed", error=type(error).__name__, exc_info=error)

    def exit_process(self, error: BaseException, code: int = EX_FAILED) -> None:
        """Exit immediately: no code may run after a step that was fenced or whose outcome is unknown.

        `code` applies unless the error determines the exit code: `EX_FENCED` for `FENCED_ERRORS`, `EX_FINAL` for `REFUSALS` and
        for `UnrecoverableStateError`.
        """
        fenced = isinstance(error, FENCED_ERRORS)
        if isinstance(error, (UnrecoverableStateError, *REFUSALS)):
            code = EX_FINAL
        self.log.error("leaving", error=_describe(error), exc_info=None if fenced else error)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(EX_FENCED if fenced else code)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Return a task that runs a background coroutine; its failure ends the process."""
        task = asyncio.create_task(work)
        self._tasks.add(task)

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if not task.cancelled() and (error := task.exception()):
                self.exit_process(error)

        task.add_done_callback(done)
        return task


async def wait_for_event(event: asyncio.Event, seconds: float) -> None:
    """Return once `event` is set, or after `seconds`; the timeout sets the event too.

    `asyncio.timeout` leaves a cycle of exception, frame and future at each timeout: much garbage at twenty calls a second.
    """
    timer = asyncio.get_running_loop().call_later(seconds, event.set)
    try:
        await event.wait()
    finally:
        timer.cancel()


def _describe(error: BaseException) -> str:
    """Return the message of one of our own errors, else the error with the name of its class."""
    return str(error) if isinstance(error, UnrecoverableStateError | RuntimeError) and str(error) else repr(error)
