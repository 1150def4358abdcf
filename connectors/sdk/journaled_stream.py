"""What a system tells once, to who is there: read over a connection, and kept on disk until it is confirmed.

A connection that is lost is made anew, later and later if that fails. What was heard has a number, so that what was confirmed
before a restart is known when it is read again.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from connectors.sdk.errors import SourceUnavailableError, SpoolFullError
from connectors.sdk.pull import Backoff
from connectors.sdk.spool import Spool, SpoolPosition

JOURNAL_BYTES: Final = 64 << 20
SEGMENT_BYTES: Final = 256 << 10
READ_AT_ONCE: Final = 1_000
STEADY_SECONDS: Final = 10.0
"""A connection that lasted so long is no failure when it ends."""


class StreamRecord(msgspec.Struct, array_like=True):
    """What was told at once. A system's own says in fields of its own what."""

    number: int
    """Its place among all that was told; 0 until it is in the journal."""
    received_at: float
    """Seconds since 1970, by our clock."""


class JournalEntry(NamedTuple):
    """A raw record: `Told` as JSON, when it was received, and its number."""

    content: bytes
    read_at: datetime
    number: int = 0


Something = TypeVar("Something", bound=StreamRecord)
Teller_co = TypeVar("Teller_co", bound=StreamRecord, covariant=True)


class Listening(Protocol[Teller_co]):
    """One connection. It is made by a call that raises `SourceUnavailableError`; after any that does, it is over: close it."""

    @property
    def initial_records(self) -> Sequence[Teller_co]:
        """How things were when it began."""

    def receive(self, wait_seconds: float) -> Sequence[Teller_co]:
        """Return what was told, in order; nothing after `wait_seconds` without any. Raises `SourceUnavailableError`."""

    def close(self) -> None:
        """Leave."""


class ReconnectingConnection(Generic[Something]):
    """A connection that is made anew when it is lost. `listen` makes one."""

    def __init__(self, listen: Callable[[], Listening[Something]]) -> None:
        self._listen = listen
        self._listening: Listening[Something] | None = None
        self._backoff = Backoff()
        self._began_at = 0.0

    def receive(self, wait_seconds: float) -> list[Something]:
        """Return what is so, if the connection is new, and what happened. Raises `SourceUnavailableError`."""
        if self._listening is None and self._backoff.is_paused:
            raise SourceUnavailableError(self._backoff.trouble)
        told: list[Something] = []
        try:
            if self._listening is None:
                self._listening = self._listen()
                self._began_at = time.monotonic()
                told += self._listening.initial_records
                wait_seconds = 0.0
            told += self._listening.receive(wait_seconds)
        except SourceUnavailableError as error:
            self.close()
            self._backoff.record_failure(str(error))
            if not told:
                raise
        else:
            if time.monotonic() - self._began_at > STEADY_SECONDS:
                self._backoff.record_success()
        return told

    def close(self) -> None:
        """Leave."""
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.close()


class JournaledStream(Generic[Something]):
    """What is told over a line, by way of a journal in `directory`; what has a number up to `confirmed` is not read again."""

    def __init__(
        self, directory: Path, kind: type[Something], line: ReconnectingConnection[Something], confirmed: int
    ) -> None:
        self.journal_position: SpoolPosition | None = None
        """After what in the journal it is."""
        self._journal = Spool(directory, JOURNAL_BYTES, SEGMENT_BYTES)
        self._line = line
        self._confirmed = self._last = confirmed
        self._decode = msgspec.json.Decoder(kind).decode
        self._unread = True
        self._held: list[Something] = []
        """What was told and is not in the journal yet."""

    def read(self, wait_seconds: float) -> list[JournalEntry]:
        """Return what was told, in order; nothing after `wait_seconds` without any. Raises `SourceUnavailableError`."""
        if heard := self._read_journal():
            return heard
        self._held = self._held or self._line.receive(wait_seconds)
        if not self._held:
            return []
        for number, one in enumerate(self._held, self._last + 1):
            one.number = number
        try:
            self._journal.append([msgspec.json.encode(one) for one in self._held])
        except (
            SpoolFullError
        ) as error:  # nobody tells it again: it is kept here until there is room, and no more is heard
            raise SourceUnavailableError(str(error)) from None
        self._held = []
        self._unread = True
        return self._read_journal()

    def drop(self, journal_position: SpoolPosition) -> None:
        """Forget what is safe."""
        self._journal.drop(journal_position)

    def close(self) -> None:
        """Let go of connection and journal."""
        self._line.close()
        self._journal.close()

    def _read_journal(self) -> list[JournalEntry]:
        while self._unread:
            contents, journal_position = self._journal.read(READ_AT_ONCE)
            self._unread = bool(contents)
            heard = []
            for content in contents:
                told = self._decode(content)
                self._last = max(self._last, told.number)
                if told.number > self._confirmed:
                    heard.append(JournalEntry(content, datetime.fromtimestamp(told.received_at, UTC), told.number))
            if contents:
                self.journal_position = journal_position
            if heard:
                return heard
        return []
