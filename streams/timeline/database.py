"""Open the timelines' database and translate its errors."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

LOCK_SECONDS: Final = 30
"""Longest wait for another process that writes to SQLite, in seconds, unless the caller sets a timeout."""
TOO_LARGE: Final = "54"
"""SQLSTATE class: a row exceeds PostgreSQL's limits, such as the size of an index entry."""
LOCKED: Final = "55P03"
"""SQLSTATE: PostgreSQL's lock timeout expired."""
LOG_PAGES: Final = 131_072
"""Length of SQLite's write-ahead log at which it is checkpointed, in pages (512 MiB). A page that changes often is then copied
only once."""
SPILL_PAGES: Final = 262_143
"""Changed pages that a SQLite transaction keeps in memory (1 GiB), so that each is written once. SQLite would read 262,144, whose
lowest byte is 0, as "never"."""
CACHE_KIB: Final = 16 << 10
"""Size of SQLite's page cache per connection, in KiB. It fills once and is never released: with 64 MiB, the timeline process grew
for half an hour. A larger cache is no faster because the operating system caches the file too."""
LOG_BYTES_LEFT: Final = 4 << 20
"""Size to which the file of the write-ahead log is truncated when it is restarted, in bytes."""
UNIQUE: Final = frozenset({"SQLITE_CONSTRAINT_PRIMARYKEY", "23505"})
"""Error codes of a duplicate key, of SQLite and as SQLSTATE."""

_LOCK: Final = 0x4143_4355
"""Key of PostgreSQL's advisory lock of writers: an arbitrary number reserved for Accueil."""


class Unavailable(Exception):  # noqa: N818 - says what the database is
    """The database cannot be reached or does not accept writes. A new process should try again later."""


class Busy(Unavailable):
    """Another process writes or rewrites the tables. The operation should soon be tried again."""


class Refused(Exception):  # noqa: N818 - says what the database did
    """The database cannot store a value. Another attempt would fail as well."""


class SameId(Refused):
    """Entries of two contacts of one citizen have the same id and time, so that the second cannot be stored."""


def open_engine(url: URL, lock_timeout_seconds: float | None) -> Engine:
    """Return the engine of the database at `url`. `store.Timeline` describes the lock timeout."""
    engine = create_engine(url, hide_parameters=True)  # errors may be logged

    def prepare(connection: Any, _record: Any) -> None:
        if engine.dialect.name == "sqlite":
            prepare_sqlite(connection, lock_timeout_seconds)
        elif lock_timeout_seconds is not None:
            connection.execute(f"SET lock_timeout = {round(lock_timeout_seconds * 1000)}")
            connection.commit()

    event.listen(engine, "connect", prepare)
    return engine


def prepare_sqlite(connection: Any, lock_timeout_seconds: float | None) -> None:
    """Configure a new SQLite connection for safe writes and for overwriting deleted data. No timeout means `LOCK_SECONDS`."""
    wait_seconds = LOCK_SECONDS if lock_timeout_seconds is None else lock_timeout_seconds
    for pragma in (
        f"busy_timeout = {round(wait_seconds * 1000)}",
        "journal_mode = WAL",  # readers do not wait for the writer; Kafka delivers again what a power cut removes from it
        "synchronous = FULL",
        f"cache_size = -{CACHE_KIB}",
        f"cache_spill = {SPILL_PAGES}",
        f"wal_autocheckpoint = {LOG_PAGES}",
        f"journal_size_limit = {LOG_BYTES_LEFT}",
        "secure_delete = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def lock(connection: Connection) -> None:
    """Begin a transaction that excludes writers of all processes, so that data read in it does not change before a write."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def database_errors() -> Iterator[None]:
    """Translate errors of the database to `Unavailable` and `Refused` or their subclasses, without values in their messages."""
    try:
        yield
    except DBAPIError as error:
        code = getattr(error.orig, "sqlstate", None) or ""
        if isinstance(error, DataError | IntegrityError) or code.startswith(TOO_LARGE):
            refused = SameId if UNIQUE & {code, getattr(error.orig, "sqlite_errorname", None)} else Refused
            raise refused(_describe(error)) from None  # the original text may hold values and would be logged
        kind = Busy if _is_busy(error.orig) else Unavailable
        raise kind(_describe(error)) from None
    except sqlite3.Error as error:  # of `queries.Query`
        kind = Busy if _is_busy(error) else Unavailable
        raise kind(_name(error)) from None


def _is_busy(cause: BaseException | None) -> bool:
    name = getattr(cause, "sqlite_errorname", None) or ""
    return name.startswith("SQLITE_BUSY") or getattr(cause, "sqlstate", None) == LOCKED


def _describe(error: DBAPIError) -> str:
    """Return the error's type and code. Its text is added only if no statement had begun, because it may contain values."""
    cause = error.orig
    text = " ".join(str(cause).split()) if error.statement is None else None
    return f"{_name(cause)}: {text}" if text else _name(cause)


def _name(cause: BaseException | None) -> str:
    code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
    return " ".join(filter(None, (type(cause).__name__, code)))
