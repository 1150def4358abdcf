"""The register of letters: which chrono number each has. Numbers begin anew each year, without gaps."""

import os
import sqlite3
from pathlib import Path
from typing import Final

from connectors.sdk.cursor import Cursor
from connectors.sdk.errors import ConnectorError
from connectors.sdk.files import PRIVATE_FILE
from connectors.sdk.words import say

TABLE: Final = """
CREATE TABLE IF NOT EXISTS letters (
    letter TEXT PRIMARY KEY, chrono TEXT NOT NULL UNIQUE, year INTEGER NOT NULL, number INTEGER NOT NULL, UNIQUE (year, number)
) WITHOUT ROWID
"""


class Register:
    """The register in `directory`, an SQLite file. `cursor` remembers that there is one.

    Raises `ConnectorError` if it is damaged, or was there and is gone: numbers would be given a second time.
    """

    def __init__(self, directory: Path, cursor: Cursor) -> None:
        path = directory / "register.sqlite"
        if not path.exists():
            if cursor.load() is not None:
                raise _lost(say(f"{path} is not there, but was", f"{path} n'existe plus"))
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE))
        self._database = sqlite3.connect(path, isolation_level=None)
        try:
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute(TABLE)
            if cursor.load() is None:
                cursor.save(b"register")
        except sqlite3.DatabaseError:
            self._database.close()
            raise _lost(say(f"{path} is damaged", f"{path} est abîmé")) from None

    def number(self, letter: str, year: int, form: str) -> str:
        """Return the chrono of `letter`: the one it has, or else the next of `year`, written as `form` says.

        It is safe after the next `commit`.
        """
        if known := self._ask("SELECT chrono FROM letters WHERE letter = ?", letter):
            return str(known[0])
        self._begin()
        ((last,),) = self._database.execute("SELECT max(number) FROM letters WHERE year = ?", (year,))
        number = (last or 0) + 1
        chrono = form.format(year=year, number=number)
        self._database.execute("INSERT INTO letters VALUES (?, ?, ?, ?)", (letter, chrono, year, number))
        return chrono

    def knows(self, chrono: str) -> bool:
        """Return whether a letter has this chrono."""
        return self._ask("SELECT 1 FROM letters WHERE chrono = ?", chrono) is not None

    def commit(self) -> None:
        """Wait until all numbers that were given are on disk."""
        if self._database.in_transaction:
            self._database.execute("COMMIT")

    def close(self) -> None:
        """Close the file. Numbers since the last `commit` were not given."""
        self._database.close()

    def _begin(self) -> None:
        if not self._database.in_transaction:
            self._database.execute("BEGIN IMMEDIATE")

    def _ask(self, question: str, value: str) -> tuple[object, ...] | None:
        found: tuple[object, ...] | None = self._database.execute(question, (value,)).fetchone()
        return found


def _lost(what: str) -> ConnectorError:
    return ConnectorError(
        what
        + say(
            ": restore it from its backup, since chrono numbers would be given a second time",
            " : le restaurer de sa sauvegarde, sans quoi des numéros chrono seraient donnés deux fois",
        )
    )
