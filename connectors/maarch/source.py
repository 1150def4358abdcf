"""The letters of one Maarch, as a source that is asked for what changed."""

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from connectors.maarch.api import MaarchApi, RefusedError
from connectors.maarch.config import MaarchConfig
from connectors.maarch.letter_facts import LetterState, compare, encode
from connectors.maarch.letter_feed import LetterFeed, Row, read_row
from connectors.maarch.letter_queries import ChangedLetters, OpenLetters, ReadMark
from connectors.maarch.letter_store import LetterStore
from connectors.maarch.mapping import LetterMapping
from connectors.sdk.contract import Context, Outcome, Source
from connectors.sdk.errors import SourceRefusedError, SourceUnavailableError

BUSY_SECONDS: Final = 2.0
"""How long letters are gone through in one `read`."""
PROBED: Final = 20
"""How many letters are looked at to try whether all works."""
_encode: Final = msgspec.json.encode


class Position(NamedTuple):
    """Where the source is."""

    mark: bytes
    unsaved: Mapping[int, LetterState]
    """What was told of letters and is not on disk yet."""


class MaarchSource(Source[bytes, Position]):
    """Facts about letters, each as JSON that stands for itself."""

    checkpoint_seconds = 1.0

    def __init__(self, config: MaarchConfig, context: Context) -> None:
        self._cursor = context.cursor
        self._mark = context.cursor.load_as(ReadMark) or ReadMark()
        self._mapping = LetterMapping(context.source, config, context.pseudonym_key)
        self._memory = LetterStore(context.directory, context.cursor)
        self._server = MaarchApi(config)
        key = context.pseudonym_key(config.sector)
        self._feeds = [
            LetterFeed(config, listing, seconds, self._server, self._memory, key)
            for listing, seconds in (
                (ChangedLetters(config, self._mark), config.poll_seconds),
                (OpenLetters(config), config.recheck_seconds),
            )
        ]

    def read(self, wait_seconds: float) -> Sequence[bytes]:
        """Return the new facts of the next letters."""
        deadline = time.monotonic() + BUSY_SECONDS
        facts: list[bytes] = []
        try:
            while time.monotonic() < deadline and (feed := self._due()):
                facts += feed.read()
        except SourceUnavailableError:
            if not facts:
                raise
        if facts:
            return facts
        if trouble := next((feed.trouble for feed in self._feeds if feed.trouble), ""):
            raise SourceUnavailableError(trouble)
        time.sleep(wait_seconds)
        return ()

    def map(self, raw: bytes) -> Outcome:
        """Return what a fact means."""
        return self._mapping.map(raw)

    def position(self) -> Position:
        """Return how far the changes were read, and what is known of letters since."""
        return Position(_encode(self._mark), self._memory.unsaved())

    def acknowledge(self, position: Position) -> None:
        """Keep it: first what was told, since what is told twice is worse than what is asked for twice."""
        self._memory.save(position.unsaved)
        self._cursor.save(position.mark)

    def close(self) -> None:
        """Let go of the server and the memory."""
        self._server.close()
        self._memory.close()

    def _due(self) -> LetterFeed | None:
        """Return the list to go on with: a page that was begun goes before all else."""
        return next((feed for feed in sorted(self._feeds, key=lambda feed: not feed.has_rows) if feed.due), None)


def probe(config: MaarchConfig, context: Context) -> Sequence[Outcome]:
    """Ask for the first letters and all that belongs to them, and return what they mean."""
    mapping = LetterMapping(context.source, config, context.pseudonym_key)
    key = context.pseudonym_key(config.sector)
    with closing(MaarchApi(config)) as server:
        try:
            rows = server.list_letters(ChangedLetters(config, ReadMark()).clause(None), ChangedLetters.order, PROBED)
            records = [record for row in rows for record in _look_at(read_row(row, key), config, server)]
        except RefusedError as error:
            raise SourceRefusedError(str(error)) from None
    return [mapping.map(record) for record in records]


def _look_at(row: Row, config: MaarchConfig, server: MaarchApi) -> list[bytes]:
    if isinstance(row, bytes):
        return [row]
    senders = server.senders(row.res_id) if config.senders else ()
    sent_at = server.receipt_sent_at(row.res_id) if config.receipts else ""
    facts, _ = compare(row, None, sent_at, datetime.now(UTC))
    return [encode(msgspec.structs.replace(fact, senders=senders)) for fact in facts]
