"""SQLite store of the read position in a mailbox, and of the messages that were read and not yet published.

Graph returns the messages of a folder in any order, and an answer must not be classified before its question. The connector
therefore reads in rounds: a round collects the changes of all folders, and its messages are published in order of receipt once
the round is complete. The next link of a folder and the messages of a page are stored in one transaction. After a crash at any
point, reading continues at the next page, and no message is lost.

Until they are published, messages are stored with the headers that the classification needs, which contain addresses. With rules
for the words of subjects, they contain the subject too.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from connectors.graph.message_headers import GraphMessage
from connectors.sdk.database import Database
from models.locale import _

STORE_FILE: Final = "mailbox.sqlite"
_COMMANDS: Final = (
    "PRAGMA secure_delete = ON",  # published messages leave no addresses in the file
    "CREATE TABLE IF NOT EXISTS folders (folder TEXT PRIMARY KEY, link TEXT NOT NULL, round INTEGER NOT NULL)",
    """CREATE TABLE IF NOT EXISTS messages (
        round INTEGER NOT NULL, at INTEGER NOT NULL, number INTEGER NOT NULL, uid TEXT NOT NULL, headers BLOB NOT NULL,
        folder TEXT NOT NULL, sent INTEGER NOT NULL, PRIMARY KEY (round, at, number)
    ) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS state (
        one INTEGER PRIMARY KEY CHECK (one = 1), round INTEGER NOT NULL, complete INTEGER NOT NULL, published INTEGER NOT NULL
    )""",
    "INSERT OR IGNORE INTO state VALUES (1, 0, 1, 0)",
)
_NEXT: Final = (
    "SELECT round, at, number, uid, headers, folder, sent FROM messages WHERE (round, at, number) > (?, ?, ?) "
    "AND round <= ? ORDER BY round, at, number LIMIT ?"
)
_headers: Final = msgspec.json.Decoder(list[str])


class Place(NamedTuple):
    """Place of a message in the order of publication; the smallest one is before all messages."""

    round: int = 0
    at: int = 0
    """Time of receipt in milliseconds since 1970; 0 if unknown."""
    number: int = 0


class StoredMessage(NamedTuple):
    """Message of a complete round."""

    place: Place
    message: GraphMessage
    folder: str
    """Label of its folder."""
    sent: bool


class Position(NamedTuple):
    """Position to acknowledge."""

    place: Place
    """Place of the last message that was read."""
    published: int
    """Sequence number of the last message in the `ConversationStore`."""


class MailboxStore:
    """Store in `directory`. All methods but `close` raise `ConnectorError` if the file cannot be used.

    `with_subjects`: messages are requested with their subjects. After a change, all folders are read from their beginning: a link
    keeps the fields of its first request.
    """

    def __init__(self, directory: Path, *, with_subjects: bool) -> None:
        advice = _("have the mailbox read again (accueil connectors reread)")
        self._database = Database(directory / STORE_FILE, *_COMMANDS, advice=advice)
        if self._database.find("PRAGMA user_version") != (with_subjects,):
            with self._database.transaction():
                self._database.execute("DELETE FROM folders")
                self._database.execute(f"PRAGMA user_version = {with_subjects:d}")
        self.round, complete, self.published = self._database.find("SELECT round, complete, published FROM state")
        self.complete = bool(complete)
        """Whether all folders were read in this round."""
        (self._number,) = self._database.find("SELECT coalesce(max(number), 0) FROM messages")

    def start_round(self) -> None:
        """Start the next round, in which all folders are read."""
        self._database.execute("UPDATE state SET round = ?, complete = 0", self.round + 1)
        self.round, self.complete = self.round + 1, False

    def finish_round(self) -> None:
        """End the round: its messages can be published."""
        self._database.execute("UPDATE state SET complete = 1")
        self.complete = True

    def was_read(self, folder: str) -> bool:
        """Return whether the changes of `folder` were read in this round."""
        row = self._database.find("SELECT round FROM folders WHERE folder = ?", folder)
        return bool(row) and row[0] >= self.round

    def link(self, folder: str) -> str:
        """Return the link to the next changes of `folder`; empty to read it from its beginning."""
        row = self._database.find("SELECT link FROM folders WHERE folder = ?", folder)
        return row[0] if row else ""

    def set_link(self, folder: str, link: str, *, complete: bool) -> None:
        """Store the link to the next changes of `folder`. `complete`: this round has no more of them."""
        done = self.round if complete else self.round - 1
        self._database.execute("INSERT OR REPLACE INTO folders VALUES (?, ?, ?)", folder, link, done)

    def add_page(
        self, folder: str, link: str, messages: Iterable[GraphMessage], label: str, *, sent: bool, complete: bool
    ) -> None:
        """Store the messages of a page of `folder`, with the link to the next page or, if `complete`, to the next changes."""
        with self._database.transaction():
            for message in messages:
                self._number += 1
                at = int(message.received_at.timestamp() * 1000) if message.received_at else 0
                headers = msgspec.json.encode([group.decode("latin-1") for group in message.headers])
                place = (self.round, at, self._number)
                self._database.execute(
                    "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?)", *place, message.uid, headers, label, sent
                )
            self.set_link(folder, link, complete=complete)

    def next_messages(self, after: Place, most: int) -> list[StoredMessage]:
        """Return up to `most` messages of complete rounds after `after`, in order of receipt within each round."""
        last = self.round if self.complete else self.round - 1
        return [*map(_stored, self._database.execute(_NEXT, *after, last, most))]

    def drop(self, places: Sequence[Place]) -> None:
        """Delete these messages."""
        if places:
            with self._database.transaction():
                for place in places:
                    self._database.execute("DELETE FROM messages WHERE round = ? AND at = ? AND number = ?", *place)

    def acknowledge(self, position: Position) -> None:
        """Delete the messages up to `position`, and store it, in one transaction."""
        with self._database.transaction():
            self._database.execute("DELETE FROM messages WHERE (round, at, number) <= (?, ?, ?)", *position.place)
            self._database.execute("UPDATE state SET published = ?", position.published)
        self.published = position.published

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _stored(row: Sequence[Any]) -> StoredMessage:
    number, at, count, uid, headers, folder, sent = row
    groups = tuple(group.encode("latin-1") for group in _headers.decode(headers))
    received_at = datetime.fromtimestamp(at / 1000, UTC) if at else None
    return StoredMessage(Place(number, at, count), GraphMessage(uid, received_at, groups), folder, bool(sent))
