"""One form's reviews, told in the order in which they were given.

The server lists the newest first, so a span of time is gathered page by page and told once it is whole; then comes the next
span. Each turn looks back a little (the overlap) before the newest review told, and passes over what it knows. How far one has
come is the newest review told: after a restart the span that was being gathered is gathered again.
"""

import hmac
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from connectors.jdma.api import LARGEST_PAGE, Page, ask
from connectors.jdma.config import JdmaConfig
from connectors.jdma.reviews import encode, read_review, time_of
from connectors.sdk.errors import SourceRefusedError, SourceUnavailableError
from connectors.sdk.i18n import say
from connectors.sdk.pull import Backoff, HttpClient, Interval
from models.identities import PseudonymKey

BEGINNING: Final = datetime(2017, 1, 1, tzinfo=UTC)
"""Before there was any review."""
SHORTEST_SPAN: Final = timedelta(days=1)
FIRST_SPAN: Final = timedelta(days=30)
LONGEST_SPAN: Final = timedelta(days=3_650)
REFUSED_SECONDS: Final = 150.0
"""How long a form is left alone that was refused, so that it does not hold up the others."""
MOST_PAGES: Final = 50
"""A span that has more is cut: what is gathered is in memory, and is gathered again after a restart."""


class ReadMark(msgspec.Struct):
    """How far a form was read."""

    since: datetime | None = None
    """When the newest review told was given."""
    seen: dict[str, datetime] = {}
    """What was told of the time that is asked for again: the reviews' keyed digests, and when they were given."""


class ReviewFeed:
    """The reviews of `form`, from `mark` on, which it keeps up to date."""

    def __init__(self, config: JdmaConfig, form: int, mark: ReadMark, key: PseudonymKey) -> None:
        self._form = form
        self._key = key
        self._mark = mark
        self._start = datetime(*config.start.timetuple()[:3], tzinfo=UTC) if config.start else BEGINNING
        self._overlap = timedelta(seconds=config.overlap_seconds)
        self._settle = timedelta(seconds=config.settle_seconds)
        # One for each form: whether one is refused says nothing of the others.
        self._server = HttpClient(config.url, config.token)
        self._interval = Interval(config.poll_seconds)
        self._backoff = Backoff()
        self._span = FIRST_SPAN
        self._under_way = False
        self._begin = self._end = self._until = self._start
        self._after: str | None = None
        self._pages = 0
        self._gathered: list[dict[str, Any]] = []

    @property
    def due(self) -> bool:
        """Whether there is a next page, or it is time for the next turn."""
        return not self._backoff.is_paused and (self._under_way or self._interval.due)

    @property
    def under_way(self) -> bool:
        """Whether its turn is not over: there are more spans or pages."""
        return self._under_way

    @property
    def trouble(self) -> str:
        """Why the server does not answer; empty if it does."""
        return self._backoff.trouble

    def read(self) -> list[bytes]:
        """Return the new reviews of a span once it is whole, the oldest first. Raises `SourceUnavailableError`."""
        if not self._under_way:
            self._begin = self._mark.since - self._overlap if self._mark.since else self._start
            self._until = datetime.now(UTC) - self._settle
            self._open_span()
            self._under_way = True
        try:
            page = ask(self._server, self._form, self._begin.date(), self._end.date(), self._after)
        except SourceUnavailableError as error:
            self._under_way = False
            words = say(f"form {self._form}: {error}", f"formulaire {self._form} : {error}")
            refused = isinstance(error, SourceRefusedError)
            self._backoff.record_failure(words, max(REFUSED_SECONDS if refused else 0.0, error.retry_after_seconds))
            raise type(error)(words, error.retry_after_seconds) from None
        self._backoff.record_success()
        if not self._gather(page):
            self._go_on(page)
            return []
        return self._close_span()

    def close(self) -> None:
        """Let go of the server."""
        self._server.close()

    def _open_span(self) -> None:
        self._end = min(self._until, self._begin + self._span)
        self._after, self._pages, self._gathered = None, 0, []

    def _gather(self, page: Page) -> bool:
        """Take in a page, and return whether the span is whole."""
        whole = not page.metadata.has_more
        for node in page.data:
            about = read_review(node)
            given_at = time_of(about)
            if given_at is not None and given_at < self._begin:
                whole = True
            elif given_at is None or given_at <= self._end:
                self._gathered.append(about)
        return whole

    def _go_on(self, page: Page) -> None:
        self._pages += 1
        self._after = page.metadata.next_cursor
        if self._pages >= MOST_PAGES and self._span > SHORTEST_SPAN:
            self._span = max(self._span / 4, SHORTEST_SPAN)
            self._open_span()

    def _close_span(self) -> list[bytes]:
        read_at = datetime.now(UTC)
        told = [self._tell(about, read_at) for about in reversed(self._gathered) if self._is_new(about)]
        if not self._pages and len(self._gathered) < LARGEST_PAGE // 2:
            self._span = min(self._span * 4, LONGEST_SPAN)
        self._forget()
        self._begin = self._end
        self._under_way = self._end < self._until
        if self._under_way:
            self._open_span()
        else:
            self._gathered = []
            self._interval.restart()
        return told

    def _is_new(self, about: dict[str, Any]) -> bool:
        digest = hmac.digest(self._key.secret, encode(about), "sha256").hex()[:20]
        if digest in self._mark.seen:
            return False
        given_at = time_of(about)
        self._mark.seen[digest] = given_at or self._until
        if given_at is not None:
            self._mark.since = max(self._mark.since or given_at, given_at)
        return True

    def _tell(self, about: dict[str, Any], read_at: datetime) -> bytes:
        return encode({"form": self._form, "read_at": read_at, **about})

    def _forget(self) -> None:
        if self._mark.since:
            oldest = self._mark.since - self._overlap
            self._mark.seen = {digest: at for digest, at in self._mark.seen.items() if at >= oldest}
