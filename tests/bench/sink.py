"""Writes to a timeline database with millions of entries: entries per second on SQLite and PostgreSQL.

    python -m tests.bench.sink --entries 5000000 --citizens 1000000 --write 600000

The database is generated first. Then the steps of the timeline job run without Kafka: decode, write in one transaction that is
synced to disk, count citizens, encode the changed rows. The time of the database is reported separately. The entries are of
new contacts of existing citizens, four each, interleaved, so that each batch begins some contacts, continues others, and
touches the whole index. PostgreSQL has its default settings and runs on the same machine. The reported peak memory of this
process includes the prepared entries.
"""

import gc
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

import click
import psycopg
from sqlalchemy import func, select

from models import topics
from models.topics import Channel
from streams.agents.timeline import make_job
from streams.core.contacts.case_event import ContactState
from streams.core.sla.open_targets import SlaTargetsEntry
from streams.core.timeline import entries as core
from streams.core.timeline.entries import Entry
from streams.engine.engine import GC_THRESHOLDS
from streams.engine.job import Step
from streams.timeline.schema import ENTRIES
from streams.timeline.store import Timeline, Written
from tests.bench.api import HOUR_MS, LARGE_ENTRIES, LIFE, START_MS, Citizens, build, rows_of_all
from tests.bench.measuring import MIB, forget_settings, percentile
from tests.bench.report import Goal, Run, conclude
from tests.support.api_harness import SECTOR
from tests.support.postgres import Postgres, running_postgres

STEPS: Final = {"sqlite": 300_000, "postgresql": 10_000}
"""Entries per transaction (`timeline.max_records_per_step`), as recommended for an import of years."""
WANTED: Final = {"sqlite": 30_000, "postgresql": 10_000}


class Fetched(NamedTuple):
    """A fetched record."""

    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]] = ()


class Store(Timeline):
    """Timeline database of the job, without expiry."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.writing_seconds = 0.0

    def write(
        self, entries: Sequence[Entry], promised: Sequence[SlaTargetsEntry] = (), place: tuple[int, int] | None = None
    ) -> Written:
        """Write, and record the duration."""
        began_at = time.perf_counter()
        written = super().write(entries, promised, place)
        self.writing_seconds += time.perf_counter() - began_at
        return written

    def checkpoint(self, now: int) -> None:
        """Do nothing."""

    def expire(self, now: int) -> None:
        """Do nothing."""


def make_records(known: Citizens, number: int, citizens: int, name: str = "new") -> list[Fetched]:
    """Return `number` entries of new contacts of these citizens; the contact ids begin with `name`."""
    chance = Random(name)
    contacts = -(-number // len(LIFE))
    planned = []
    for contact in range(contacts):
        who = chance.randrange(citizens)
        case, email = known.case(who), known.email(who)
        at = START_MS + 2000 * HOUR_MS + contact * 1000
        for step, (kind, state) in enumerate(LIFE):
            place = contact + step * max(1, contacts // len(LIFE))
            planned.append((place, contact, step, kind, state, case, email if step == 0 else "", at + step * HOUR_MS))
    planned.sort()
    return [
        Fetched(
            offset, at, case.encode(), _encode(f"mail:bench:{name}-{contact:09}", step, kind, state, case, email, at)
        )
        for offset, (_, contact, step, kind, state, case, email, at) in enumerate(planned[:number])
    ]


def _encode(name: str, step: int, kind: str, state: str, case: str, email: str, at: int) -> bytes:
    identities = f"{case} {email}" if email else ""
    where = ("siege", "rsa", kind, datetime.fromtimestamp(at / 1000, UTC), ContactState(state), "", "bench", SECTOR)
    return core._encode(
        Entry(f"{name}-{step}", case, name, Channel.MAIL, *where, identities=identities)
    )  # like the contacts job


@contextmanager
def opened(kind: str, folder: Path, keys: Path, entries: int, citizens: int) -> Iterator[Store]:
    """Yield a database of this kind with this number of entries and citizens."""
    if kind == "sqlite":
        path = folder / "timeline.db"
        build(path, keys, entries, citizens)
        store = Store(f"sqlite:///{path}")
        yield store
        store.close()
        return
    with running_postgres() as postgres:
        store = Store(postgres.url)
        _fill(postgres, keys, entries, citizens)
        yield store
        store.close()


def _fill(postgres: Postgres, keys: Path, entries: int, citizens: int) -> None:
    url = postgres.url.replace("+psycopg", "")
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        for rows, linked in rows_of_all(Citizens(keys), entries, citizens):
            with cursor.copy("COPY entries FROM STDIN") as copy:
                for owner, at, name, contact, kind, state in sorted(rows):
                    fixed = (SECTOR, "mail", "siege", "rsa", kind, state, "", "bench", "", "")
                    copy.write_row((owner, at, name, contact, *fixed))
            with cursor.copy("COPY links (one, other, contact, sector, linked_at) FROM STDIN") as copy:
                for one, other, contact, at in sorted(linked):
                    copy.write_row((one, other, contact, SECTOR, at))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def measure(kind: str, *, entries: int, citizens: int, write: int, step_entries: int) -> dict[str, Any]:
    """Add `write` entries to `entries` existing ones; return the rate, and whether each exists once."""
    with tempfile.TemporaryDirectory(prefix="accueil-bench-") as name:
        folder = Path(name)
        keys = folder / "keys"
        keys.mkdir(mode=0o700)
        began_at = time.monotonic()
        with opened(kind, folder, keys, entries, citizens) as store:
            built = time.monotonic() - began_at
            records = make_records(Citizens(keys), write, citizens)
            before = _count(store)
            job = make_job("bench", store).open(0)
            delays, busy = [], time.process_time()
            for start in range(0, len(records), step_entries):
                step = Step(0, records[-1].timestamp, [])
                step_at = time.perf_counter()
                job.fold(topics.TIMELINE.name, records[start : start + step_entries], step)
                for table in job.tables:
                    for _ in table.changes():
                        pass
                    table.commit()
                delays.append(time.perf_counter() - step_at)
                assert not step.dead_letters
            busy = time.process_time() - busy
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            after = _count(store)
            size = (folder / "timeline.db").stat().st_size if kind == "sqlite" else _size(store)
    return {
        "database": kind,
        "entries_before": before,
        "citizens": citizens,
        "entries_per_step": step_entries,
        "built_seconds": built,
        "database_mib": size / MIB,
        "into_database_per_second": len(records) / store.writing_seconds,
        "entries_per_second": len(records) / sum(delays),
        "per_cpu_second": len(records) / busy,
        "step_p99_ms": 1000 * percentile(delays, 0.99),
        "memory_mib": memory / MIB,
        "correct": "exact" if after - before == len(records) else f"{after - before} of {len(records)}",
    }


def _count(store: Timeline) -> int:
    with store.read_connection() as connection:
        return connection.scalar(select(func.count()).select_from(ENTRIES)) or 0


def _size(store: Timeline) -> int:
    with store.read_connection() as connection:
        return int(connection.scalar(select(func.pg_database_size("postgres"))) or 0)


def goals(run: Run) -> list[Goal]:
    """Return the goals."""
    kind = run["database"]
    what = f"entries/s into {kind}"
    return [Goal(f"sink.{kind}", what, run["into_database_per_second"], WANTED[kind])]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--entries", default=5_000_000, show_default=True, type=click.IntRange(min=LARGE_ENTRIES))
@click.option("--citizens", default=1_000_000, show_default=True, type=click.IntRange(min=1))
@click.option("--write", default=600_000, show_default=True, type=click.IntRange(min=1))
@click.option("--database", type=click.Choice([*WANTED]), default="sqlite", show_default=True)
@click.option(
    "--step", type=click.IntRange(min=1), help="Entries per transaction  [default: 300000; PostgreSQL: 10000]"
)
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False))
def main(*, entries: int, citizens: int, write: int, database: str, step: int | None, file: Path | None) -> None:
    """Build, measure, print and optionally write; exit with 1 unless every entry exists once."""
    forget_settings()
    gc.set_threshold(*GC_THRESHOLDS)
    run = measure(database, entries=entries, citizens=citizens, write=write, step_entries=step or STEPS[database])
    conclude("sink", run, goals(run), file)


if __name__ == "__main__":
    main(prog_name="python -m tests.bench.sink")
