"""Source of the Maarch connector: polls changed letters and rechecks open ones."""

import time
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from connectors.maarch.api import MaarchApi
from connectors.maarch.config import MaarchConfig
from connectors.maarch.letter_facts import LetterState
from connectors.maarch.letter_feed import LetterFeed
from connectors.maarch.letter_queries import ChangedLetters, OpenLetters, ReadMark
from connectors.maarch.letter_store import LetterStore
from connectors.maarch.mapping import LetterMapping
from connectors.sdk.contract import Context, Outcome, Source
from connectors.sdk.errors import SourceUnavailableError

BUSY_SECONDS: Final = 2.0
"""Time after which one `read` takes no further letter or page, in seconds."""
_encode: Final = msgspec.json.encode


class Position(NamedTuple):
    """Read position of the source."""

    mark: bytes
    """`ReadMark` of the changed letters, as JSON."""
    unsaved: Mapping[int, LetterState]
    """Published states of letters that are not on disk yet."""


class MaarchSource(Source[bytes, Position]):
    """Facts about letters, each as self-contained JSON."""

    checkpoint_seconds = 1.0

    def __init__(self, config: MaarchConfig, context: Context) -> None:
        self._cursor = context.cursor
        self._mark = context.cursor.load_as(ReadMark) or ReadMark()
        self._mapping = LetterMapping(context.source, config, context.pseudonym_key)
        self._store = LetterStore(context.directory, context.cursor)
        self._server = MaarchApi(config)
        key = context.pseudonym_key(config.sector)
        self._feeds = [
            LetterFeed(config, query, seconds, self._server, self._store, key)
            for query, seconds in (
                (ChangedLetters(config, self._mark), config.poll_seconds),
                (OpenLetters(config), config.recheck_seconds),
            )
        ]

    def read(self, wait_seconds: float) -> Sequence[bytes]:
        """Return the new facts of the next letters; wait `wait_seconds` if there are none.

        Raises `SourceUnavailableError`, but returns the facts that were read before the failure, if there are any.
        """
        deadline = time.monotonic() + BUSY_SECONDS
        facts: list[bytes] = []
        try:
            while time.monotonic() < deadline and (feed := self._next_feed()):
                facts += feed.read()
        except SourceUnavailableError:
            if not facts:
                raise
        if not facts:
            time.sleep(wait_seconds)
        return facts

    def map(self, raw: bytes) -> Outcome:
        """Return the events of a fact, perhaps none, or its rejection; never raises."""
        return self._mapping.map(raw)

    def position(self) -> Position:
        """Return the read mark and the unsaved states of letters."""
        return Position(_encode(self._mark), self._store.unsaved())

    def acknowledge(self, position: Position) -> None:
        """Save the states of letters, then the mark: reading a letter twice is better than publishing it twice."""
        self._store.save(position.unsaved)
        self._cursor.save(position.mark)

    def close(self) -> None:
        """Close the connection and the store."""
        self._server.close()
        self._store.close()

    def _next_feed(self) -> LetterFeed | None:
        """Return the next feed to read, None if none is due; a page in progress comes first."""
        return next((feed for feed in sorted(self._feeds, key=lambda feed: not feed.has_rows) if feed.due), None)
