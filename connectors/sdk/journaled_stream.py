"""Records that a system sends once over a connection, journaled on disk until they are confirmed.

A lost connection is opened again, after increasing pauses. Each record has a number. After a restart, the numbers show which
records of the journal were confirmed already.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Generic, NamedTuple, Protocol, Self, TypeVar

import msgspec

from connectors.sdk.contract import Outcome, Reject
from connectors.sdk.errors import SourceUnavailableError, SpoolFullError
from connectors.sdk.pull import Backoff
from connectors.sdk.spool import Spool, SpoolPosition
from models.reasons import Reason

JOURNAL_BYTES: Final = 64 << 20
SEGMENT_BYTES: Final = 256 << 10
READ_AT_ONCE: Final = 1_000
STEADY_SECONDS: Final = 10.0
"""A connection that lasted longer resets the pauses: the shortest one follows its end."""
LONGEST: Final = 300
"""Longest stored value of a message, in characters. Required values are shorter."""
Message = dict[str, str]
"""Headers of a message. Of a repeated name, the first value is used."""


class StreamRecord(msgspec.Struct, array_like=True):
    """Retained headers of a message; a system's own subclass adds its lists."""

    number: int
    """Sequence number of the record; 0 until it is in the journal."""
    received_at: float
    """Seconds since 1970, by this machine's clock."""
    message: Message

    @classmethod
    def filtered(cls, messages: Iterable[Message], select: Callable[[Message], Message | None]) -> list[Self]:
        """Return a record, received now, of the headers that `select` retains of each message; none if it returns None."""
        now = time.time()
        return [cls(0, now, retained) for message in messages if (retained := select(message)) is not None]


def select_fields(message: Message, names: Sequence[str]) -> Message:
    """Return the headers of `message` that are in `names`, each value cut to `LONGEST`."""
    return {name: message[name][:LONGEST] for name in names if name in message}


class JournalEntry(NamedTuple):
    """A raw record: `StreamRecord` as JSON, its time of receipt, and its number, 0 if a rejected record is mapped again."""

    content: bytes
    read_at: datetime
    number: int = 0


class StreamPosition(NamedTuple):
    """Position of a source that reads a journal."""

    saved: bytes
    """Position to save with `Cursor.save`."""
    journal_position: SpoolPosition | None
    """Position up to which the journal can be deleted; None if nothing was read from it."""


RecordT = TypeVar("RecordT", bound=StreamRecord)
RecordT_co = TypeVar("RecordT_co", bound=StreamRecord, covariant=True)
TrackerT = TypeVar("TrackerT")


class Connection(Protocol[RecordT_co]):
    """One connection. Opening it, and any method, may raise `SourceUnavailableError`; it must then be closed."""

    @property
    def initial_records(self) -> Sequence[RecordT_co]:
        """Records of the state at the time of connecting, and of the messages received while it was listed."""

    def receive(self, wait_seconds: float) -> Sequence[RecordT_co]:
        """Return received records in order. Return none after `wait_seconds`, or earlier if what arrived gives no record."""

    def close(self) -> None:
        """Close the connection."""


class RecordMapping(Protocol):
    """Maps the records of a stream to events. Stateful: pass the records in order, since a mapping uses earlier ones."""

    def map(self, raw: JournalEntry) -> Outcome:
        """Return the events of a record. Raises `UnusableRecord`."""

    def reject(self, raw: JournalEntry, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of the record mapped last, with the memory needed to map it again."""


class Checkpoint(msgspec.Struct, Generic[TrackerT]):
    """Saved state of a `JournaledStream`."""

    number: int
    """Number of the last record mapped; 0 before the first."""
    tracker: TrackerT = msgspec.field(name="watch")
    """Memory of the records up to `number`. Saved as `watch`."""


class JournaledStream(Generic[RecordT, TrackerT]):
    """Records of the class `kind` from connections that `connect` opens, journaled in `directory`.

    Records up to `state.number` are skipped. Each mapped record updates `state`. `mapping_with` makes a mapping that uses and
    updates a memory of earlier records.
    """

    def __init__(
        self,
        directory: Path,
        kind: type[RecordT],
        connect: Callable[[], Connection[RecordT]],
        state: Checkpoint[TrackerT],
        mapping_with: Callable[[TrackerT], RecordMapping],
    ) -> None:
        self.state = state
        self._mapping_with = mapping_with
        self._mapping = mapping_with(state.tracker)
        self.journal_position: SpoolPosition | None = None
        """Position in the journal after the records read; None before the first."""
        self._journal = Spool(directory, JOURNAL_BYTES, SEGMENT_BYTES)
        self._connect = connect
        self._connection: Connection[RecordT] | None = None
        self._connected_at = 0.0
        self._backoff = Backoff()
        self._confirmed = self._last = state.number
        self._decode = msgspec.json.Decoder(kind).decode
        self._unread = True
        self._held: list[RecordT] = []
        """Received records that are not in the journal yet."""

    def read(self, wait_seconds: float) -> list[JournalEntry]:
        """Return records in order, once they are in the journal; none after at most `wait_seconds` without any.

        Raises `SourceUnavailableError` if no connection can be opened, if it breaks before a record came, in the pause after a
        failure, and if the journal is full.
        """
        if entries := self._read_journal():
            return entries
        self._held = self._held or self._receive(wait_seconds)
        if not self._held:
            return []
        for number, record in enumerate(self._held, self._last + 1):
            record.number = number
        try:
            self._journal.append([msgspec.json.encode(record) for record in self._held])
        except SpoolFullError as error:
            # Held in memory until there is room: the system does not send these records again.
            raise SourceUnavailableError(str(error)) from None
        self._held = []
        self._unread = True
        return self._read_journal()

    def map(self, raw: JournalEntry) -> Outcome:
        """Return the events of a record, and store its number in the state. Raises `UnusableRecord`."""
        self.state.number = raw.number
        return self._mapping.map(raw)

    def reject(self, raw: JournalEntry, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of the record mapped last."""
        return self._mapping.reject(raw, reason, detail)

    def map_again(self, content: bytes, tracker: TrackerT, read_at: datetime) -> Outcome:
        """Return the outcome of a rejected record, mapped with the memory saved in its rejection. Raises `UnusableRecord`."""
        return self._mapping_with(tracker).map(JournalEntry(content, read_at))

    def drop(self, journal_position: SpoolPosition) -> None:
        """Remove the journal's records before `journal_position`."""
        self._journal.drop(journal_position)

    def close(self) -> None:
        """Close the connection and the journal."""
        self._disconnect()
        self._journal.close()

    def _receive(self, wait_seconds: float) -> list[RecordT]:
        """Return received records, after the initial records of a new connection. Raises only if there are none."""
        if self._connection is None and self._backoff.is_paused:
            raise SourceUnavailableError(self._backoff.trouble)
        records: list[RecordT] = []
        try:
            if self._connection is None:
                self._connection = self._connect()
                self._connected_at = time.monotonic()
                records += self._connection.initial_records
                wait_seconds = 0.0
            records += self._connection.receive(wait_seconds)
        except SourceUnavailableError as error:
            self._disconnect()
            self._backoff.record_failure(str(error))
            if not records:
                raise
        else:
            if time.monotonic() - self._connected_at > STEADY_SECONDS:
                self._backoff.record_success()
        return records

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _read_journal(self) -> list[JournalEntry]:
        while self._unread:
            contents, journal_position = self._journal.read(READ_AT_ONCE)
            self._unread = bool(contents)
            entries = []
            for content in contents:
                record = self._decode(content)
                self._last = max(self._last, record.number)
                if record.number > self._confirmed:
                    entries.append(
                        JournalEntry(content, datetime.fromtimestamp(record.received_at, UTC), record.number)
                    )
            if contents:
                self.journal_position = journal_position
            if entries:
                return entries
        return []
