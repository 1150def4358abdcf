"""Incremental reading of one list of one procedure.

Each poll reads a short overlap before the newest known change again, so that entries of the same second and entries of slow
transactions are not missed. Unchanged entries are skipped. Page cursors are not saved: after a restart, the poll
of a sorted list continues at the newest change read, and that of an unsorted list begins again.
"""

import hmac
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from connectors.demarches.api import Listing, Page, RefusedError, fetch_page
from connectors.demarches.config import DemarchesConfig
from connectors.demarches.dossier_facts import DatedFact, encode, read_node, split, time_of
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.pull import Backoff, HttpClient, Interval
from models.identities import PseudonymKey
from models.locale import _

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
OVERLAP: Final = timedelta(minutes=5)
"""Shortest period before the newest known change that each poll reads again, for changes that became visible late."""
DUPLICATE: Final = timedelta(days=30)
"""Period before `ReadMark.whole` within which the facts of a changed dossier are published again; its facts without a time
always are. Older facts are certainly published, and workers may no longer recognise them as duplicates."""
MAX_SEEN: Final = 50_000
"""Most digests kept in `ReadMark.seen`."""


class ReadMark(msgspec.Struct):
    """Read position in a list."""

    since: datetime | None = None
    """Time of the newest change read; None before the first page, for an unsorted list before the end of the first poll."""
    whole: datetime | None = None
    """Value of `since` when the end of the list was last reached; None before."""
    seen: dict[str, datetime] = {}
    """Times of change of the entries read in the overlap, by keyed digest of the entry."""
    early: set[str] = set()
    """Numbers of the published dossiers with steps before the configured start."""


class DossierFeed:
    """Reader of `listing` of procedure `number`. Starts at `mark` and keeps it up to date."""

    def __init__(
        self, config: DemarchesConfig, number: int, listing: Listing, mark: ReadMark, key: PseudonymKey
    ) -> None:
        self._number = number
        self._key = key
        self._listing = listing
        self._mark = mark
        self._start = datetime(*config.start.timetuple()[:3], tzinfo=UTC) if config.start else BEGINNING
        self._overlap = max(OVERLAP, listing.max_delay)
        self._page_size = config.page_size
        self._interval = Interval(config.poll_seconds)
        self._backoff = Backoff()
        self._after: str | None = None
        self._from = self._newest = self._start

    @property
    def due(self) -> bool:
        """Whether `read` must be called: a poll is in progress or due, and not paused after a refusal."""
        return not self._backoff.is_paused and (self._after is not None or self._interval.due)

    @property
    def trouble(self) -> str:
        """Message for the operator on why the server refuses this query; empty if it does not."""
        return self._backoff.trouble

    def read(self, server: HttpClient) -> list[bytes]:
        """Fetch the next page and return its new facts, which then count as read.

        A refusal ends the poll, returns nothing and sets `trouble`. Raises `SourceUnavailableError`, which ends the poll too.
        """
        if self._after is None:
            self._from = self._mark.since - self._overlap if self._mark.since else self._start
            self._newest = self._mark.since or self._start
        try:
            page = fetch_page(server, self._listing, self._number, self._from, self._page_size, self._after)
            after = self._cursor_after(page)
        except RefusedError as error:
            self._after = None
            self._backoff.record_failure(str(error))
            return []
        except SourceUnavailableError:
            self._after = None  # the cursor may be the cause of the error
            raise
        self._backoff.record_success()
        facts = [fact for raw in page.nodes for fact in self._new_facts(read_node(raw), datetime.now(UTC))]
        self._after = after
        self._advance()
        return facts

    def _cursor_after(self, page: Page) -> str | None:
        if not page.page_info.has_next_page:
            return None
        if page.page_info.end_cursor in {None, self._after}:
            raise RefusedError(_("procedure {number}: the server repeats a page", number=self._number))
        return page.page_info.end_cursor

    def _new_facts(self, node: Any, now: datetime) -> list[bytes]:
        changed_at = time_of(node, self._listing.changed_at)
        if changed_at:
            self._newest = max(self._newest, min(changed_at, now))  # a date in the future must not hide later changes
        digest = hmac.digest(self._key.secret, encode(node), "sha256").hex()[:20]  # an unkeyed digest could be guessed
        if digest in self._mark.seen:
            return []
        self._mark.seen[digest] = changed_at or self._newest
        earliest = self._mark.whole - DUPLICATE if self._mark.whole else None
        facts = list(split(self._number, node, now))
        if self._is_first_read(node, facts):
            earliest = None
        return [
            dated.fact
            for dated in facts
            if earliest is None or dated.changed_at is None or dated.changed_at >= earliest
        ]

    def _is_first_read(self, node: Any, facts: list[DatedFact]) -> bool:
        """Return whether a dossier has steps before the start and is read for the first time; record its number."""
        if not any(dated.changed_at and dated.changed_at < self._start for dated in facts):
            return False
        number = str(node.get("number"))
        if number in self._mark.early:
            return False
        self._mark.early.add(number)
        return True

    def _advance(self) -> None:
        mark = self._mark
        ended = self._after is None
        if ended or self._listing.in_order:
            mark.since = self._newest
            seen = [(at, digest) for digest, at in mark.seen.items() if at >= self._newest - self._overlap]
            mark.seen = {digest: at for at, digest in sorted(seen)[-MAX_SEEN:]}
        if ended:
            mark.whole = mark.since
            self._interval.restart()
