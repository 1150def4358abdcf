"""What was told of each letter, in an SQLite file: a letter that is seen again tells only what is new.

Nothing of it is personal: times, chrono numbers, entities and statuses.
"""

import os
import sqlite3
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import msgspec

from connectors.maarch.facts import Known
from connectors.sdk.cursor import Cursor
from connectors.sdk.errors import ConnectorError, CursorDamagedError
from connectors.sdk.files import PRIVATE_FILE
from connectors.sdk.words import say

TABLE: Final = "CREATE TABLE IF NOT EXISTS letters (res_id INTEGER PRIMARY KEY, known BLOB NOT NULL)"
_encode: Final = msgspec.json.encode
_decode: Final = msgspec.json.Decoder(Known).decode


class Memory:
    """The memory in `directory`, which was there before if `cursor` has a position.

    Raises `CursorDamagedError` if it is damaged, or was there and is gone; its methods raise that too, and `ConnectorError` if it
    cannot be used now.
    """

    def __init__(self, directory: Path, cursor: Cursor) -> None:
        self._path = directory / "letters.sqlite"
        self._cursor = cursor
        if cursor.load() is not None and not (self._path.exists() and self._path.stat().st_size):
            raise self._lost(say("is not there, but was", "n'existe plus"))
        os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE))
        self._database = sqlite3.connect(self._path, isolation_level=None)
        try:
            for command in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", TABLE):
                self._do(command)
        except BaseException:
            self._database.close()
            raise
        self._unsafe: dict[int, Known] = {}

    def recall(self, letters: Collection[int]) -> dict[int, Known]:
        """Return what is known of those of `letters` of which something is."""
        numbers = ", ".join(map(str, letters))
        rows = self._do(f"SELECT res_id, known FROM letters WHERE res_id IN ({numbers})")  # noqa: S608 - they are integers
        told = {number: _decode(known) for number, known in rows}
        return told | {number: self._unsafe[number] for number in letters if number in self._unsafe}

    def learn(self, letter: int, known: Known) -> None:
        """Take note of what is told of a letter; it is on disk once it was kept."""
        self._unsafe[letter] = known

    def news(self) -> dict[int, Known]:
        """Return what was learnt and is not on disk."""
        return dict(self._unsafe)

    def keep(self, news: Mapping[int, Known]) -> None:
        """Wait until `news` is on disk."""
        if not news:
            return
        self._do("BEGIN IMMEDIATE")
        for letter, known in news.items():
            self._do("INSERT OR REPLACE INTO letters VALUES (?, ?)", letter, _encode(known))
        self._do("COMMIT")
        for letter, known in news.items():
            if self._unsafe.get(letter) is known:
                del self._unsafe[letter]

    def close(self) -> None:
        """Close the file. What was learnt and not kept is forgotten."""
        self._database.close()

    def _do(self, command: str, *values: int | bytes) -> sqlite3.Cursor:
        try:
            return self._database.execute(command, values)
        except sqlite3.OperationalError as error:  # the disk is full, another program holds the file
            raise ConnectorError(f"{self._path}: {error}") from None
        except sqlite3.DatabaseError:
            raise self._lost(say("is damaged", "est abîmé")) from None

    def _lost(self, what: str) -> CursorDamagedError:
        advice = say(
            f"restore it from its backup, or remove it and {self._cursor} to tell every letter again",
            f"le restaurer de sa sauvegarde, ou le supprimer avec {self._cursor} pour redire tous les courriers",
        )
        return CursorDamagedError(f"{self._path} {what}{say(':', ' :')} {advice}")
