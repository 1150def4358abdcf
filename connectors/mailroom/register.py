"""The register of letters: which chrono number each has, and whose they were since when.

Numbers begin anew each year, without gaps.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from connectors.sdk.cursor import Cursor
from connectors.sdk.errors import ConnectorError
from connectors.sdk.files import PRIVATE_FILE
from connectors.sdk.words import say

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
LATEST: Final = "SELECT site, service FROM places WHERE chrono = ? AND since <= ? ORDER BY since DESC LIMIT 1"
FIRST: Final = "SELECT site, service FROM places WHERE chrono = ? ORDER BY since LIMIT 1"


class Place(NamedTuple):
    """Whose a letter is."""

    site: str
    service: str


class Register:
    """The register in `directory`, an SQLite file. `cursor` remembers that there is one.

    Raises `ConnectorError` if it is damaged, or was there and is gone: numbers would be given a second time. So do its methods,
    if it cannot be used now.
    """

    def __init__(self, directory: Path, cursor: Cursor) -> None:
        self._path = directory / "register.sqlite"
        self._begun = False
        was_there = cursor.load() is not None
        if was_there and not (self._path.exists() and self._path.stat().st_size):
            raise self._lost(say("is not there, but was", "n'existe plus"))
        os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE))
        self._database = sqlite3.connect(self._path, isolation_level=None)
        try:
            for command in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", LETTERS, PLACES):
                self._do(command)
            if not was_there:
                cursor.save(b"register")
        except BaseException:
            self._database.close()
            raise

    def number(self, letter: str, year: int, form: str) -> str:
        """Return the chrono of `letter`: the one it has, or else the next of `year`, written as `form` says.

        It is safe after the next `commit`.
        """
        if known := self._ask("SELECT chrono FROM letters WHERE letter = ?", letter):
            return str(known[0])
        (last,) = self._ask("SELECT max(number) FROM letters WHERE year = ?", year) or (0,)
        number = (last or 0) + 1
        chrono = form.format(year=year, number=number)
        self._do("INSERT INTO letters VALUES (?, ?, ?, ?)", letter, chrono, year, number)
        return chrono

    def put(self, chrono: str, since: datetime, place: Place) -> None:
        """Remember whose a letter is from `since` on."""
        self._do("INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?)", chrono, _sortable(since), *place)

    def place(self, chrono: str, at: datetime) -> Place | None:
        """Return whose a letter was: at the time, not by now, so that it is the same whenever it is asked.

        Before it came it is whose it was first; None if no letter has this chrono.
        """
        found = self._ask(LATEST, chrono, _sortable(at)) or self._ask(FIRST, chrono)
        return Place(*found) if found else None

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Do all that is done within, or, if it fails, nothing."""
        if not self._begun:
            self._do("BEGIN IMMEDIATE")
            self._begun = True
        self._check_transaction()
        self._do("SAVEPOINT claim")
        try:
            yield
        except BaseException:
            self._do("ROLLBACK TO claim")
            raise
        finally:
            self._do("RELEASE claim")

    def commit(self) -> None:
        """Wait until all numbers that were given are on disk.

        Raises `ConnectorError` if they are not: some of them will be given to other letters.
        """
        if self._begun:
            self._check_transaction()
            self._do("COMMIT")
            self._begun = False

    def close(self) -> None:
        """Close the file. Numbers since the last `commit` were not given."""
        self._database.close()

    def _check_transaction(self) -> None:
        if not self._database.in_transaction:  # when a disk fails, SQLite may roll back by itself
            what = say("could not be written to", "n'a pas pu être écrit")
            raise ConnectorError(f"{self._path} {what}")

    def _ask(self, question: str, *values: str | int) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._do(question, *values).fetchone()
        return row

    def _do(self, command: str, *values: str | int) -> sqlite3.Cursor:
        try:
            return self._database.execute(command, values)
        except (
            sqlite3.OperationalError
        ) as error:  # the disk is full, another program holds the file: no fault of a letter's
            raise ConnectorError(f"{self._path}: {error}") from None
        except sqlite3.DatabaseError:
            raise self._lost(say("is damaged", "est abîmé")) from None

    def _lost(self, what: str) -> ConnectorError:
        advice = say(
            "restore it from its backup, since chrono numbers would be given a second time",
            "le restaurer de sa sauvegarde, sans quoi des numéros chrono seraient donnés deux fois",
        )
        return ConnectorError(f"{self._path} {what}{say(':', ' :')} {advice}")


def _sortable(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")
