"""The timeline's database: how it is opened, and what its errors mean to us."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

LOCK_SECONDS: Final = 30
"""So long SQLite waits for another process that writes."""
TOO_LARGE: Final = "54"
"""Class of SQLSTATE: a row is more than PostgreSQL can index."""
LOCKED: Final = "55P03"
"""SQLSTATE: PostgreSQL waited for a lock for as long as it may."""
LOG_PAGES: Final = 131_072
"""SQLite's write-ahead log is carried into the database at this length, 512 MiB: a page that changes often is carried once."""
SPILL_PAGES: Final = 262_143
"""Up to so many that a transaction changes, 1 GiB, SQLite keeps in memory, and writes each once. Of 262,144 the lowest byte is 0:
it would read that as "never"."""
CACHE_KIB: Final = 16 << 10
"""Size of SQLite's page cache of one connection, in KiB. It fills once and is not released: with 64 MiB the timeline process
grew for half an hour. A larger one is no faster, since the system caches the file too."""
LOG_BYTES_LEFT: Final = 4 << 20
"""So much of its file is left when it is begun anew."""
UNIQUE: Final = frozenset({"SQLITE_CONSTRAINT_PRIMARYKEY", "23505"})
"""By SQLite and by SQLSTATE: there is another row with this key."""


class Unavailable(Exception):  # noqa: N818 - says what the database is
    """The database cannot be reached, or does not take what is written: to be tried again later, by a new process."""


class Busy(Unavailable):
    """Somebody else writes, or writes the tables anew: to be tried again soon."""


class Refused(Exception):  # noqa: N818 - says what the database did
    """The database cannot hold something that was written: another try would not help."""


class SameId(Refused):
    """Entries of two contacts of one citizen have one id and one time: ids are unique, whatever their source."""


def open_engine(url: URL, lock_timeout_seconds: float | None) -> Engine:
    """Return the engine of the database at `url`; who is in the way is waited for as `store.Timeline` says."""
    engine = create_engine(url, hide_parameters=True)  # what an error says may be logged

    def prepare(connection: Any, _record: Any) -> None:
        if engine.dialect.name == "sqlite":
            prepare_sqlite(connection, lock_timeout_seconds)
        elif lock_timeout_seconds is not None:
            connection.execute(f"SET lock_timeout = {round(lock_timeout_seconds * 1000)}")
            connection.commit()

    event.listen(engine, "connect", prepare)
    return engine


def _wait_for(lock_timeout_seconds: float | None) -> str:
    """Return what has a connection to SQLite wait so long for others."""
    return f"PRAGMA busy_timeout = {round((LOCK_SECONDS if lock_timeout_seconds is None else lock_timeout_seconds) * 1000)}"


def prepare_sqlite(connection: Any, lock_timeout_seconds: float | None) -> None:
    """Have a new connection to SQLite write safely, and erase what is deleted."""
    # WAL: who reads does not wait for who writes. A commit that a power cut takes back is told again by Kafka.
    connection.execute(_wait_for(lock_timeout_seconds))
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        f"cache_size = -{CACHE_KIB}",
        f"cache_spill = {SPILL_PAGES}",
        f"wal_autocheckpoint = {LOG_PAGES}",
        f"journal_size_limit = {LOG_BYTES_LEFT}",
        "secure_delete = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn errors of the database into `Unavailable` and `Refused`."""
    try:
        yield
    except DBAPIError as error:
        code = getattr(error.orig, "sqlstate", None) or ""
        if isinstance(error, DataError | IntegrityError) or code.startswith(TOO_LARGE):
            refused = SameId if UNIQUE & {code, getattr(error.orig, "sqlite_errorname", None)} else Refused
            raise refused(_describe(error)) from None  # without a text that may hold values: what is raised is logged
        kind = Busy if _is_busy(error.orig) else Unavailable
        raise kind(_describe(error)) from None
    except sqlite3.Error as error:  # of `queries.Query`
        kind = Busy if _is_busy(error) else Unavailable
        raise kind(_name(error)) from None


def _is_busy(cause: BaseException | None) -> bool:
    name = getattr(cause, "sqlite_errorname", None) or ""
    return name.startswith("SQLITE_BUSY") or getattr(cause, "sqlstate", None) == LOCKED


def _describe(error: DBAPIError) -> str:
    """Return what kind of error it is, by its code. A text may hold values, unless there was no statement yet."""
    cause = error.orig
    text = " ".join(str(cause).split()) if error.statement is None else None
    return f"{_name(cause)}: {text}" if text else _name(cause)


def _name(cause: BaseException | None) -> str:
    code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
    return " ".join(filter(None, (type(cause).__name__, code)))
