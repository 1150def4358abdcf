"""Periodic reading of one letter query, reduced to the facts that were not published before."""

import hashlib
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from connectors.maarch.api import MaarchApi
from connectors.maarch.config import MaarchConfig
from connectors.maarch.letter_facts import Letter, LetterState, compare, encode
from connectors.maarch.letter_queries import LetterQuery
from connectors.maarch.letter_store import LetterStore
from connectors.sdk.identifiers import reference_for
from connectors.sdk.pull import Interval
from models.identities import PseudonymKey
from models.locale import _

PAGE_SIZE: Final = 200
"""Letters per request."""
Row = Letter | bytes
"""Letter, or `{"node": <row>}` as JSON for a row that is no valid letter; the mapping rejects it."""
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
        self._last: Letter | None = None
        self._rows: deque[Row] = deque()
        self._more = False
        self._acknowledged: set[int] = set()

    @property
    def has_rows(self) -> bool:
        """Whether a page is in progress. No other feed may run until its end: it would read newer states of its letters."""
        return bool(self._rows)

    @property
    def due(self) -> bool:
        """Whether `read` must be called: a poll is in progress or due."""
        return self.has_rows or self._more or self._interval.due

    def read(self) -> list[bytes]:
        """Return the new facts of the next letter of the page; without a page in progress, fetch one and return nothing.

        An invalid row counts as a fact, which is returned only once. The new state is remembered in the store. Raises
        `SourceUnavailableError`; the next call continues at the same letter.
        """
        facts: list[bytes] = []
        if self._rows:
            facts = self._take()
        else:
            self._fetch()
        if not self._rows and not self._more:
            self._last = None
            self._interval.restart()
        return facts

    def _fetch(self) -> None:
        listed = self._server.list_letters(self._query.clause(self._last), self._query.order, PAGE_SIZE)
        rows = [read_row(raw, self._key) for raw in listed]
        letters = [row for row in rows if isinstance(row, Letter)]
        self._check(rows, letters)
        if self._config.receipts:
            incoming = [letter.res_id for letter in letters if not letter.is_outgoing]
            known = {number: self._store.find(number) or LetterState() for number in incoming}
            self._acknowledged = self._server.acknowledged([n for n, state in known.items() if not state.acknowledged])
        self._more = len(rows) >= PAGE_SIZE
        self._rows.extend(rows)

    def _check(self, rows: Sequence[Row], letters: Sequence[Letter]) -> None:
        """Raise `SourceRefusedError` if the letters are out of order, or if a full page holds none to continue from."""
        if len(rows) >= PAGE_SIZE and not letters:
            raise self._server.refusal(_("the server lists rows that are no letters"))
        last = self._last
        for letter in letters:
            if last and self._query.key(letter) <= self._query.key(last):
                raise self._server.refusal(_("the server lists letters out of order"))
            last = letter

    def _take(self) -> list[bytes]:
        """Return the new facts of the next row of the page, and advance past it; if an error is raised, the row stays."""
        row = self._rows[0]
        if isinstance(row, Letter):
            facts = self._compare(row)
            self._last = row
            self._query.advance_to(row)
        else:
            # The key of an invalid row is a negative hash.
            number = -int.from_bytes(hashlib.sha256(row).digest()[:7])
            facts = [] if self._store.find(number) else [row]
            self._store.remember(number, LetterState())
        self._rows.popleft()
        return facts

    def _compare(self, letter: Letter) -> list[bytes]:
        number = letter.res_id
        if known := self._store.find(number):  # earlier versions stored chronos in clear
            known = msgspec.structs.replace(known, chrono=reference_for(known.chrono, self._key))
        sent_at = self._server.receipt_sent_at(number) if number in self._acknowledged else ""
        facts, after = compare(letter, known, sent_at, datetime.now(UTC))
        if not facts:
            return []
        if known is None and self._config.senders and not letter.is_outgoing:
            senders = self._server.senders(number)
            facts = [msgspec.structs.replace(fact, senders=senders) for fact in facts]
        self._store.remember(number, after)
        return [encode(fact) for fact in facts]


def read_row(raw: msgspec.Raw, key: PseudonymKey) -> Row:
    """Return the letter of a row, with a chrono free of personal data; return `{"node": <row>}` as JSON for an invalid row."""
    try:
        letter = _decode(raw)
        letter.changed_at  # noqa: B018 - raises ValueError for an invalid time
    except (msgspec.DecodeError, ValueError, RecursionError):
        return b'{"node":' + bytes(raw) + b"}"
    if not letter.alt_identifier:
        return letter
    return msgspec.structs.replace(letter, alt_identifier=reference_for(letter.alt_identifier, key))
