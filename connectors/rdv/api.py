"""Client of the RDV Service Public API that lists the appointments of some past days and all future ones.

Sources: `app/controllers/api/v1` and `docs/api/v1` of betagouv/rdv-service-public. The API does not refuse an organisation that
the account may not see, but lists no appointments. Requests have no end date, so that appointments moved to a later day stay
listed.
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
from connectors.rdv.sign_in import Credentials, sign_in
from connectors.sdk.decoding import decode_response
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.pull import Backoff, HttpClient
from connectors.sdk.reconcile import PollScope, microseconds
from connectors.sdk.webhook.polled import Page, Pager
from models.locale import _

MAX_PAGES: Final = 1_000
"""Most pages per organisation and poll; later pages are not read."""


class _Meta(msgspec.Struct):
    total_pages: int
    total_count: int


class _Listing(msgspec.Struct):
    rdvs: list[msgspec.Raw]
    meta: _Meta


class _Numbered(msgspec.Struct):
    id: int


_decode_number: Final = msgspec.json.Decoder(_Numbered).decode


class AppointmentPage(NamedTuple):
    """Page of appointments."""

    facts: list[bytes]
    numbers: set[int]
    """Ids of the appointments on this page."""
    total: int
    """Number of appointments on all pages."""
    as_of: datetime
    """Start of the request by the server's clock, in whole seconds; later changes may be missing in the page."""
    is_last: bool


class ApiSession:
    """Session of one account, signed in on demand. Use it from one thread; the OAuth refresh token is stored in `directory`."""

    def __init__(self, api: Api, directory: Path) -> None:
        self._api = api
        self._directory = directory
        self._server = HttpClient(api.url)
        self._backoff = Backoff()
        self._credentials = Credentials({}, 0.0)
        self._valid_until = 0.0

    def fetch(self, organisation: int, begin: datetime, page: int) -> AppointmentPage:
        """Return a page, counted from 1, of the appointments that start after `begin`.

        Raises `SourceUnavailableError`, also without a request during the pause after an unexpected response.
        """
        if self._backoff.is_paused:
            raise SourceUnavailableError(self._backoff.trouble)
        path = f"/api/v1/organisations/{organisation}/rdvs"
        params = {"starts_after": begin.isoformat(), "page": page}
        try:
            headers = self._headers()
            started_at = time.monotonic()
            answer = self._server.ask("GET", path, params=params, headers=headers)
        except SourceUnavailableError:
            self._valid_until = 0.0  # the session may have expired
            raise
        elapsed = timedelta(seconds=time.monotonic() - started_at)
        try:
            listing = decode_response(answer.content, _Listing)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._unexpected_response() from None
        self._backoff.record_success()
        as_of = (_date_of(answer.headers) - elapsed).replace(microsecond=0)
        facts = [fact for rdv in listing.rdvs for fact in split_listed(bytes(rdv), as_of)]
        numbers = {number for rdv in listing.rdvs if (number := _number_of(rdv)) is not None}
        is_last = page >= min(listing.meta.total_pages, MAX_PAGES)
        return AppointmentPage(facts, numbers, listing.meta.total_count, as_of, is_last)

    def close(self) -> None:
        """Close the connection."""
        self._server.close()

    def _headers(self) -> Mapping[str, str]:
        if time.monotonic() >= self._valid_until:
            credentials = sign_in(self._api, self._server, self._directory)
            if credentials is None:
                raise self._unexpected_response()
            self._credentials, self._valid_until = credentials, time.monotonic() + credentials.seconds
        return self._credentials.headers

    def _unexpected_response(self) -> SourceUnavailableError:
        self._backoff.record_failure(
            _("{url}: the response does not match the documentation; check the address", url=self._api.url)
        )
        return SourceUnavailableError(self._backoff.trouble)


class RdvPager(Pager):
    """Pages of the appointments of `organisations`, one organisation after the other, poll after poll.

    A poll lists the appointments from `api.days_back` days before its start, without an end date. At most `MAX_PAGES` pages of
    each organisation are read.
    """

    def __init__(self, api: Api, organisations: list[int], directory: Path) -> None:
        self._api = api
        self._organisations = organisations
        self._session = ApiSession(api, directory)
        self._index, self._page = 0, 1
        self._begin = datetime.now(UTC)
        self._numbers: set[int] = set()
        self._is_complete = True

    def next_page(self) -> Page:
        """Fetch the next page, signing in if necessary. The last page of the last organisation ends the poll.

        Raises `SourceUnavailableError`; the next call then fetches the same page.
        """
        now = datetime.now(UTC)
        if (self._index, self._page) == (0, 1):
            self._begin, self._is_complete = now - timedelta(days=self._api.days_back), True
        page = self._session.fetch(self._organisations[self._index], self._begin, self._page)
        self._numbers |= page.numbers
        self._page += 1
        if not page.is_last:
            return Page(page.facts, now, page.as_of)
        # The API guarantees no order: an appointment may move to a page that was already read.
        self._is_complete = self._is_complete and len(self._numbers) == page.total
        self._numbers = set()
        self._index, self._page = (self._index + 1) % len(self._organisations), 1
        scope = PollScope(
            [str(number) for number in self._organisations],
            microseconds(page.as_of),
            self._begin if self._is_complete else None,
        )
        return Page(page.facts, now, page.as_of, None if self._index else scope)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()


def _number_of(rdv: msgspec.Raw) -> int | None:
    try:
        return _decode_number(rdv).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _date_of(headers: Mapping[str, str]) -> datetime:
    """Return the time of the response by the server's clock; by this machine's if the `Date` header is missing or unreadable."""
    try:
        return parsedate_to_datetime(headers["date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return datetime.now(UTC)
