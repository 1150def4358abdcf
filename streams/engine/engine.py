"""The engine of one worker process: its lanes, its watchdog, and the Faust app around them.

Crash-only: whenever it cannot be known that all is well, the process leaves at once, its open transaction dies with it, and its
supervisor starts another. `EX_FENCED` says that another process had taken over, `EX_FAILED` anything else.
"""

import asyncio
import gc
import math
import os
import signal
import ssl
import sys
import tempfile
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiokafka.producer.sender
import faust
import structlog
from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidSessionTimeoutError,
    InvalidTxnState,
    KafkaError,
    ProducerFenced,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
from aiokafka.structs import TopicPartition
from yarl import URL

from streams.engine import fetcher, metrics, stack_dump
from streams.engine.batch import Batch
from streams.engine.job import Job, KeyValue
from streams.engine.partition_task import PartitionTask
from streams.engine.producer import StepProducer
from streams.engine.recovery import UnrecoverableStateError
from streams.engine.timeouts import wait_for_event
from streams.kafka.embedded_broker import is_listening
from streams.kafka.partitioner import partition_of

EX_FENCED: Final = os.EX_TEMPFAIL
EX_FAILED: Final = os.EX_SOFTWARE
EX_FINAL: Final = 2
"""A person has to act: too many records that our own code fails on, records gone before they were taken, rows of a later release,
rights that are missing. For a supervisor: not to be started again."""
WAITING_SAID_SECONDS: Final = 10
RIGHTS_ASKED_SECONDS: Final = 1.0
"""Seconds between two checks of missing rights."""
RIGHTS_SAID_SECONDS: Final = 60.0
"""Seconds between two log lines about the same missing rights."""
ANSWER_MS: Final = 3000
HOUR_SECONDS: Final = 3600
LATE_BEATS: Final = 5
EXIT_TIMEOUT_SECONDS: Final = 30
"""So long has a process that makes no progress to tell where it stands."""
GC_THRESHOLDS: Final = (100_000, 20, 50)
"""When Python looks for garbage: rows live long, and need not be walked again and again; garbage goes soon."""
LATE_SECONDS: Final = 1.5
"""The loop, which looks at everything once a second, was held up if it does not for so long."""
FENCED: Final = (ProducerFenced, InvalidProducerEpoch, InvalidProducerIdMapping, InvalidTxnState)
REFUSED: Final = (
    AuthenticationFailedError,
    SaslAuthenticationFailed,
    InvalidSessionTimeoutError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
"""What the broker will refuse again, until somebody changes a setting here or there."""


@dataclass(frozen=True, slots=True)
class Options:
    """How one worker process runs a job. Durations in seconds."""

    bootstrap: str
    tick_seconds: float = 1.0
    max_records: int = 10_000
    """Most records of one transaction."""
    full_step_records: int = 1000
    """So many are worth a transaction of their own: they do not linger, and fewer wait for those that Kafka has already."""
    linger_seconds: float = 0.05
    """A partition's steps begin at least this far apart, unless there is much to do: a transaction costs as much for one record
    as for a hundred. What comes after a quiet moment is taken at once."""
    serialize_steps: bool = False
    """Whether one partition steps at a time, and all that a step takes of a topic is folded at once: for a job that pays for each
    fold, whose steps are large, so that they take seconds, in which none is to hold up the transaction of another."""
    fetch_bytes: int = 2 << 20
    """Most bytes of one fetch of one partition, compressed."""
    transaction_timeout_seconds: float = 60.0
    session_timeout_seconds: float = 15.0
    no_progress_seconds: float = 180.0
    """What makes no progress for so long makes the process leave: its loop, what fetches, a lane that has work or is to close.

    Half a minute later, if it could not, it is unhealthy: whoever asks for its health may end it then."""
    internal_errors: int = 100
    """So many records that our own code fails on are set aside as dead letters in an hour; one more stops the worker."""
    skip_expired: bool = False
    """Whether to go on after records that retention deleted before they were taken, instead of refusing to start."""
    instance_id: str | None = None
    """Static membership: a worker that comes back under this name in time keeps its partitions."""
    compression: str | None = "zstd"
    """Of what is written: aiokafka compresses lz4 at its slowest level, which takes five times as long as zstd."""
    directory: Path = Path(tempfile.gettempdir())
    """Faust wants one; nothing is kept there."""
    client: Mapping[str, Any] = field(default_factory=dict)
    """Security, in the words of aiokafka: `security_protocol`, `ssl_context`, `sasl_mechanism`, `sasl_plain_username` …"""

    @property
    def connection(self) -> dict[str, Any]:
        """How aiokafka's own clients reach the broker."""
        return {"bootstrap_servers": self.bootstrap, **self.client}


class Engine:
    """All that one process does for a job."""

    def __init__(self, job: Job, options: Options, clock: Callable[[], float] = time.time) -> None:
        self.job: Final = job
        self.options: Final = options
        self.log: Final = structlog.get_logger("engine")
        self.consumer: Any = None
        """Faust's consumer, once it exists."""
        self.partition_tasks: dict[int, PartitionTask] = {}
        self.room_freed: Final = asyncio.Event()
        """Set when a lane may have room again."""
        self.step_lock: Final[AbstractAsyncContextManager[None]] = (
            asyncio.Lock() if options.serialize_steps else nullcontext()
        )
        """Of the lane that steps, or tries to, if they do so in turn."""
        self._clock = clock
        self._sources = frozenset(job.sources)
        self._parked: dict[int, PartitionTask] = {}
        self.partitions = 0
        """How many each topic has, once a lane is open."""
        self._internal_errors: deque[float] = deque(maxlen=options.internal_errors + 1)
        """When the latest were."""
        self._joined = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._beat_at = time.monotonic()
        self._fetched_at = self._beat_at
        self._closing: dict[int, PartitionTask] = {}
        """Those that were ours, and finish what they have in hand."""
        self._closing_at = self._beat_at
        self.stopping = False
        self.refusal = ""
        """Rights that Kafka does not grant yet, in words; empty if none is missing."""

    def now(self) -> int:
        """Return the time, milliseconds since 1970."""
        return int(self._clock() * 1000)

    # ------------------------------------------------------------------------------------------------------------ lanes
    def has_room_for(self, tp: TopicPartition) -> bool:
        """Whether a partition's lane is open and has room for another batch."""
        partition_task = self.partition_tasks.get(tp.partition)
        return partition_task is not None and partition_task.has_room

    async def wait_for_room(self) -> None:
        """Wait until a lane may have room, but not long: partitions may change meanwhile."""
        self.room_freed.clear()
        await wait_for_event(self.room_freed, 0.05)

    def expect_batches(self, batches: Iterable[Batch]) -> None:
        """Note batches that are on their way through Faust to their lanes."""
        for batch in batches:
            if partition_task := self.partition_tasks.get(batch.tp.partition):
                partition_task.expect(batch)

    def deliver(self, batch: Batch) -> None:
        """Hand a batch from the agent to its lane, if that is still ours."""
        if partition_task := self.partition_tasks.get(batch.tp.partition):
            partition_task.put(batch)

    def open_partition_tasks(self, assigned: Iterable[TopicPartition]) -> None:
        """Start a lane for every partition number that was assigned."""
        topics: defaultdict[int, set[str]] = defaultdict(set)
        for tp in assigned:
            topics[tp.partition].add(tp.topic)
        metrics.ASSIGNMENTS.inc()
        self.log.info("partitions_assigned", partitions=sorted(topics))
        if self.partition_tasks or any(names != self._sources for names in topics.values()):
            self.exit_process(RuntimeError(f"partitions assigned beside others, or not of all sources: {dict(topics)}"))
        self.record_fetch()  # first: a spare worker, which had nothing to ask for, is watched as soon as it has a lane
        for number in sorted(topics):
            self.partition_tasks[number] = PartitionTask(self, number, self._parked.get(number))
        self._parked.clear()
        for partition_task in self.partition_tasks.values():
            partition_task.start()
        self._joined = True  # last: readiness is asked by another thread

    async def close_partition_tasks(self) -> None:
        """Finish the steps in hand; keep the rows in case the same partitions come back."""
        self._joined = False
        partition_tasks, self.partition_tasks = self.partition_tasks, {}
        if not partition_tasks:
            return
        self._closing_at = time.monotonic()  # first: another thread looks at both
        self._closing = partition_tasks
        try:
            await asyncio.gather(*(partition_task.close() for partition_task in partition_tasks.values()))
        finally:
            self._closing = {}
        self._parked = {
            number: partition_task for number, partition_task in partition_tasks.items() if partition_task.recovered
        }
        self.log.info("partitions_closed", partitions=sorted(partition_tasks))

    # ---------------------------------------------------------------------------------------------------------- outputs
    def route(self, pairs: Sequence[KeyValue]) -> Mapping[int, list[KeyValue]]:
        """Sort records by the partition of their key."""
        routed: defaultdict[int, list[KeyValue]] = defaultdict(list)
        for pair in pairs:
            key = pair[0]
            assert key is not None, "outputs have keys"
            routed[partition_of(key, self.partitions)].append(pair)
        return routed

    async def load_partition_count(self, producer: StepProducer) -> None:
        """Ask how many partitions the topics have. Raises `BeyondRepair` if that is not the same number for all."""
        if self.partitions:
            return
        job = self.job
        topics = [*job.sources, *job.states, *job.outputs, job.dead_letters]
        counts = {topic: await producer.count_partitions(topic) for topic in topics}
        if len(set(counts.values())) != 1:
            raise UnrecoverableStateError(f"not all topics have the same number of partitions: {counts}")
        self.partitions = counts[topics[0]]

    # ---------------------------------------------------------------------------------------------------------- failure
    def note_internal_error(self, error: Exception) -> None:
        """Count a record that our own code failed on; leave when there are too many: a bad version must not drain a topic."""
        now = time.monotonic()
        self._internal_errors.append(now)
        metrics.INTERNAL_ERRORS.inc()
        self.log.error("internal_error", error=type(error).__name__, exc_info=error)
        if len(self._internal_errors) > self.options.internal_errors and now - self._internal_errors[0] < HOUR_SECONDS:
            self.exit_process(
                RuntimeError(f"more than {self.options.internal_errors} records could not be folded"), EX_FINAL
            )

    def note_tick_error(self, error: Exception) -> None:
        """Count a tick that our own code failed in: it is taken back and tried again, while records are folded as ever."""
        metrics.INTERNAL_ERRORS.inc()
        self.log.error("tick_failed", error=type(error).__name__, exc_info=error)

    def exit_process(self, error: BaseException, code: int = EX_FAILED) -> None:
        """Leave at once: nothing may run after a step whose outcome is unknown, or that was fenced."""
        fenced = isinstance(error, FENCED)
        if isinstance(error, (UnrecoverableStateError, *REFUSED)):
            code = EX_FINAL
        self.log.error("leaving", error=_describe(error), exc_info=None if fenced else error)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(EX_FENCED if fenced else code)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something small beside the lanes; its failure is the process's."""
        task = asyncio.create_task(work)
        self._tasks.add(task)

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if not task.cancelled() and (error := task.exception()):
                self.exit_process(error)

        task.add_done_callback(done)
        return task

    # --------------------------------------------------------------------------------------------------------- watchdog
    async def watch(self) -> None:
        """Every second: check delivery, update the gauges, and show the thread below that the loop turns."""
        threading.Thread(target=self._watch_progress, name="watchdog", daemon=True).start()
        late = 0
        while True:
            late = late + 1 if time.monotonic() - self._beat_at > LATE_SECONDS else 0
            self.record_heartbeat()
            try:
                await self.consumer.check_group()
            except KafkaError as error:
                self.exit_process(error)
            if late % LATE_BEATS == 0:  # after a long step of one lane, what others were sent is still on its way
                for partition_task in list(self.partition_tasks.values()):
                    partition_task.check_delivery()
            ready = [partition_task for partition_task in self.partition_tasks.values() if partition_task.ready]
            metrics.ACTIVE_PARTITIONS.set(len(ready))
            metrics.LAG.set(sum(partition_task.lag for partition_task in ready))
            await asyncio.sleep(1)

    def record_heartbeat(self) -> None:
        """Show that the process is alive and waits for nothing of its own."""
        self._beat_at = time.monotonic()

    def record_fetch(self) -> None:
        """Note that Faust asks for records; while partitions are ours it does so every second."""
        self._fetched_at = time.monotonic()

    def idle_seconds(self) -> dict[str, float]:
        """Return for how many seconds each has made no progress: the loop, what fetches, lanes that have work or are to close."""
        now = time.monotonic()
        seconds = {"the loop": now - self._beat_at}
        if closing := sorted(self._closing):
            seconds[f"partitions {closing} that are to close"] = now - self._closing_at
        if self.partition_tasks:
            seconds["what fetches"] = now - self._fetched_at
        for number, partition_task in list(self.partition_tasks.items()):
            if partition_task.busy:
                seconds[f"partition {number}"] = now - partition_task.stepped_at
        return seconds

    def seconds_without_progress(self) -> float:
        """Return for how many seconds the one of them that stands longest does."""
        return max(self.idle_seconds().values())

    def _watch_progress(self) -> None:
        while not self.stopping:
            time.sleep(1)
            if (seconds := self.seconds_without_progress()) > self.options.no_progress_seconds:
                signal.alarm(EXIT_TIMEOUT_SECONDS)  # to tell may be what it cannot do: the kernel ends it then
                half = self.options.no_progress_seconds / 2
                what = ", ".join(name for name, seconds in self.idle_seconds().items() if seconds > half)
                try:
                    stack_dump.dump(self.consumer.loops if self.consumer else ())
                finally:
                    self.exit_process(RuntimeError(f"no progress for {seconds:.0f} s: {what}"))

    def health(self) -> tuple[bool, str]:
        """Return whether the process makes progress, and in words how it is; callable from any thread.

        It counts as doing so until the watchdog has had time to tell where it stands: a supervisor would end it before.
        """
        seconds = self.seconds_without_progress()
        if seconds > self.options.no_progress_seconds + EXIT_TIMEOUT_SECONDS:
            return False, f"no progress for {seconds:.0f} s"
        return True, f"{len(self.partition_tasks)} partitions"

    def readiness(self) -> tuple[bool, str]:
        """Return whether all assigned partitions are recovered, and in words which are; a spare worker has none."""
        if self.refusal:
            return False, self.refusal
        ready = [number for number, partition_task in sorted(self.partition_tasks.items()) if partition_task.ready]
        return self._joined and len(ready) == len(
            self.partition_tasks
        ), f"partitions {ready} of {sorted(self.partition_tasks)} recovered"


def _describe(error: BaseException) -> str:
    """Return what is wrong in words, where an error of ours has them; else with the name of its class."""
    return str(error) if isinstance(error, UnrecoverableStateError | RuntimeError) and str(error) else repr(error)


def build_app(engine: Engine) -> faust.App:
    """Make the Faust app: one agent that hands each batch to its lane."""
    fetcher.install()
    # aiokafka waits 20 ms when the markers of the previous commit are not written yet.
    aiokafka.producer.sender.BACKOFF_OVERRIDE = 0.003
    options = engine.options
    app = faust.App(
        engine.job.name,
        broker=[URL(f"engine://{address.strip()}") for address in options.bootstrap.split(",")],
        broker_credentials=_credentials(options.client),
        store="memory://",
        datadir=options.directory,
        table_standby_replicas=0,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="none",  # lanes seek; where there is nothing any more, the worker must not go on silently
        broker_max_poll_interval=1e9,  # a spare worker never polls, and must not be put out of the group for it
        broker_max_poll_records=options.max_records,
        consumer_max_fetch_size=options.fetch_bytes,
        consumer_group_instance_id=options.instance_id,
        broker_session_timeout=options.session_timeout_seconds,
        broker_heartbeat_interval=options.session_timeout_seconds / 5,
        broker_request_timeout=max(30.0, options.session_timeout_seconds * 2),
        broker_rebalance_timeout=max(60.0, options.transaction_timeout_seconds * 1.5),
        stream_buffer_maxsize=64,
        worker_redirect_stdouts=False,
    )
    app.engine = engine
    source = app.topic(
        *engine.job.sources,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        acks=False,  # Faust's interval tree of gaps would be fed with every batch
    )

    @app.agent(source)
    async def dispatch(stream: Any) -> None:
        async for batch in stream:
            engine.deliver(batch)

    return app


def _credentials(client: Mapping[str, Any]) -> Any:
    """Return for Faust's consumer what `client` says to aiokafka's own clients."""
    protocol, context = client.get("security_protocol", "PLAINTEXT"), client.get("ssl_context")
    if protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=client["sasl_plain_username"],
            password=client["sasl_plain_password"],
            mechanism=client["sasl_mechanism"],
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if protocol == "SSL" else None


def wait_for_broker(engine: Engine, asked: Sequence[int] = ()) -> None:
    """Return once Kafka answers at one of the bootstrap addresses, or a signal is `asked`; say now and then that it does not."""
    said_at = -math.inf
    addresses = engine.options.bootstrap.split(",")
    while not any(asked or (is_listening(address) and _answers(address, engine.options)) for address in addresses):
        if time.monotonic() - said_at > WAITING_SAID_SECONDS:
            said_at = time.monotonic()
            engine.log.warning("waiting_for_broker", url=engine.options.bootstrap)
        engine.record_heartbeat()
        time.sleep(0.2)


def wait_for_rights(engine: Engine, asked: Sequence[int] = ()) -> bool:
    """Return whether Kafka accepts the login, once all rights of the job are granted, or once a signal is `asked`.

    Rights may be granted while this waits. A refused login is logged and not tried again.
    """
    from streams.kafka import authorization  # noqa: PLC0415 - brings kafka-python

    options, needs = engine.options, authorization.required_rights(engine.job)
    said_at = -math.inf
    while not asked and authorization.is_secured(options.client):
        refusal = authorization.find_refusal(options.bootstrap, options.client, needs)
        if refusal is None:
            break
        if refusal.is_login:
            engine.log.error("leaving", error=refusal.text)
            return False
        if refusal.text != engine.refusal or time.monotonic() - said_at > RIGHTS_SAID_SECONDS:
            engine.refusal, said_at = refusal.text, time.monotonic()
            engine.log.warning("kafka_refuses", error=refusal.text)
        engine.record_heartbeat()
        time.sleep(RIGHTS_ASKED_SECONDS)
    engine.refusal = ""
    return True


def _answers(address: str, options: Options) -> bool:
    """Return whether it is Kafka that takes connections there: before one that is away a load balancer may still do so."""
    host, _, port = address.strip().rpartition(":")
    client = options.client
    asking = create_conn(
        host.strip("[]"),
        int(port),
        request_timeout_ms=ANSWER_MS,
        security_protocol=client.get("security_protocol", "PLAINTEXT").removeprefix("SASL_"),
        ssl_context=client.get("ssl_context"),
    )
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(asking).close()
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
        return False
    except ssl.SSLError:
        return True  # told better by who is to join
    except (OSError, KafkaError, TimeoutError):
        return False
    finally:
        loop.run_until_complete(asyncio.sleep(0))  # what was cancelled by closing comes to its end
        loop.close()
    return True


class _Worker(faust.Worker):
    asked: Sequence[int] = ()
    """Signals that came before this one took them."""

    def install_signal_handlers(self) -> None:
        super().install_signal_handlers()
        if self.asked:
            self._on_sigterm()

    async def _sentinel_task(self) -> None:
        """Wait for nothing: mode sleeps for a second here, when all has ended."""


def run(engine: Engine) -> int:
    """Run the job in this process until SIGTERM or SIGINT; return the exit code."""
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):  # an exception may be lost in what asyncio and Faust do to begin
        signal.signal(number, lambda number, _: asked.append(number))
    engine.options.directory.mkdir(parents=True, exist_ok=True)
    wait_for_broker(engine, asked)
    if asked:
        return 0
    if not wait_for_rights(engine, asked):
        return EX_FINAL
    if asked:
        return 0
    gc.set_threshold(*GC_THRESHOLDS)
    app = build_app(engine)
    worker = _Worker(app, loglevel="WARNING", redirect_stdouts=False, override_logging=False, quiet=True)
    worker.asked = asked
    worker.spinner = None  # its terminal marks would stand in the log
    try:
        worker.execute_from_commandline()
    except SystemExit as stop:
        return EX_FAILED if stop.code else 0  # Faust's own codes say no more
    finally:
        engine.stopping = True
    return 0
