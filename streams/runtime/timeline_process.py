"""Timeline process: the job on the engine that writes citizens' timelines to the database and counts citizens."""

import math
import os
import signal
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, Thread
from typing import Final

import structlog
from prometheus_client import Counter

from models.topics import DAY_MS
from streams.agents.timeline import make_job
from streams.core.citizens.citizen import RecontactTerms
from streams.core.sla.open_targets import SlaTargetsEntry
from streams.core.timeline.entries import Entry
from streams.engine import metrics
from streams.engine.engine import WAITING_LOG_SECONDS, Engine
from streams.engine.engine import run as run_engine
from streams.engine.job import Busy, Unavailable
from streams.runtime.health import State, serve_health
from streams.runtime.timeline_database import open_timeline
from streams.runtime.worker import options
from streams.settings.retention import erased_days
from streams.settings.schema import Settings
from streams.timeline import database, erasures, positions
from streams.timeline.expiry import Cursor
from streams.timeline.store import Timeline

RETRY_SECONDS: Final = 0.5
"""Pause between two attempts to open the database, and interval of heartbeats during an attempt."""
MIGRATION_SECONDS: Final = 3600.0
"""Longest time for which opening the database, which may migrate its schema, counts as progress."""
LINGER_SECONDS: Final = 1.0
LOCK_TIMEOUT_SECONDS: Final = 1.0
"""Longest wait of a step for the write lock of the database, short enough for the heartbeats to Kafka."""
NICENESS: Final = 10
"""Niceness of the process: on a busy machine the queues of the board are more urgent than timelines."""
CHECKPOINT_INTERVAL_MS: Final = 60_000
"""Interval of the checkpoints of SQLite's write-ahead log, even of a short log."""
EXPIRY_INTERVAL_MS: Final = 3_600_000
"""Interval at which the removal of expired data begins."""
EXPIRED_PER_TICK: Final = 2000
"""Maximum number of entries checked for expiry per tick: at one tick per second, a million in eight minutes."""

WRITTEN: Final = Counter(
    "timeline_written_total", "Rows of the timeline's tables written or changed", ["table"], registry=metrics.REGISTRY
)
EXPIRED: Final = Counter(
    "timeline_expired_total",
    "Contacts and entries removed at the end of their retention period",
    ["table"],
    registry=metrics.REGISTRY,
)

log = structlog.get_logger(__name__)


def run(settings: Settings) -> int:
    """Write timelines until SIGTERM or SIGINT, once the database answers; return 0 or an exit code of `streams.engine.engine`.

    Most errors, and a signal before the database answers, end the process without a return.
    """
    os.nice(NICENESS)
    store = make_store(settings)
    max_records = settings.timeline.max_records_per_step
    engine_options = replace(
        options(settings, "timeline"),
        instance_id=None,  # the configured id belongs to the worker
        linger_seconds=LINGER_SECONDS,
        max_records=max_records,
        full_step_records=max_records,  # the database syncs its disk for each step, so large steps are cheaper
        serialize_steps=True,
    )
    terms = RecontactTerms(settings.citizens.recontact_days, settings.web.zone.key)
    engine = Engine(make_job(settings.worker.app_id, store, terms), engine_options)

    def readiness() -> State:
        return engine.readiness() if store.timeline else (False, "waiting for the database")

    with serve_health(
        settings.timeline.health_host,
        settings.timeline.health_port,
        "timeline.health_port",
        healthy=engine.health,
        ready=readiness,
        registry=metrics.REGISTRY,
    ):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _exit)  # until the engine installs its own handlers
        store.timeline = _wait_for_database(settings, engine)
        store.timeline.truncate_log()
        return run_engine(engine)


def make_store(settings: Settings) -> "_TimelineStore":
    """Return the job's interface to the database, with the retention periods of the settings; its `timeline` is not set yet."""
    retention_days = settings.timeline.keep_days, erased_days(settings), settings.audit.keep_days
    return _TimelineStore(*(days * DAY_MS for days in retention_days))


def _exit(_number: int, _frame: object) -> None:
    sys.exit(0)


def _wait_for_database(settings: Settings, engine: Engine) -> Timeline:
    logged_at = -math.inf
    while True:
        try:
            with _heartbeats(engine):  # a migration of an earlier release's tables may take minutes
                return open_timeline(settings, LOCK_TIMEOUT_SECONDS)
        except database.Unavailable as error:
            if time.monotonic() - logged_at > WAITING_LOG_SECONDS:
                logged_at = time.monotonic()
                log.warning("waiting_for_database", error=str(error))
        engine.record_heartbeat()
        time.sleep(RETRY_SECONDS)


@contextmanager
def _heartbeats(engine: Engine) -> Iterator[None]:
    """Record heartbeats while this thread is blocked, for at most `MIGRATION_SECONDS`."""
    done, until = Event(), time.monotonic() + MIGRATION_SECONDS

    def record_heartbeat() -> None:
        while not done.wait(RETRY_SECONDS) and time.monotonic() < until:
            engine.record_heartbeat()

    thread = Thread(target=record_heartbeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


class _TimelineStore:
    """Interface of the timeline job to the database; it raises the engine's `Busy` and `Unavailable`."""

    def __init__(self, keep_ms: int, keep_erased_ms: int, keep_proofs_ms: int) -> None:
        self.timeline: Timeline | None = None
        self._keep_ms, self._keep_erased_ms, self._keep_proofs_ms = keep_ms, keep_erased_ms, keep_proofs_ms
        self._cursor: Cursor | None = None
        """Position of the removal of expired contacts in progress; None between two removals."""
        self._expired_at = self._checkpoint_at = 0
        self._busy_since: float | None = None
        self._log_after = WAITING_LOG_SECONDS

    def write(
        self, entries: Sequence[Entry], sla_entries: Sequence[SlaTargetsEntry], position: tuple[int, int] | None = None
    ) -> None:
        with self._translated_errors() as timeline:
            written = timeline.write(entries, sla_entries, position)
        for table, number in written._asdict().items():
            WRITTEN.labels(table).inc(number)

    def find_missing(self, partition: int, committed: int) -> int | None:
        with self._translated_errors() as timeline:
            return positions.find_missing(timeline.read_positions(), partition, committed)

    def find_erased(self, contacts: Collection[str] | None = None) -> dict[str, int]:
        with self._translated_errors() as timeline:
            return timeline.find_erased(contacts)

    def find_owners(self, names: Collection[str]) -> set[str]:
        with self._translated_errors() as timeline:
            return timeline.find_owners(names)

    def checkpoint(self, now: int) -> None:
        if abs(now - self._checkpoint_at) >= CHECKPOINT_INTERVAL_MS:
            self._checkpoint_at = now
            with self._translated_errors() as timeline:
                timeline.checkpoint_log()

    def expire(self, now: int) -> None:
        if self._cursor is None:
            if abs(now - self._expired_at) < EXPIRY_INTERVAL_MS:
                return
            with self._translated_errors() as timeline, timeline.write_transaction() as connection:
                erasures.delete_expired(connection, now - self._keep_erased_ms, now - self._keep_proofs_ms)
            self._cursor, self._expired_at = Cursor(), now
        with self._translated_errors() as timeline:
            self._cursor, contacts, entries = timeline.expire(self._cursor, now - self._keep_ms, EXPIRED_PER_TICK)
        EXPIRED.labels("contacts").inc(contacts)
        EXPIRED.labels("entries").inc(entries)

    @contextmanager
    def _translated_errors(self) -> Iterator[Timeline]:
        assert self.timeline, "the engine starts after the database is open"
        try:
            yield self.timeline
            self._busy_since = None
        except database.Busy as error:
            self._note_busy(error)
            raise Busy(f"the timelines' database: {error}") from error
        except database.Unavailable as error:
            raise Unavailable(f"the timelines' database: {error}") from error

    def _note_busy(self, error: database.Busy) -> None:
        """Log a long wait for the write lock, at growing intervals; the nightly rewrite of the tables holds it for long."""
        now = time.monotonic()
        if self._busy_since is None:
            self._busy_since, self._log_after = now, WAITING_LOG_SECONDS
        elif now - self._busy_since > self._log_after:
            self._log_after *= 2
            log.warning("waiting_for_database", error=str(error))
