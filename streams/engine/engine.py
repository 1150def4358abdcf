"""Engine of one worker process: its partition tasks, its watchdog and its Faust app.

The process is crash-only. After any unexpected error it exits immediately, the broker aborts its open transaction, and its
supervisor starts a new process. The exit code is `EX_FENCED` if another process has taken over, `EX_FINAL` if the operator must
act, and else `EX_FAILED`.
"""

import asyncio
import gc
import math
import signal
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import aiokafka.producer.sender
import faust
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition
from yarl import URL

from streams.engine import aiokafka_records, metrics, stack_dump
from streams.engine.batch import Batch
from streams.engine.job import Job
from streams.engine.options import Options
from streams.engine.partition_task import PartitionTask
from streams.engine.producer import TRANSACTION_TIMEOUT_SECONDS
from streams.engine.worker import EX_FAILED, EX_FINAL, Worker, wait_for_event
from streams.kafka.embedded_broker import is_listening

if TYPE_CHECKING:
    from streams.kafka.authorization import RequiredRights

WAITING_LOG_SECONDS: Final = 10
"""Seconds between two log lines about a broker that does not answer."""
RIGHTS_CHECK_SECONDS: Final = 1.0
"""Seconds between two checks of missing rights."""
RIGHTS_LOG_SECONDS: Final = 60.0
"""Seconds between two log lines about the same missing rights."""
ANSWER_MS: Final = 3000
"""Longest wait for a broker's answer at startup, in milliseconds."""
LATE_BEATS: Final = 5
"""`PartitionTask.check_delivery` is skipped after a late heartbeat, except after every fifth consecutive late one."""
FETCH_BYTES: Final = 2 << 20
"""Maximum size of one fetch of one partition, in compressed bytes."""
EXIT_TIMEOUT_SECONDS: Final = 30
"""Longest time for the stack dump of a process without progress; the kernel then kills it."""
GC_THRESHOLDS: Final = (100_000, 20, 50)
"""Thresholds of Python's garbage collector. Rows are long-lived, so collections that visit them are rare."""
LATE_SECONDS: Final = 1.5
"""Interval between two heartbeats that counts as late; normally it is one second."""


class Engine(Worker):
    """One worker process: its partition tasks and its watchdog."""

    def __init__(self, job: Job, options: Options) -> None:
        super().__init__(job, options)
        self.partition_tasks: dict[int, PartitionTask] = {}
        self._sources = frozenset(job.sources)
        self._parked: dict[int, PartitionTask] = {}
        """Closed tasks of the latest assignment with complete rows, which a new task of the same partition reuses."""
        self._joined = False
        self._beat_at = time.monotonic()
        self._fetched_at = self._beat_at
        self._closing: dict[int, PartitionTask] = {}
        """Tasks of revoked partitions that are finishing their current step."""
        self._closing_at = self._beat_at
        self.stopping = False
        self.refusal = ""
        """Message about missing rights in Kafka; empty if none is missing."""

    # -------------------------------------------------------------------------------------------------- partition tasks
    def has_room_for(self, tp: TopicPartition) -> bool:
        """Return whether the partition's task is open and has room for another batch."""
        partition_task = self.partition_tasks.get(tp.partition)
        return partition_task is not None and partition_task.has_room

    async def wait_for_room(self) -> None:
        """Wait until a partition task may have room, for 50 ms at most since the assignment may change."""
        self.room_freed.clear()
        await wait_for_event(self.room_freed, 0.05)

    def expect_batches(self, batches: Iterable[Batch]) -> None:
        """Announce batches to their partition tasks before Faust delivers them, so that they count as backlog."""
        for batch in batches:
            if partition_task := self.partition_tasks.get(batch.tp.partition):
                partition_task.expect(batch)

    def deliver(self, batch: Batch) -> None:
        """Pass a batch from the Faust agent to its partition task; drop it if the partition was revoked."""
        if partition_task := self.partition_tasks.get(batch.tp.partition):
            partition_task.put(batch)

    def open_partition_tasks(self, assigned: Iterable[TopicPartition]) -> None:
        """Start a partition task for every assigned partition number.

        Exit the process if earlier tasks are still open, or if the assignment lacks a source topic of a partition number.
        """
        topics: defaultdict[int, set[str]] = defaultdict(set)
        for tp in assigned:
            topics[tp.partition].add(tp.topic)
        metrics.ASSIGNMENTS.inc()
        self.log.info("partitions_assigned", partitions=sorted(topics))
        if self.partition_tasks or any(names != self._sources for names in topics.values()):
            self.exit_process(
                RuntimeError(f"assignment without a revocation before, or not of all sources: {dict(topics)}")
            )
        self.record_fetch()  # first: the watchdog checks the fetcher as soon as there is a task; a spare worker never fetched
        for number in sorted(topics):
            self.partition_tasks[number] = PartitionTask(self, number, self._parked.get(number))
        self._parked.clear()
        for partition_task in self.partition_tasks.values():
            partition_task.start()
        self._joined = True  # last: another thread reads it for the readiness

    async def close_partition_tasks(self) -> None:
        """Finish the current steps and close the tasks; keep complete rows for a new assignment of the same partitions."""
        self._joined = False
        partition_tasks, self.partition_tasks = self.partition_tasks, {}
        if not partition_tasks:
            return
        self._closing_at = time.monotonic()  # first: the watchdog thread reads both
        self._closing = partition_tasks
        try:
            await asyncio.gather(*(partition_task.close() for partition_task in partition_tasks.values()))
        finally:
            self._closing = {}
        self._parked = {
            number: partition_task for number, partition_task in partition_tasks.items() if partition_task.recovered
        }
        self.log.info("partitions_closed", partitions=sorted(partition_tasks))

    # --------------------------------------------------------------------------------------------------------- watchdog
    async def watch(self) -> None:
        """Start the watchdog thread. Every second, record a heartbeat, check consumer and delivery, and update the gauges.

        A fatal error of the consumer ends the process.
        """
        threading.Thread(target=self._watch_progress, name="watchdog", daemon=True).start()
        late = 0
        while True:
            late = late + 1 if time.monotonic() - self._beat_at > LATE_SECONDS else 0
            self.record_heartbeat()
            try:
                await self.consumer.check_group()
            except KafkaError as error:
                self.exit_process(error)
            if late % LATE_BEATS == 0:  # after a long step of one task, batches of the others are still in transit
                for partition_task in list(self.partition_tasks.values()):
                    partition_task.check_delivery()
            ready = [partition_task for partition_task in self.partition_tasks.values() if partition_task.ready]
            metrics.ACTIVE_PARTITIONS.set(len(ready))
            metrics.LAG.set(sum(partition_task.lag for partition_task in ready))
            await asyncio.sleep(1)

    def record_heartbeat(self) -> None:
        """Record that the event loop runs, or that the process waits for Kafka at startup."""
        self._beat_at = time.monotonic()

    def record_fetch(self) -> None:
        """Record that Faust fetches; with assigned partitions it does so every second."""
        self._fetched_at = time.monotonic()

    def idle_seconds(self) -> dict[str, float]:
        """Return the seconds without progress, by name: event loop, fetcher, and partition tasks with work or closing."""
        now = time.monotonic()
        seconds = {"event loop": now - self._beat_at}
        if closing := sorted(self._closing):
            seconds[f"closing partitions {closing}"] = now - self._closing_at
        if self.partition_tasks:
            seconds["fetcher"] = now - self._fetched_at
        for number, partition_task in list(self.partition_tasks.items()):
            if partition_task.busy:
                seconds[f"partition {number}"] = now - partition_task.stepped_at
        return seconds

    def seconds_without_progress(self) -> float:
        """Return the longest of the times without progress, in seconds."""
        return max(self.idle_seconds().values())

    def _watch_progress(self) -> None:
        while not self.stopping:
            time.sleep(1)
            if (seconds := self.seconds_without_progress()) > self.options.no_progress_seconds:
                signal.alarm(EXIT_TIMEOUT_SECONDS)  # the stack dump may hang: SIGALRM then kills the process
                half = self.options.no_progress_seconds / 2
                stuck = ", ".join(name for name, seconds in self.idle_seconds().items() if seconds > half)
                try:
                    stack_dump.dump(self.consumer.loops if self.consumer else ())
                finally:
                    self.exit_process(RuntimeError(f"no progress for {seconds:.0f} s: {stuck}"))

    def health(self) -> tuple[bool, str]:
        """Return whether the process makes progress, and a description; callable from any thread.

        The process counts as healthy until the watchdog has had time for its stack dump, since a supervisor kills an unhealthy
        process.
        """
        seconds = self.seconds_without_progress()
        if seconds > self.options.no_progress_seconds + EXIT_TIMEOUT_SECONDS:
            return False, f"no progress for {seconds:.0f} s"
        return True, f"{len(self.partition_tasks)} partitions"

    def readiness(self) -> tuple[bool, str]:
        """Return whether all assigned partitions are recovered, and a description.

        A spare worker without partitions is ready. A worker with missing rights, or before or between assignments, is not.
        """
        if self.refusal:
            return False, self.refusal
        ready = [number for number, partition_task in sorted(self.partition_tasks.items()) if partition_task.ready]
        return self._joined and len(ready) == len(
            self.partition_tasks
        ), f"partitions {ready} of {sorted(self.partition_tasks)} recovered"


def build_app(engine: Engine) -> faust.App:
    """Return the Faust app, whose one agent passes each batch to its partition task.

    This also replaces parts of aiokafka for the whole process (`aiokafka_records.install`) and shortens a wait of its producer.
    """
    aiokafka_records.install()
    # aiokafka's default wait is 20 ms while the markers of the previous commit are not written yet.
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
        consumer_auto_offset_reset="none",  # the partition tasks seek; a missing offset must raise, not skip records
        broker_max_poll_interval=1e9,  # a spare worker never polls, and must stay in the group
        broker_max_poll_records=options.max_records,
        consumer_max_fetch_size=FETCH_BYTES,
        consumer_group_instance_id=options.instance_id,
        broker_session_timeout=options.session_timeout_seconds,
        broker_heartbeat_interval=options.session_timeout_seconds / 5,
        broker_request_timeout=max(30.0, options.session_timeout_seconds * 2),
        broker_rebalance_timeout=max(60.0, TRANSACTION_TIMEOUT_SECONDS * 1.5),
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
        acks=False,  # else Faust stores every batch in its interval tree of gaps
    )

    @app.agent(source)
    async def dispatch(stream: Any) -> None:
        async for batch in stream:
            engine.deliver(batch)

    return app


def _credentials(client: Mapping[str, Any]) -> Any:
    """Return the security options of `client` in Faust's form; None for PLAINTEXT."""
    protocol, context = client.get("security_protocol", "PLAINTEXT"), client.get("ssl_context")
    if protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=client["sasl_plain_username"],
            password=client["sasl_plain_password"],
            mechanism=client["sasl_mechanism"],
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if protocol == "SSL" else None


def wait_for_broker(engine: Engine, signals: Sequence[int] = ()) -> None:
    """Wait until Kafka answers at one of the bootstrap addresses, or until `signals` is not empty; log the wait."""
    logged_at = -math.inf
    addresses = engine.options.bootstrap.split(",")
    while not any(signals or (is_listening(address) and _answers(address, engine.options)) for address in addresses):
        if time.monotonic() - logged_at > WAITING_LOG_SECONDS:
            logged_at = time.monotonic()
            engine.log.warning("waiting_for_broker", url=engine.options.bootstrap)
        engine.record_heartbeat()
        time.sleep(0.2)


def wait_for_rights(engine: Engine, signals: Sequence[int] = ()) -> bool:
    """Wait until Kafka grants all rights of the job, or until `signals` is not empty.

    Return False only if Kafka refuses the login, which is logged and not tried again. Clients without login or TLS do not wait.
    """
    from streams.kafka import authorization  # noqa: PLC0415 - imports kafka-python, which is slow

    options, needs = engine.options, _required_rights(engine.job)
    logged_at = -math.inf
    while not signals and authorization.is_secured(options.client):
        refusal = authorization.find_refusal(options.bootstrap, options.client, needs)
        if refusal is None:
            break
        if refusal.is_login:
            engine.log.error("leaving", error=refusal.text)
            return False
        if refusal.text != engine.refusal or time.monotonic() - logged_at > RIGHTS_LOG_SECONDS:
            engine.refusal, logged_at = refusal.text, time.monotonic()
            engine.log.warning("kafka_refuses", error=refusal.text)
        engine.record_heartbeat()
        time.sleep(RIGHTS_CHECK_SECONDS)
    engine.refusal = ""
    return True


def _required_rights(job: Job) -> "RequiredRights":
    from streams.kafka.authorization import READ, WRITE, RequiredRights  # noqa: PLC0415 - imports kafka-python

    topics: defaultdict[str, set[str]] = defaultdict(set)
    needed = (READ, job.sources), (READ | WRITE, job.states), (WRITE, [*job.outputs, job.dead_letters])
    for operations, names in needed:
        for name in names:
            topics[name] |= operations
    return RequiredRights(topics, group=job.name, transactional_ids=job.name)


def _answers(address: str, options: Options) -> bool:
    """Return whether Kafka answers at `address`; a load balancer may accept connections while its broker is down.

    A TLS error other than a closed connection counts as an answer.
    """
    host, _, port = address.strip().rpartition(":")
    client = options.client
    connecting = create_conn(
        host.strip("[]"),
        int(port),
        request_timeout_ms=ANSWER_MS,
        security_protocol=client.get("security_protocol", "PLAINTEXT").removeprefix("SASL_"),
        ssl_context=client.get("ssl_context"),
    )
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(connecting).close()
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
        return False
    except ssl.SSLError:
        return True  # the consumer reports wrong TLS settings better
    except (OSError, KafkaError, TimeoutError):
        return False
    finally:
        loop.run_until_complete(asyncio.sleep(0))  # let the cancelled tasks of the connection end
        loop.close()
    return True


class _Worker(faust.Worker):
    early_signals: Sequence[int] = ()
    """Signals received before this worker installed its own handlers."""

    def install_signal_handlers(self) -> None:
        super().install_signal_handlers()
        if self.early_signals:
            self._on_sigterm()

    async def _sentinel_task(self) -> None:
        """Do nothing; mode sleeps here for a second after all services have stopped."""


def run(engine: Engine) -> int:
    """Run the job in this process until SIGTERM or SIGINT, and return the exit code. Most errors exit without a return.

    Returns `EX_FINAL` if Kafka refuses the login.
    """
    signals: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        # Not an exception: asyncio and Faust may swallow one of a handler during startup.
        signal.signal(number, lambda number, _: signals.append(number))
    engine.options.directory.mkdir(parents=True, exist_ok=True)
    wait_for_broker(engine, signals)
    if signals:
        return 0
    if not wait_for_rights(engine, signals):
        return EX_FINAL
    if signals:
        return 0
    gc.set_threshold(*GC_THRESHOLDS)
    app = build_app(engine)
    worker = _Worker(app, loglevel="WARNING", redirect_stdouts=False, override_logging=False, quiet=True)
    worker.early_signals = signals
    worker.spinner = None  # it writes terminal control characters into the log
    try:
        worker.execute_from_commandline()
    except SystemExit as stop:
        return EX_FAILED if stop.code else 0
    finally:
        engine.stopping = True
    return 0
