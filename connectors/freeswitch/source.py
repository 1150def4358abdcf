"""FreeSWITCH as a source. Its records are stored on disk and read from there until they are confirmed."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from connectors.freeswitch.config import FreeswitchConfig
from connectors.freeswitch.event_filter import EventSocketRecord
from connectors.freeswitch.event_socket_connection import EventSocketConnection
from connectors.freeswitch.mapping import Context as MappingContext
from connectors.freeswitch.mapping import EventMapping
from connectors.freeswitch.name_resolver import NameResolver
from connectors.freeswitch.stay_tracker import StayTracker
from connectors.sdk.contract import Context, Outcome, Reject, Source
from connectors.sdk.journaled_stream import JournaledStream, JournalEntry, ReconnectingConnection
from connectors.sdk.spool import SpoolPosition
from models.reasons import Reason


class _Saved(msgspec.Struct):
    number: int = 0
    """Number of the last mapped record."""
    tracker: StayTracker = msgspec.field(name="watch", default_factory=StayTracker)
    """Memory of earlier records. Saved as `watch`."""


class Position(NamedTuple):
    """Position of the source."""

    saved: bytes
    """Content of the cursor file."""
    journal_position: SpoolPosition | None
    """Position up to which the journal can be deleted."""


class FreeswitchSource(Source[JournalEntry, Position]):
    """Source for one FreeSWITCH."""

    checkpoint_seconds = 0.25

    def __init__(self, config: FreeswitchConfig, context: Context) -> None:
        self._cursor = context.cursor
        self._saved = self._cursor.load_as(_Saved) or _Saved()
        self._config, self._context = config, context
        self._mapping = self._map_with(self._saved.tracker)
        names = NameResolver(config, context.pseudonym_key(config.sector))
        connection = ReconnectingConnection(lambda: EventSocketConnection(config, names))
        self._stream = JournaledStream(context.directory / "esl", EventSocketRecord, connection, self._saved.number)

    def read(self, wait_seconds: float) -> Sequence[JournalEntry]:
        """Return the next records; none after `wait_seconds` without any. Raises `SourceUnavailableError`."""
        return self._stream.read(wait_seconds)

    def map(self, raw: JournalEntry) -> Outcome:
        """Return the events of a record or its rejection, and store its number in the state."""
        self._saved.number = raw.number
        return self._mapping.map(raw)

    def reject(self, raw: JournalEntry, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of the record mapped last, with the state before it."""
        return self._mapping.reject(raw, reason, detail)

    def map_rejected(self, reject: Reject, read_at: datetime) -> Outcome:
        """Return the outcome of a rejected record, mapped again with the state saved in its rejection."""
        tracker = msgspec.json.decode(reject.context, type=MappingContext).tracker
        return self._map_with(tracker).map(JournalEntry(reject.record, read_at))

    def position(self) -> Position:
        """Return the number of the last mapped record, the memory at this point, and the position in the journal."""
        return Position(msgspec.json.encode(self._saved), self._stream.journal_position)

    def acknowledge(self, position: Position) -> None:
        """Save the position, and delete the journal up to it."""
        self._cursor.save(position.saved)
        if position.journal_position is not None:
            self._stream.drop(position.journal_position)

    def close(self) -> None:
        """Close the connection and the journal."""
        self._stream.close()

    def _map_with(self, tracker: StayTracker) -> EventMapping:
        return EventMapping(
            self._context.source, self._config, self._context.pseudonym_key(self._config.sector), tracker
        )
