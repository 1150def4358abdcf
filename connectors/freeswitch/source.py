"""One FreeSWITCH as a source: what it tells is kept on disk until it is confirmed, and read from there."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from connectors.freeswitch.config import FreeswitchConfig
from connectors.freeswitch.feed import Listening
from connectors.freeswitch.kept import Told
from connectors.freeswitch.mapping import Context as MappingContext
from connectors.freeswitch.mapping import EventMapping
from connectors.freeswitch.names import Names
from connectors.freeswitch.watch import Watch
from connectors.sdk.contract import Context, Outcome, Reject, Source
from connectors.sdk.live import Feed, Heard, Line
from connectors.sdk.spool import Mark
from models.reasons import Reason


class _Saved(msgspec.Struct):
    number: int = 0
    """Of the last record that was mapped."""
    watch: Watch = msgspec.field(default_factory=Watch)


class Position(NamedTuple):
    """Where the source is."""

    saved: bytes
    """What the cursor keeps."""
    mark: Mark | None
    """Up to where the journal is no longer needed."""


class FreeswitchSource(Source[Heard, Position]):
    """What one FreeSWITCH tells."""

    checkpoint_seconds = 0.25

    def __init__(self, config: FreeswitchConfig, context: Context) -> None:
        self._cursor = context.cursor
        self._saved = self._cursor.load_as(_Saved) or _Saved()
        self._config, self._context = config, context
        self._mapping = self._map_with(self._saved.watch)
        names = Names(config, context.key_of(config.sector))
        line = Line(lambda: Listening(config, names))
        self._feed = Feed(context.directory / "esl", Told, line, self._saved.number)

    def read(self, wait_seconds: float) -> Sequence[Heard]:
        """Return what was told."""
        return self._feed.read(wait_seconds)

    def map(self, raw: Heard) -> Outcome:
        """Return what it means."""
        self._saved.number = raw.number
        return self._mapping.map(raw)

    def reject(self, raw: Heard, reason: Reason, detail: str = "") -> Reject:
        """Return its rejection, with what its call did before."""
        return self._mapping.reject(raw, reason, detail)

    def map_again(self, reject: Reject, read_at: datetime) -> Outcome:
        """Return what it means by now, with a memory of its own."""
        watch = msgspec.json.decode(reject.context, type=MappingContext).watch
        return self._map_with(watch).map(Heard(reject.record, read_at))

    def position(self) -> Position:
        """Return the number of the last record, and what is remembered there."""
        return Position(msgspec.json.encode(self._saved), self._feed.mark)

    def acknowledge(self, position: Position) -> None:
        """Keep it."""
        self._cursor.save(position.saved)
        if position.mark is not None:
            self._feed.drop(position.mark)

    def close(self) -> None:
        """Leave."""
        self._feed.close()

    def _map_with(self, watch: Watch) -> EventMapping:
        return EventMapping(self._context.source, self._config, self._context.key_of(self._config.sector), watch)
