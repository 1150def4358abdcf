"""One FreeSWITCH as a source: what it tells is kept on disk until it is confirmed, and read from there."""

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
    """Of the last record that was mapped."""
    watch: StayTracker = msgspec.field(default_factory=StayTracker)


class Position(NamedTuple):
    """Where the source is."""

    saved: bytes
    """What the cursor keeps."""
    journal_position: SpoolPosition | None
    """Up to where the journal is no longer needed."""


class FreeswitchSource(Source[JournalEntry, Position]):
    """What one FreeSWITCH tells."""

    checkpoint_seconds = 0.25

    def __init__(self, config: FreeswitchConfig, context: Context) -> None:
        self._cursor = context.cursor
        self._saved = self._cursor.load_as(_Saved) or _Saved()
        self._config, self._context = config, context
        self._mapping = self._map_with(self._saved.watch)
        names = NameResolver(config, context.pseudonym_key(config.sector))
        line = ReconnectingConnection(lambda: EventSocketConnection(config, names))
        self._feed = JournaledStream(context.directory / "esl", EventSocketRecord, line, self._saved.number)

    def read(self, wait_seconds: float) -> Sequence[JournalEntry]:
        """Return what was told."""
        return self._feed.read(wait_seconds)

    def map(self, raw: JournalEntry) -> Outcome:
        """Return what it means."""
        self._saved.number = raw.number
        return self._mapping.map(raw)

    def reject(self, raw: JournalEntry, reason: Reason, detail: str = "") -> Reject:
        """Return its rejection, with what its call did before."""
        return self._mapping.reject(raw, reason, detail)

    def map_rejected(self, reject: Reject, read_at: datetime) -> Outcome:
        """Return what it means by now, with a memory of its own."""
        watch = msgspec.json.decode(reject.context, type=MappingContext).watch
        return self._map_with(watch).map(JournalEntry(reject.record, read_at))

    def position(self) -> Position:
        """Return the number of the last record, and what is remembered there."""
        return Position(msgspec.json.encode(self._saved), self._feed.journal_position)

    def acknowledge(self, position: Position) -> None:
        """Keep it."""
        self._cursor.save(position.saved)
        if position.journal_position is not None:
            self._feed.drop(position.journal_position)

    def close(self) -> None:
        """Leave."""
        self._feed.close()

    def _map_with(self, watch: StayTracker) -> EventMapping:
        return EventMapping(self._context.source, self._config, self._context.pseudonym_key(self._config.sector), watch)
