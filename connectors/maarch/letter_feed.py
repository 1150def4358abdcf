"""Periodic reading of one letter query, reduced to the facts that were not published before."""

import hashlib
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from connectors.maarch.api import MaarchApi, RefusedError
from connectors.maarch.config import MaarchConfig
from connectors.maarch.letter_facts import Letter, LetterState, compare, encode
from connectors.maarch.letter_queries import LetterQuery
from connectors.maarch.letter_store import LetterStore
from connectors.sdk.identifiers import reference_for
from connectors.sdk.pull import Backoff, Interval
from models.identities import PseudonymKey
from models.locale import _

Row = Letter | bytes
"""Letter, or the raw bytes of a row that is no valid letter."""
_decode: Final = msgspec.json.Decoder(Letter, strict=False).decode


class LetterFeed:
    """Reader of the letters of `query`, polled from `server` every `seconds`.

    `store` holds the published state of each letter, shared by all feeds.
    """

    def __init__(
        self,
        config: MaarchConfig,
        query: LetterQuery,
        seconds: float,
        server: MaarchApi,
        store: LetterStore,
        key: PseudonymKey,
    ) -> None:
        self._config = config
        self._key = key
        self._query = query
        self._server = server
        self._store = store
        self._interval = Interval(seconds)
        self._backoff = Backoff()
        self._last: Letter | None = None
        self._rows: deque[Row] = deque()
        self._more = False
        self._known: dict[int, LetterState] = {}
        self._acknowledged: set[int] = set()

    @property
    def has_rows(self) -> bool:
        """Whether a page is in progress. No other feed may run until its end: it would change the states read with the page."""
        return bool(self._rows)

    @property
    def due(self) -> bool:
        """Whether `read` must be called: a poll is in progress or due, and not paused after a refusal."""
        return not self._backoff.is_paused and (self.has_rows or self._more or self._interval.due)

    @property
    def trouble(self) -> str:
        """Message for the operator on why the server refuses this query; empty if it does not."""
        return self._backoff.trouble

    def read(self) -> list[bytes]:
        """Return the new facts of the next letter of the page; without a page in progress, fetch one and return nothing.

        A refusal ends the poll, returns nothing and sets `trouble`.

        Raises `SourceUnavailableError` if the server is unreachable; the next call continues at the same letter.
        """
        try:
            if not self._rows:
                self._fetch()
                facts = []
            else:
                facts = self._take()
        except RefusedError as error:
            self._end_poll()
            self._backoff.record_failure(str(error))
            return []
        self._backoff.record_success()
        if not self._rows and not self._more:
            self._end_poll()
            self._interval.restart()
        return facts

    def _end_poll(self) -> None:
        self._last = None
        self._more = False
        self._rows.clear()

    def _fetch(self) -> None:
        size = self._config.page_size
        listed = self._server.list_letters(self._query.clause(self._last), self._query.order, size)
        rows = [read_row(raw, self._key) for raw in listed]
        letters = [row for row in rows if isinstance(row, Letter)]
        self._check(rows, letters)
        known = self._store.find([_number(row) for row in rows])
        self._known = {number: _without_raw_chrono(state, self._key) for number, state in known.items()}
        self._acknowledged = (
            self._server.acknowledged(self._unacknowledged(letters)) if self._config.receipts else set()
        )
        self._more = len(rows) >= size
        self._rows.extend(rows)

    def _check(self, rows: Sequence[Row], letters: Sequence[Letter]) -> None:
        """Raise `RefusedError` if the letters are out of order, or if a full page holds none to continue from."""
        if len(rows) >= self._config.page_size and not letters:
            raise RefusedError(_("the server lists rows that are no letters"))
        last = self._last
        for letter in letters:
            if last and not self._query.is_after(letter, last):
                raise RefusedError(_("the server lists letters out of order"))
            last = letter

    def _unacknowledged(self, letters: Sequence[Letter]) -> list[int]:
        incoming = [letter.res_id for letter in letters if not letter.is_outgoing]
        return [number for number in incoming if not (number in self._known and self._known[number].acknowledged)]

    def _take(self) -> list[bytes]:
        """Return the new facts of the next letter, and advance past it."""
        row = self._rows[0]
        if isinstance(row, Letter):
            facts = self._compare(row)
            self._last = row
            self._query.advance_to(row)
        else:
            facts = [] if _number(row) in self._known else [row]
            self._store.remember(_number(row), LetterState())
        self._rows.popleft()
        return facts

    def _compare(self, letter: Letter) -> list[bytes]:
        number = letter.res_id
        known = self._known.get(number)
        sent_at = self._server.receipt_sent_at(number) if number in self._acknowledged else ""
        facts, after = compare(letter, known, sent_at, datetime.now(UTC))
        if not facts:
            return []
        if known is None and self._config.senders and not letter.is_outgoing:
            senders = self._server.senders(number)
            facts = [msgspec.structs.replace(fact, senders=senders) for fact in facts]
        self._store.remember(number, after)
        return [encode(fact) for fact in facts]


def _number(row: Row) -> int:
    """Return the key of a row in the store: the letter's number, or a negative hash of an invalid row."""
    return row.res_id if isinstance(row, Letter) else -int.from_bytes(hashlib.sha256(row).digest()[:7])


def read_row(raw: msgspec.Raw, key: PseudonymKey) -> Row:
    """Return the letter of a row, with a chrono free of personal data; return an invalid row as raw bytes."""
    try:
        letter = _decode(raw)
        letter.changed_at  # noqa: B018 - raises ValueError for an invalid time
    except (msgspec.DecodeError, ValueError, RecursionError):
        return b'{"node":' + bytes(raw) + b"}"
    if not letter.alt_identifier:
        return letter
    return msgspec.structs.replace(letter, alt_identifier=reference_for(letter.alt_identifier, key))


def _without_raw_chrono(known: LetterState, key: PseudonymKey) -> LetterState:
    """Return the state of a letter with a chrono free of personal data; earlier versions stored chronos in clear."""
    return msgspec.structs.replace(known, chrono=reference_for(known.chrono, key))
