"""SQLite register of the chrono numbers of letters and of their routing over time.

Numbers restart each year and have no gaps. Letters are stored as keyed digests, because their references may be personal.
"""

import hmac
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from connectors.sdk.cursor import Cursor
from connectors.sdk.database import Database
from models.identities import PseudonymKey
from models.locale import _

LETTERS: Final = """
CREATE TABLE IF NOT EXISTS letters (
    letter TEXT PRIMARY KEY, chrono TEXT NOT NULL UNIQUE, year INTEGER NOT NULL, number INTEGER NOT NULL, UNIQUE (year, number)
) WITHOUT ROWID
"""
PLACES: Final = """
CREATE TABLE IF NOT EXISTS places (
    chrono TEXT NOT NULL, since TEXT NOT NULL, site TEXT NOT NULL, service TEXT NOT NULL, PRIMARY KEY (chrono, since)
) WITHOUT ROWID
"""
VERSION: Final = 1
"""Version of the file (`PRAGMA user_version`). Version 0 stored scan hash and reference in clear."""
LATEST: Final = "SELECT site, service FROM places WHERE chrono = ? AND since <= ? ORDER BY since DESC LIMIT 1"
FIRST: Final = "SELECT site, service FROM places WHERE chrono = ? ORDER BY since LIMIT 1"


class Routing(NamedTuple):
    """Site and service of a letter, as labels in events; empty if none."""

    site: str
    service: str


class Register:
    """Register in `directory`. `key` hashes the letters; `cursor` records that the register exists.

    The constructor raises `ConnectorError` if the file is damaged or has disappeared: numbers would be assigned twice. The
    methods, except `close`, raise it if the file cannot be used.
    """

    def __init__(self, directory: Path, cursor: Cursor, key: PseudonymKey) -> None:
        self._key = key
        advice = _("restore it from its backup, otherwise chrono numbers would be assigned twice")
        was_there = cursor.load() is not None
        self._database = Database(directory / "register.sqlite", LETTERS, PLACES, advice=advice, was_there=was_there)
        try:
            self._hide_letters()
        except BaseException:
            self.close()
            raise
        if not was_there:
            cursor.save(b"register")

    def number(self, letter: str, year: int, form: str) -> str:
        """Return the chrono number of `letter`, a `Letter.key`. If it has none, assign the next of `year` in format `form`."""
        letter = self._hide(letter)
        if known := self._query("SELECT chrono FROM letters WHERE letter = ?", letter):
            return str(known[0])
        (last,) = self._query("SELECT max(number) FROM letters WHERE year = ?", year) or (0,)
        number = (last or 0) + 1
        chrono = form.format(year=year, number=number)
        self._database.execute("INSERT INTO letters VALUES (?, ?, ?, ?)", letter, chrono, year, number)
        return chrono

    def put(self, chrono: str, since: datetime, routing: Routing) -> None:
        """Record the routing of the letter `chrono` from `since` on; a routing with exactly this `since` is replaced."""
        self._database.execute("INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?)", chrono, _sortable(since), *routing)

    def routing(self, chrono: str, at: datetime) -> Routing | None:
        """Return the routing that the letter `chrono` had at `at`, or None for an unknown letter.

        For times before the first routing, return the first one. Changes after `at` do not alter the result.
        """
        found = self._query(LATEST, chrono, _sortable(at)) or self._query(FIRST, chrono)
        return Routing(*found) if found else None

    def transaction(self) -> AbstractContextManager[None]:
        """Return a context that writes its changes to disk at its end, or undoes them all if an exception is raised."""
        return self._database.transaction()

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Return a context, within `transaction`, that undoes only its own changes if an exception is raised in it."""
        self._database.execute("SAVEPOINT claim")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK TO claim")
            raise
        finally:
            self._database.execute("RELEASE claim")

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _hide(self, letter: str) -> str:
        return hmac.digest(self._key.secret, f"letter\0{letter}".encode(), "sha256").hex()[:40]

    def _hide_letters(self) -> None:
        """Upgrade a file of version 0, and clear the freed pages.

        The upgrade can be interrupted at any time: letters in clear contain a `|`, digests do not.
        """
        if self._query("PRAGMA user_version") == (VERSION,):
            return
        with self._database.transaction():
            for (letter,) in self._database.execute("SELECT letter FROM letters WHERE instr(letter, '|')"):
                self._database.execute("UPDATE letters SET letter = ? WHERE letter = ?", self._hide(letter), letter)
        self._database.execute("VACUUM")
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._database.execute(f"PRAGMA user_version = {VERSION}")

    def _query(self, statement: str, *values: str | int) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._database.find(statement, *values)
        return row


def _sortable(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")
