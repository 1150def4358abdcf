"""The process that writes citizens' timelines and counts citizens: the timeline agent on the engine, and its database."""

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
from streams.privacy.retention import erased_days
from streams.runtime.health import State, serve_health
from streams.runtime.timeline_database import open_timeline
from streams.runtime.worker import options
from streams.settings.schema import Settings
from streams.timeline import database, erasures, positions
from streams.timeline.expiry import Cursor
from streams.timeline.store import Timeline

RETRY_SECONDS: Final = 0.5
MIGRATING_SECONDS: Final = 3600.0
"""So long tables may take at most that are brought to this release; or else nobody answers there."""
LINGER_SECONDS: Final = 1.0
PATIENCE_SECONDS: Final = 1.0
"""So long a step waits for whoever else writes, before it is tried again: no longer than Kafka has to hear of this process."""
YIELD: Final = 10
"""How much it stands back where processors are few: who reads a timeline is not hurt by a second, who watches a queue is."""
CARRY_EVERY_MS: Final = 60_000
"""SQLite's log is carried over as often, also if it is short."""
TIDY_EVERY_MS: Final = 3_600_000
TIDIED_PER_TICK: Final = 2000
"""Entries looked at in a second: a million in eight minutes."""

WRITTEN: Final = Counter(
    "timeline_written_total", "Rows of the timeline's tables written or changed", ["what"], registry=metrics.REGISTRY
)
EXPIRED: Final = Counter(
    "timeline_expired_total", "What was dropped since it was kept long enough", ["what"], registry=metrics.REGISTRY
)

log = structlog.get_logger(__name__)


def run(settings: Settings) -> int:
    """Write timelines until SIGTERM or SIGINT; return the exit code: 0, or what `streams.engine.engine` says.

    A database that is away is waited for. Raises `OperatorError` if the health port cannot be had, and `ConfigError` as
    `open_timeline` does.
    """
    os.nice(YIELD)
    sink = make_sink(settings)
    # No name: that is the worker's. And a database syncs its disk for each batch, so that larger ones pay.
    most = settings.timeline.max_records_per_step
    how = replace(
        options(settings, "timeline"),
        instance_id=None,
        linger_seconds=LINGER_SECONDS,
        max_records=most,
        full_step_records=most,
        serialize_steps=True,
    )
    terms = RecontactTerms(settings.citizens.recontact_days, settings.web.zone.key)
    engine = Engine(make_job(settings.worker.app_id, sink, terms), how)

    def readiness() -> State:
        return engine.readiness() if sink.timeline else (False, "waiting for the database")

    place = settings.timeline
    with serve_health(
        place.health_host,
        place.health_port,
        "timeline.health_port",
        healthy=engine.health,
        ready=readiness,
        registry=metrics.REGISTRY,
    ):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _leave)  # until the engine has its own
        sink.timeline = _wait_for_database(settings, engine)
        sink.timeline.truncate_log()
        return run_engine(engine)


def make_sink(settings: Settings) -> "_Sink":
    """Return what writes, and drops what was kept for as long as the settings say; its database is still to be given."""
    keep = settings.timeline.keep_days, erased_days(settings), settings.audit.keep_days
    return _Sink(*(days * DAY_MS for days in keep))


def _leave(_number: int, _frame: object) -> None:
    sys.exit(0)


def _wait_for_database(settings: Settings, engine: Engine) -> Timeline:
    said_at = -math.inf
    while True:
        try:
            with _beating(engine):  # tables of an earlier release may take minutes
                return open_timeline(settings, PATIENCE_SECONDS)
        except database.Unavailable as error:
            if time.monotonic() - said_at > WAITING_LOG_SECONDS:
                said_at = time.monotonic()
                log.warning("waiting_for_database", error=str(error))
        engine.record_heartbeat()
        time.sleep(RETRY_SECONDS)


@contextmanager
def _beating(engine: Engine) -> Iterator[None]:
    """Show that the process is alive while this thread does something long, but not for ever."""
    done, until = Event(), time.monotonic() + MIGRATING_SECONDS

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


class _Sink:
    """The database to the engine: what cannot be written now is no fault of the records."""

    def __init__(self, keep_ms: int, keep_erased_ms: int, keep_proofs_ms: int) -> None:
        self.timeline: Timeline | None = None
        self._keep_ms, self._keep_erased_ms, self._keep_proofs_ms = keep_ms, keep_erased_ms, keep_proofs_ms
        self._cursor: Cursor | None = None
        """Up to where old contacts are dropped; None if all are."""
        self._tidied_at = self._carried_at = 0
        self._busy_since: float | None = None
        self._say_after = WAITING_LOG_SECONDS

    def write(
        self, entries: Sequence[Entry], promised: Sequence[SlaTargetsEntry], place: tuple[int, int] | None = None
    ) -> None:
        with self._reached() as timeline:
            written = timeline.write(entries, promised, place)
        for what, number in written._asdict().items():
            WRITTEN.labels(what).inc(number)

    def find_missing(self, partition: int, committed: int) -> int | None:
        with self._reached() as timeline:
            return positions.find_missing(timeline.read_positions(), partition, committed)

    def find_erased(self, contacts: Collection[str] | None = None) -> dict[str, int]:
        with self._reached() as timeline:
            return timeline.find_erased(contacts)

    def find_owners(self, names: Collection[str]) -> set[str]:
        with self._reached() as timeline:
            return timeline.find_owners(names)

    def checkpoint(self, now: int) -> None:
        if abs(now - self._carried_at) >= CARRY_EVERY_MS:
            self._carried_at = now
            with self._reached() as timeline:
                timeline.checkpoint_log()

    def expire(self, now: int) -> None:
        if self._cursor is None:
            if abs(now - self._tidied_at) < TIDY_EVERY_MS:
                return
            with self._reached() as timeline, timeline.write_transaction() as connection:
                erasures.delete_expired(connection, now - self._keep_erased_ms, now - self._keep_proofs_ms)
            self._cursor, self._tidied_at = Cursor(), now
        with self._reached() as timeline:
            self._cursor, contacts, entries = timeline.expire(self._cursor, now - self._keep_ms, TIDIED_PER_TICK)
        EXPIRED.labels("contacts").inc(contacts)
        EXPIRED.labels("entries").inc(entries)

    @contextmanager
    def _reached(self) -> Iterator[Timeline]:
        assert self.timeline, "the engine runs once the database is there"
        try:
            yield self.timeline
            self._busy_since = None
        except database.Busy as error:
            self._note_busy(error)
            raise Busy(f"the timelines' database: {error}") from error
        except database.Unavailable as error:
            raise Unavailable(f"the timelines' database: {error}") from error

    def _note_busy(self, error: database.Busy) -> None:
        """Say that somebody else is in the way, if for long: at night the tables are written anew."""
        now = time.monotonic()
        if self._busy_since is None:
            self._busy_since, self._say_after = now, WAITING_LOG_SECONDS
        elif now - self._busy_since > self._say_after:
            self._say_after *= 2
            log.warning("waiting_for_database", error=str(error))
