"""The register of letters: which chrono number each has, and whose they were since when.

Numbers begin anew each year, without gaps. A letter is known by a keyed digest of its scan and reference, which may be personal.
"""

import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from connectors.sdk.cursor import Cursor
from connectors.sdk.database import Database
from connectors.sdk.errors import ConnectorError
from connectors.sdk.i18n import say
from models.identities import PseudonymKey

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
"""Version of the file (`PRAGMA user_version`). Version 0 held letters unhidden, by scan and reference."""
LATEST: Final = "SELECT site, service FROM places WHERE chrono = ? AND since <= ? ORDER BY since DESC LIMIT 1"
FIRST: Final = "SELECT site, service FROM places WHERE chrono = ? ORDER BY since LIMIT 1"


class Routing(NamedTuple):
    """Whose a letter is."""

    site: str
    service: str


class Register:
    """The register in `directory`, an SQLite file; `key` hides letters. `cursor` remembers that there is one.

    Raises `ConnectorError` if it is damaged, or was there and is gone: numbers would be given a second time. So do its methods,
    if it cannot be used now.
    """

    def __init__(self, directory: Path, cursor: Cursor, key: PseudonymKey) -> None:
        self._begun = False
        self._key = key
        advice = say(
            "restore it from its backup, since chrono numbers would be given a second time",
            "le restaurer de sa sauvegarde, sans quoi des numéros chrono seraient donnés deux fois",
        )
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
        """Return the chrono of `letter`: the one it has, or else the next of `year`, written as `form` says.

        It is safe after the next `commit`.
        """
        letter = self._hide(letter)
        if known := self._ask("SELECT chrono FROM letters WHERE letter = ?", letter):
            return str(known[0])
        (last,) = self._ask("SELECT max(number) FROM letters WHERE year = ?", year) or (0,)
        number = (last or 0) + 1
        chrono = form.format(year=year, number=number)
        self._database.execute("INSERT INTO letters VALUES (?, ?, ?, ?)", letter, chrono, year, number)
        return chrono

    def put(self, chrono: str, since: datetime, routing: Routing) -> None:
        """Remember whose a letter is from `since` on."""
        self._database.execute("INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?)", chrono, _sortable(since), *routing)

    def routing(self, chrono: str, at: datetime) -> Routing | None:
        """Return whose a letter was: at the time, not by now, so that it is the same whenever it is asked.

        Before it came it is whose it was first; None if no letter has this chrono.
        """
        found = self._ask(LATEST, chrono, _sortable(at)) or self._ask(FIRST, chrono)
        return Routing(*found) if found else None

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Do all that is done within, or, if it fails, nothing."""
        if not self._begun:
            self._database.execute("BEGIN IMMEDIATE")
            self._begun = True
        self._check_transaction()
        self._database.execute("SAVEPOINT claim")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK TO claim")
            raise
        finally:
            self._database.execute("RELEASE claim")

    def commit(self) -> None:
        """Wait until all numbers that were given are on disk.

        Raises `ConnectorError` if they are not: some of them will be given to other letters.
        """
        if self._begun:
            self._check_transaction()
            self._database.execute("COMMIT")
            self._begun = False

    def close(self) -> None:
        """Close the file. Numbers since the last `commit` were not given."""
        self._database.close()

    def _hide(self, letter: str) -> str:
        return hmac.digest(self._key.secret, f"letter\0{letter}".encode(), "sha256").hex()[:40]

    def _hide_letters(self) -> None:
        """Bring a file of an earlier version to this one, and leave nothing of its letters in freed pages.

        Killed at any time, it is done again from there: a letter as it came has a `|` in it, a digest has none.
        """
        if self._ask("PRAGMA user_version") == (VERSION,):
            return
        with self._database.transaction():
            for (letter,) in self._database.execute("SELECT letter FROM letters WHERE instr(letter, '|')").fetchall():
                self._database.execute("UPDATE letters SET letter = ? WHERE letter = ?", self._hide(letter), letter)
        self._database.execute("VACUUM")
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._database.execute(f"PRAGMA user_version = {VERSION}")

    def _check_transaction(self) -> None:
        if not self._database.in_transaction:  # when a disk fails, SQLite may roll back by itself
            what = say("could not be written to", "n'a pas pu être écrit")
            raise ConnectorError(f"{self._database} {what}")

    def _ask(self, question: str, *values: str | int) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._database.execute(question, *values).fetchone()
        return row


def _sortable(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")
