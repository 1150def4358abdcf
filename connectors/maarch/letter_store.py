"""SQLite store of the last published state of each letter.

It holds no personal data, only times, chrono numbers, entities, statuses and postage.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from connectors.maarch.letter_facts import LetterState
from connectors.sdk.cursor import Cursor
from connectors.sdk.database import Database
from connectors.sdk.errors import CursorDamagedError
from models.locale import _

TABLE: Final = "CREATE TABLE IF NOT EXISTS letters (res_id INTEGER PRIMARY KEY, known BLOB NOT NULL)"
_encode: Final = msgspec.json.encode
_decode: Final = msgspec.json.Decoder(LetterState).decode


class LetterStore:
    """Store in `directory`, keyed by letter number; the number of an invalid row is a negative hash.

    If `cursor` has a position, the file must exist. The constructor and the methods raise `CursorDamagedError` if the file is
    damaged, the constructor also if it is missing. Both raise `ConnectorError` if the file cannot be used.
    """

    def __init__(self, directory: Path, cursor: Cursor) -> None:
        advice = _("restore it from its backup, or have every letter read again (accueil connectors reread)")
        was_there = cursor.load() is not None
        path = directory / "letters.sqlite"
        self._database = Database(path, TABLE, advice=advice, was_there=was_there, lost=CursorDamagedError)
        self._unsaved: dict[int, LetterState] = {}

    def find(self, letter: int) -> LetterState | None:
        """Return the state of a letter, also if it is not on disk yet; None for an unknown letter."""
        if known := self._unsaved.get(letter):
            return known
        row = self._database.find("SELECT known FROM letters WHERE res_id = ?", letter)
        return _decode(row[0]) if row else None

    def remember(self, letter: int, known: LetterState) -> None:
        """Set the state of a letter in memory; `save` writes it to disk."""
        self._unsaved[letter] = known

    def unsaved(self) -> dict[int, LetterState]:
        """Return a copy of the states that are not on disk, by letter."""
        return dict(self._unsaved)

    def save(self, unsaved: Mapping[int, LetterState]) -> None:
        """Write these states to disk in one transaction. States that were replaced since the call of `unsaved` remain unsaved."""
        if not unsaved:
            return
        with self._database.transaction():
            for letter, known in unsaved.items():
                self._database.execute("INSERT OR REPLACE INTO letters VALUES (?, ?)", letter, _encode(known))
        for letter, known in unsaved.items():
            if self._unsaved.get(letter) is known:
                del self._unsaved[letter]

    def close(self) -> None:
        """Close the file. States that were not saved are lost."""
        self._database.close()
