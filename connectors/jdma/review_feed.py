"""Incremental reading of the reviews of one form, in the order of their times.

The server lists the newest reviews first. The feed therefore collects a span of time page by page, returns it when it is
complete, and continues with the next span. Each poll reads a short overlap before the newest published review again, and skips
known reviews. The position is the time of the newest published review: after a restart, an incomplete span is collected again.
"""

import hmac
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from connectors.jdma.api import LARGEST_PAGE, Page, fetch_page
from connectors.jdma.config import JdmaConfig
from connectors.jdma.reviews import encode, read_review, time_of
from connectors.sdk.errors import SourceRefusedError, SourceUnavailableError
from connectors.sdk.pull import Backoff, HttpClient, Interval
from models.identities import PseudonymKey
from models.locale import _

BEGINNING: Final = datetime(2017, 1, 1, tzinfo=UTC)
"""Time before the first review on the server."""
OVERLAP: Final = timedelta(minutes=10)
"""Period before the newest published review that each poll reads again, for reviews that became visible late."""
SHORTEST_SPAN: Final = timedelta(days=1)
FIRST_SPAN: Final = timedelta(days=30)
LONGEST_SPAN: Final = timedelta(days=3_650)
REFUSED_SECONDS: Final = 150.0
"""Shortest pause of a form after a refusal, in seconds, so that it does not block the other forms."""
MAX_PAGES: Final = 50
"""Most pages of a span longer than `SHORTEST_SPAN`. One with more is split, because a span is held in memory and collected again
after a restart."""


class ReadMark(msgspec.Struct):
    """Read position in the reviews of one form."""

    since: datetime | None = None
    """Time of the newest published review; None before the first."""
    seen: dict[str, datetime] = {}
    """Times of the published reviews in the overlap, by keyed digest of the review."""


class ReviewFeed:
    """Reader of the reviews of `form`. Starts at `mark` and keeps it up to date."""

    def __init__(self, config: JdmaConfig, form: int, mark: ReadMark, key: PseudonymKey) -> None:
        self._form = form
        self._key = key
        self._mark = mark
        self._start = datetime(*config.start.timetuple()[:3], tzinfo=UTC) if config.start else BEGINNING
        self._settle = timedelta(seconds=config.settle_seconds)
        # One client per form, because a refusal of one form says nothing about the others.
        self._server = HttpClient(config.url, config.token)
        self._interval = Interval(config.poll_seconds)
        self._backoff = Backoff()
        self._span = FIRST_SPAN
        self.is_in_progress = False
        """Whether the poll has more pages or spans."""
        self._begin = self._end = self._until = self._start
        self._after: str | None = None
        self._pages = 0
        self._collected: list[dict[str, Any]] = []

    @property
    def due(self) -> bool:
        """Whether `read` must be called: a poll is in progress or due, and not paused after a failure."""
        return not self._backoff.is_paused and (self.is_in_progress or self._interval.due)

    @property
    def trouble(self) -> str:
        """Message for the operator on the last failure; empty after a success."""
        return self._backoff.trouble

    def read(self) -> list[bytes]:
        """Fetch a page. If it completes the span, return the new reviews of the span, oldest first; otherwise nothing.

        Returned reviews count as published. Raises `SourceUnavailableError`, after which the poll begins again.
        """
        if not self.is_in_progress:
            self._begin = self._mark.since - OVERLAP if self._mark.since else self._start
            self._until = datetime.now(UTC) - self._settle
            self._open_span()
            self.is_in_progress = True
        try:
            page = fetch_page(self._server, self._form, self._begin.date(), self._end.date(), self._after)
        except SourceUnavailableError as error:
            self.is_in_progress = False
            message = _("form {form}: {error}", form=self._form, error=error)
            refused = isinstance(error, SourceRefusedError)
            self._backoff.record_failure(message, max(REFUSED_SECONDS if refused else 0.0, error.retry_after_seconds))
            raise type(error)(message, error.retry_after_seconds) from None
        self._backoff.record_success()
        if not self._collect(page):
            self._continue_span(page)
            return []
        return self._close_span()

    def close(self) -> None:
        """Close the connection."""
        self._server.close()

    def _open_span(self) -> None:
        self._end = min(self._until, self._begin + self._span)
        self._after, self._pages, self._collected = None, 0, []

    def _collect(self, page: Page) -> bool:
        """Collect the reviews of a page, and return whether the span is complete."""
        is_complete = not page.metadata.has_more
        for node in page.data:
            review = read_review(node)
            created_at = time_of(review)
            if created_at is not None and created_at < self._begin:
                is_complete = True
            elif created_at is None or created_at <= self._end:
                self._collected.append(review)
        return is_complete

    def _continue_span(self, page: Page) -> None:
        self._pages += 1
        self._after = page.metadata.next_cursor
        if self._pages >= MAX_PAGES and self._span > SHORTEST_SPAN:
            self._span = max(self._span / 4, SHORTEST_SPAN)
            self._open_span()

    def _close_span(self) -> list[bytes]:
        read_at = datetime.now(UTC)
        facts = [self._encode_fact(review, read_at) for review in reversed(self._collected) if self._is_new(review)]
        if not self._pages and len(self._collected) < LARGEST_PAGE // 2:
            self._span = min(self._span * 4, LONGEST_SPAN)
        self._prune_seen()
        self._begin = self._end
        self.is_in_progress = self._end < self._until
        if self.is_in_progress:
            self._open_span()
        else:
            self._collected = []
            self._interval.restart()
        return facts

    def _is_new(self, review: dict[str, Any]) -> bool:
        digest = hmac.digest(self._key.secret, encode(review), "sha256").hex()[:20]
        if digest in self._mark.seen:
            return False
        created_at = time_of(review)
        self._mark.seen[digest] = created_at or self._until
        if created_at is not None:
            self._mark.since = max(self._mark.since or created_at, created_at)
        return True

    def _encode_fact(self, review: dict[str, Any], read_at: datetime) -> bytes:
        return encode({"form": self._form, "read_at": read_at, **review})

    def _prune_seen(self) -> None:
        if self._mark.since:
            oldest = self._mark.since - OVERLAP
            self._mark.seen = {digest: at for digest, at in self._mark.seen.items() if at >= oldest}
