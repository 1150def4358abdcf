"""One list of letters, gone through again and again, and what is new in it.

What was told of a letter before is passed over, whichever list it comes from.
"""

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
from connectors.sdk.i18n import say
from connectors.sdk.identifiers import reference_for
from connectors.sdk.pull import Backoff, Interval
from models.identities import PseudonymKey

Row = Letter | bytes
"""A letter, or what came instead of one, as a record that cannot be used."""
_decode: Final = msgspec.json.Decoder(Letter, strict=False).decode


class LetterFeed:
    """The letters of `listing`, asked of `server` every `seconds`; `memory` knows what was told of them."""

    def __init__(
        self,
        config: MaarchConfig,
        listing: LetterQuery,
        seconds: float,
        server: MaarchApi,
        memory: LetterStore,
        key: PseudonymKey,
    ) -> None:
        self._config = config
        self._key = key
        self._listing = listing
        self._server = server
        self._memory = memory
        self._interval = Interval(seconds)
        self._backoff = Backoff()
        self._last: Letter | None = None
        self._rows: deque[Row] = deque()
        self._more = False
        self._known: dict[int, LetterState] = {}
        self._acknowledged: set[int] = set()

    @property
    def has_rows(self) -> bool:
        """Whether a page is being worked on: what other lists told meanwhile would not be known here."""
        return bool(self._rows)

    @property
    def due(self) -> bool:
        """Whether a turn is under way, or it is time for the next one."""
        return not self._backoff.is_paused and (self.has_rows or self._more or self._interval.due)

    @property
    def trouble(self) -> str:
        """Why the server does not answer this question; empty if it does."""
        return self._backoff.trouble

    def read(self) -> list[bytes]:
        """Ask for a page, or return the facts that are new of its next letter.

        Raises `SourceUnavailableError` if the server is away; it goes on then where it was.
        """
        try:
            if not self._rows:
                self._fetch()
                facts = []
            else:
                facts = self._take()
        except RefusedError as error:
            self._end_turn()
            self._backoff.record_failure(str(error))
            return []
        self._backoff.record_success()
        if not self._rows and not self._more:
            self._end_turn()
            self._interval.restart()
        return facts

    def _end_turn(self) -> None:
        self._last = None
        self._more = False
        self._rows.clear()

    def _fetch(self) -> None:
        size = self._config.page_size
        listed = self._server.list_letters(self._listing.clause(self._last), self._listing.order, size)
        rows = [read_row(raw, self._key) for raw in listed]
        letters = [row for row in rows if isinstance(row, Letter)]
        self._check(rows, letters)
        known = self._memory.find([_number(row) for row in rows])
        self._known = {number: _without_raw_chrono(one, self._key) for number, one in known.items()}
        self._acknowledged = (
            self._server.acknowledged(self._unacknowledged(letters)) if self._config.receipts else set()
        )
        self._more = len(rows) >= size
        self._rows.extend(rows)

    def _check(self, rows: Sequence[Row], letters: Sequence[Letter]) -> None:
        """Raise `RefusedError` unless letters come in order, and tell how to go on after them."""
        if len(rows) >= self._config.page_size and not letters:
            raise RefusedError(
                say("the server lists what is no letter", "le serveur donne ce qui n'est pas un courrier")
            )
        last = self._last
        for letter in letters:
            if last and not self._listing.is_after(letter, last):
                raise RefusedError(
                    say("the server lists letters out of order", "le serveur donne les courriers dans le désordre")
                )
            last = letter

    def _unacknowledged(self, letters: Sequence[Letter]) -> list[int]:
        incoming = [letter.res_id for letter in letters if not letter.is_outgoing]
        return [number for number in incoming if not (number in self._known and self._known[number].acknowledged)]

    def _take(self) -> list[bytes]:
        """Return what is new of the next letter, and go on after it."""
        row = self._rows[0]
        if isinstance(row, Letter):
            facts = self._compare(row)
            self._last = row
            self._listing.advance_to(row)
        else:
            facts = [] if _number(row) in self._known else [row]
            self._memory.remember(_number(row), LetterState())
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
        self._memory.remember(number, after)
        return [encode(fact) for fact in facts]


def _number(row: Row) -> int:
    """Return what a row is remembered by: below zero for what is no letter."""
    return row.res_id if isinstance(row, Letter) else -int.from_bytes(hashlib.sha256(row).digest()[:7])


def read_row(raw: msgspec.Raw, key: PseudonymKey) -> Row:
    """Return the letter that a row is, its chrono without anything personal, or what it is instead."""
    try:
        letter = _decode(raw)
        letter.changed_at  # noqa: B018 - has to be a time
    except (msgspec.DecodeError, ValueError, RecursionError):
        return b'{"node":' + bytes(raw) + b"}"
    if not letter.alt_identifier:
        return letter
    return msgspec.structs.replace(letter, alt_identifier=reference_for(letter.alt_identifier, key))


def _without_raw_chrono(known: LetterState, key: PseudonymKey) -> LetterState:
    """Return what is known of a letter; earlier versions kept every chrono as it came."""
    return msgspec.structs.replace(known, chrono=reference_for(known.chrono, key))
