"""What was told of each letter, in an SQLite file: a letter that is seen again tells only what is new.

Nothing of it is personal: times, chrono numbers, entities and statuses.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import msgspec

from connectors.maarch.letter_facts import LetterState
from connectors.sdk.cursor import Cursor
from connectors.sdk.database import Database
from connectors.sdk.errors import CursorDamagedError
from connectors.sdk.i18n import say

TABLE: Final = "CREATE TABLE IF NOT EXISTS letters (res_id INTEGER PRIMARY KEY, known BLOB NOT NULL)"
_encode: Final = msgspec.json.encode
_decode: Final = msgspec.json.Decoder(LetterState).decode


class LetterStore:
    """The memory in `directory`, which was there before if `cursor` has a position.

    Raises `CursorDamagedError` if it is damaged, or was there and is gone; its methods raise that too, and `ConnectorError` if it
    cannot be used now.
    """

    def __init__(self, directory: Path, cursor: Cursor) -> None:
        advice = say(
            "restore it from its backup, or have every letter read again (accueil connectors reread)",
            "le restaurer de sa sauvegarde, ou faire relire tous les courriers (accueil connectors reread)",
        )
        was_there = cursor.load() is not None
        path = directory / "letters.sqlite"
        self._database = Database(path, TABLE, advice=advice, was_there=was_there, lost=CursorDamagedError)
        self._unsafe: dict[int, LetterState] = {}

    def find(self, letters: Collection[int]) -> dict[int, LetterState]:
        """Return what is known of those of `letters` of which something is."""
        numbers = ", ".join(map(str, letters))
        rows = self._database.execute(f"SELECT res_id, known FROM letters WHERE res_id IN ({numbers})")  # noqa: S608 - they are integers
        told = {number: _decode(known) for number, known in rows}
        return told | {number: self._unsafe[number] for number in letters if number in self._unsafe}

    def remember(self, letter: int, known: LetterState) -> None:
        """Take note of what is told of a letter; it is on disk once it was kept."""
        self._unsafe[letter] = known

    def unsaved(self) -> dict[int, LetterState]:
        """Return what was learnt and is not on disk."""
        return dict(self._unsafe)

    def save(self, unsaved: Mapping[int, LetterState]) -> None:
        """Wait until `news` is on disk."""
        if not unsaved:
            return
        with self._database.transaction():
            for letter, known in unsaved.items():
                self._database.execute("INSERT OR REPLACE INTO letters VALUES (?, ?)", letter, _encode(known))
        for letter, known in unsaved.items():
            if self._unsafe.get(letter) is known:
                del self._unsafe[letter]

    def close(self) -> None:
        """Close the file. What was learnt and not kept is forgotten."""
        self._database.close()
