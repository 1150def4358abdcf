"""Which conversation each message is of: an SQLite file, in which no address and no message id can be read.

It holds keyed digests of the newest `MOST` messages. A message that it knows keeps its conversation, wherever and whenever it is
met again, so that its event stays the same.
"""

import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from connectors.sdk.database import Database
from connectors.sdk.i18n import say
from models.identities import PseudonymKey

MOST: Final = 1_000_000
"""How many messages are remembered: some 150 MB."""
MOST_PEOPLE: Final = 16
_PERSON_BYTES: Final = 8
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS messages (
    id BLOB NOT NULL, message BLOB NOT NULL, contact BLOB NOT NULL, people BLOB NOT NULL, place TEXT NOT NULL,
    number INTEGER UNIQUE, PRIMARY KEY (id, message)
) WITHOUT ROWID
"""
_KNOWN: Final = "SELECT contact, people, place, number FROM messages WHERE id = ? AND message = ?"
_FOLLOWED: Final = "SELECT contact, people, place FROM messages WHERE id = ? ORDER BY number DESC LIMIT 1"


class Conversation(NamedTuple):
    """One conversation, as one of its messages has it."""

    contact: bytes
    people: tuple[bytes, ...]
    """Who asked, the latest first: digests of addresses."""
    place: str
    """The address of the service that was asked."""


class ConversationStore:
    """The file in `directory`. What has a number up to `told` is known to be told for ever.

    Raises `ConnectorError` if it is damaged, or was there and is gone: answers would find no question. So do its methods, if it
    cannot be used now.
    """

    def __init__(self, directory: Path, key: PseudonymKey, told: int) -> None:
        self._key = key
        advice = say(
            "restore it from its backup, or remove it and have all mail read again (accueil connectors reread)",
            "le restaurer de sa sauvegarde, ou le supprimer et faire relire tout le courrier (accueil connectors reread)",
        )
        self._database = Database(directory / "threads.sqlite", _TABLE, advice=advice, was_there=told > 0)
        try:
            (last,) = self._database.execute("SELECT max(number) FROM messages").fetchone()
            # What was read but not told for sure is to be told again: it gets a new number then.
            self._database.execute("UPDATE messages SET number = NULL WHERE number > ?", told)
        except BaseException:
            self.close()
            raise
        self.newest = told
        """The number of what was added last."""
        self._last = max(told, last or 0)

    def digest(self, *parts: str, length: int = 16) -> bytes:
        """Return a name for what `parts` say that nobody can guess from."""
        return hmac.digest(self._key.secret, "\0".join(("imap", *parts)).encode(), "sha256")[:length]

    def person(self, address: str) -> bytes:
        """Return the digest by which `Thread.people` has who writes from `address`."""
        return self.digest("person", address, length=_PERSON_BYTES)

    def find(self, message_id: str, message: bytes) -> tuple[Conversation, bool] | None:
        """Return the conversation of a message that is known, and whether it is told, or was added since this was opened."""
        row = self._database.execute(_KNOWN, self._id(message_id), message).fetchone()
        return (_thread(*row[:3]), row[3] is not None) if row else None

    def follow(self, references: Sequence[str]) -> Conversation | None:
        """Return the conversation of the first of these messages, by their ids, that is known."""
        for reference in references:
            if row := self._database.execute(_FOLLOWED, self._id(reference)).fetchone():
                return _thread(*row)
        return None

    def add(self, message_id: str, message: bytes, thread: Conversation) -> None:
        """Remember that a message is of a conversation; it is on disk after the next `commit`."""
        if not self._database.in_transaction:
            self._database.execute("BEGIN IMMEDIATE")
        self._last += 1
        self.newest = self._last
        people = b"".join(thread.people[:MOST_PEOPLE])
        values = (self._id(message_id), message, thread.contact, people, thread.place, self.newest)
        self._database.execute("INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?, ?)", *values)

    def commit(self) -> None:
        """Wait until all that was added is on disk, and forget the oldest of too many."""
        if self._database.in_transaction:
            self._database.execute("DELETE FROM messages WHERE number <= ?", self._last - MOST)
            self._database.execute("COMMIT")

    def close(self) -> None:
        """Close the file. What was added since the last `commit` was not."""
        self._database.close()

    def _id(self, message_id: str) -> bytes:
        return self.digest("id", message_id) if message_id else b""


def _thread(contact: bytes, people: bytes, place: str) -> Conversation:
    ends = range(0, len(people), _PERSON_BYTES)
    return Conversation(contact, tuple(people[begin : begin + _PERSON_BYTES] for begin in ends), place)
