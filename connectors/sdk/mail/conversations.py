"""SQLite store of the conversation of each message, without readable addresses of citizens or message ids.

The store holds keyed digests of the newest `MAX_MESSAGES` messages. A known message keeps its conversation when it is read
again, in any folder, so that its event stays the same.
"""

import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from connectors.sdk.database import Database
from models.identities import PseudonymKey
from models.locale import _

MAX_MESSAGES: Final = 1_000_000
"""Most messages kept in the store; a million take about 150 MB."""
MAX_PEOPLE: Final = 16
"""Most citizens kept per conversation."""
_PERSON_BYTES: Final = 8
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS messages (
    id BLOB NOT NULL, message BLOB NOT NULL, contact BLOB NOT NULL, people BLOB NOT NULL, place TEXT NOT NULL,
    number INTEGER UNIQUE, is_first INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (id, message)
) WITHOUT ROWID
"""
_HAS_FIRST: Final = "SELECT 1 FROM pragma_table_info('messages') WHERE name = 'is_first'"
_ADD_FIRST: Final = "ALTER TABLE messages ADD COLUMN is_first INTEGER NOT NULL DEFAULT 0"
"""For files of former versions."""
_FIND: Final = "SELECT contact, people, place, number, is_first FROM messages WHERE id = ? AND message = ?"
_FOLLOW: Final = "SELECT contact, people, place FROM messages WHERE id = ? ORDER BY number DESC LIMIT 1"


class Conversation(NamedTuple):
    """State of a conversation at one of its messages. `contact` is the digest that identifies the conversation."""

    contact: bytes
    people: tuple[bytes, ...]
    """Digests of the citizens' addresses, latest sender first."""
    place: str
    """Configured address of the service that the citizen wrote to; empty for another address."""


class KnownMessage(NamedTuple):
    """Stored data of a message."""

    conversation: Conversation
    is_published: bool
    """True if the message was published, or added by this process."""
    is_first: bool
    """True if the message began its conversation when it was first read."""


class ConversationStore:
    """Conversation store in `directory`. Messages with a sequence number up to `published` are known to be published.

    The constructor raises `ConnectorError` if the file is damaged or has disappeared: answers would not find their questions.
    The methods raise it if the file cannot be used.
    """

    def __init__(self, directory: Path, key: PseudonymKey, published: int) -> None:
        self._key = key
        advice = _("restore it from its backup, or remove it and have all mail read again (accueil connectors reread)")
        self._database = Database(directory / "threads.sqlite", _TABLE, advice=advice, was_there=published > 0)
        try:
            if not self._database.find(_HAS_FIRST):
                self._database.execute(_ADD_FIRST)
            (last,) = self._database.find("SELECT max(number) FROM messages")
            # Messages that were read but perhaps not published are published again, under a new number.
            self._database.execute("UPDATE messages SET number = NULL WHERE number > ?", published)
        except BaseException:
            self.close()
            raise
        self.newest = published
        """Sequence number of the message added last; `published` before the first `add`."""
        self._last = max(published, last or 0)

    def digest(self, *parts: str, length: int = 16) -> bytes:
        """Return a keyed digest of `parts` in `length` bytes, from which the parts cannot be guessed."""
        # The prefix is the same for all mailbox connectors: a message read by IMAP or by another protocol gives the same ids.
        return hmac.digest(self._key.secret, "\0".join(("imap", *parts)).encode(), "sha256")[:length]

    def person(self, address: str) -> bytes:
        """Return the digest of a citizen's address, as held in `Conversation.people`."""
        return self.digest("person", address, length=_PERSON_BYTES)

    def find(self, message_id: str, message: bytes) -> KnownMessage | None:
        """Return the stored data of the message with the digest `message`; None if it is unknown."""
        row = self._database.find(_FIND, self._id(message_id), message)
        if not row:
            return None
        *conversation, number, is_first = row
        return KnownMessage(_conversation(*conversation), number is not None, bool(is_first))

    def follow(self, references: Sequence[str]) -> Conversation | None:
        """Return the conversation of the first known message among these message ids; None if none is known.

        Of several messages with the same id, the one added last counts.
        """
        for reference in references:
            if row := self._database.find(_FOLLOW, self._id(reference)):
                return _conversation(*row)
        return None

    def add(self, message_id: str, message: bytes, conversation: Conversation, *, is_first: bool) -> None:
        """Add or update the message with this digest, under the next sequence number (`newest`). `commit` writes it to disk."""
        if not self._database.in_transaction:
            self._database.execute("BEGIN IMMEDIATE")
        self._last += 1
        self.newest = self._last
        people = b"".join(conversation.people[:MAX_PEOPLE])
        values = (self._id(message_id), message, conversation.contact, people, conversation.place, self.newest)
        self._database.execute("INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?, ?, ?)", *values, is_first)

    def commit(self) -> None:
        """Write the added messages to disk, and delete the oldest beyond `MAX_MESSAGES`."""
        if self._database.in_transaction:
            self._database.execute("DELETE FROM messages WHERE number <= ?", self._last - MAX_MESSAGES)
            self._database.execute("COMMIT")

    def close(self) -> None:
        """Close the file. Messages added since the last `commit` are lost."""
        self._database.close()

    def _id(self, message_id: str) -> bytes:
        return self.digest("id", message_id) if message_id else b""


def _conversation(contact: bytes, people: bytes, place: str) -> Conversation:
    offsets = range(0, len(people), _PERSON_BYTES)
    return Conversation(contact, tuple(people[offset : offset + _PERSON_BYTES] for offset in offsets), place)
