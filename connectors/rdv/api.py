"""The API of RDV Service Public: all appointments from some days ago on, page after page.

Sources: `app/controllers/api/v1` and `docs/api/v1` of betagouv/rdv-service-public. An organisation that the account may not see
is not refused, it has no appointments. It is asked for no end: what is moved, however far, is still listed.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from connectors.rdv.config import Api
from connectors.rdv.participation_facts import split_listed
from connectors.rdv.sign_in import Credentials, make_sign_in
from connectors.sdk.decoding import decode_response
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.i18n import say
from connectors.sdk.pull import Backoff, HttpClient
from connectors.sdk.reconcile import PollScope, microseconds
from connectors.sdk.webhook.polled import Page, Pager

MOST_PAGES: Final = 1_000
"""Of one organisation, in one round."""


class _Meta(msgspec.Struct):
    total_pages: int
    total_count: int


class _Listing(msgspec.Struct):
    rdvs: list[msgspec.Raw]
    meta: _Meta


class _Numbered(msgspec.Struct):
    id: int


_decode_number: Final = msgspec.json.Decoder(_Numbered).decode


class Answer(NamedTuple):
    """A page of appointments."""

    facts: list[bytes]
    numbers: set[int]
    """Of the appointments on it."""
    total: int
    """How many there are on all pages."""
    as_of: datetime
    """By the server's clock, in whole seconds: before all that it does not tell yet."""
    is_last: bool


class ApiSession:
    """One account, signed in when it is needed. For one thread; what it has to remember is in `directory`."""

    def __init__(self, api: Api, directory: Path) -> None:
        self._url = api.url
        self._server = HttpClient(api.url)
        self._sign_in = make_sign_in(api, directory)
        self._backoff = Backoff()
        self._signed = Credentials({}, 0.0)
        self._until = 0.0

    def ask(self, organisation: int, begin: datetime, page: int) -> Answer:
        """Return a page of the appointments that begin after `begin`. Raises `SourceUnavailableError`."""
        if self._backoff.is_paused:
            raise SourceUnavailableError(self._backoff.trouble)
        path = f"/api/v1/organisations/{organisation}/rdvs"
        params = {"starts_after": begin.isoformat(), "page": page}
        try:
            headers = self._headers()
            asked_at = time.monotonic()
            answer = self._server.ask("GET", path, params=params, headers=headers)
        except SourceUnavailableError:
            self._until = 0.0  # it may be that it is no longer signed in
            raise
        elapsed = timedelta(seconds=time.monotonic() - asked_at)
        try:
            listing = decode_response(answer.content, _Listing)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._misunderstood() from None
        self._backoff.record_success()
        as_of = (_date_of(answer.headers) - elapsed).replace(microsecond=0)
        facts = [fact for rdv in listing.rdvs for fact in split_listed(bytes(rdv), as_of)]
        numbers = {number for rdv in listing.rdvs if (number := _number_of(rdv)) is not None}
        is_last = page >= min(listing.meta.total_pages, MOST_PAGES)
        return Answer(facts, numbers, listing.meta.total_count, as_of, is_last)

    def close(self) -> None:
        """Let go of the connection."""
        self._server.close()

    def _headers(self) -> Mapping[str, str]:
        if time.monotonic() >= self._until:
            signed = self._sign_in(self._server)
            if signed is None:
                raise self._misunderstood()
            self._signed, self._until = signed, time.monotonic() + signed.seconds
        return self._signed.headers

    def _misunderstood(self) -> SourceUnavailableError:
        self._backoff.record_failure(
            say(
                f"{self._url} answers otherwise than documented: is the address right?",
                f"{self._url} répond autrement que documenté : l'adresse est-elle juste ?",
            )
        )
        return SourceUnavailableError(self._backoff.trouble)


class RdvRounds(Pager):
    """All appointments, organisation after organisation."""

    def __init__(self, api: Api, organisations: list[int], directory: Path) -> None:
        self._api = api
        self._organisations = organisations
        self._session = ApiSession(api, directory)
        self._place, self._page = 0, 1
        self._begin = datetime.now(UTC)
        self._numbers: set[int] = set()
        self._whole = True

    def next_page(self) -> Page:
        """Ask for the next page."""
        now = datetime.now(UTC)
        if (self._place, self._page) == (0, 1):
            self._begin, self._whole = now - timedelta(days=self._api.days_back), True
        answer = self._session.ask(self._organisations[self._place], self._begin, self._page)
        self._numbers |= answer.numbers
        self._page += 1
        if not answer.is_last:
            return Page(answer.facts, now, answer.as_of)
        # In no order that is promised, one may slip from a page that is to come to one that was.
        self._whole = self._whole and len(self._numbers) == answer.total
        self._numbers = set()
        self._place, self._page = (self._place + 1) % len(self._organisations), 1
        asked = PollScope(
            [str(number) for number in self._organisations],
            microseconds(answer.as_of),
            self._begin if self._whole else None,
        )
        return Page(answer.facts, now, answer.as_of, None if self._place else asked)

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()


def _number_of(rdv: msgspec.Raw) -> int | None:
    try:
        return _decode_number(rdv).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _date_of(headers: Mapping[str, str]) -> datetime:
    """Return when the server answered, by its own clock; by ours if it does not say."""
    try:
        return parsedate_to_datetime(headers["date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return datetime.now(UTC)
