"""One list of one procedure, followed from change to change.

Each turn asks again for what changed shortly before the newest change known (the overlap): an entry of the same second, or one
whose transaction ended late, is not missed. What comes a second time as it was is passed over. A page's cursor is the server's
own and is not kept: after a restart the turn begins anew where the pages before had come to.
"""

import hmac
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from connectors.demarches.api import Listing, Page, RefusedError, ask
from connectors.demarches.config import DemarchesConfig
from connectors.demarches.dossier_facts import DatedFact, encode, read_node, split, time_of
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.i18n import say
from connectors.sdk.pull import Backoff, HttpClient, Interval
from models.identities import PseudonymKey

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
DUPLICATE: Final = timedelta(days=30)
"""A dossier that changes tells all its steps again, back to this long before what is known whole: what is older was told for
sure, and those who count may have forgotten that."""
MOST_SEEN: Final = 50_000


class ReadMark(msgspec.Struct):
    """How far a list was read."""

    since: datetime | None = None
    """The newest change read, with all before it."""
    whole: datetime | None = None
    """The same, as it was when the end of the list was last reached."""
    seen: dict[str, datetime] = {}
    """What was read of the time that is asked for again: the entries' keyed digests, and when they changed."""
    early: set[str] = set()
    """The numbers of the dossiers that were told since the start and had steps before it."""


class DossierFeed:
    """The list `listing` of procedure `number`, from `mark` on, which it keeps up to date."""

    def __init__(
        self, config: DemarchesConfig, number: int, listing: Listing, mark: ReadMark, key: PseudonymKey
    ) -> None:
        self._number = number
        self._key = key
        self._listing = listing
        self._mark = mark
        self._start = datetime(*config.start.timetuple()[:3], tzinfo=UTC) if config.start else BEGINNING
        self._overlap = max(timedelta(seconds=config.overlap_seconds), listing.dated_back)
        self._page_size = config.page_size
        self._interval = Interval(config.poll_seconds)
        self._backoff = Backoff()
        self._after: str | None = None
        self._from = self._newest = self._start

    @property
    def due(self) -> bool:
        """Whether there is a next page, or it is time for the next turn."""
        return not self._backoff.is_paused and (self._after is not None or self._interval.due)

    @property
    def trouble(self) -> str:
        """Why the server does not answer this question; empty if it does."""
        return self._backoff.trouble

    def read(self, server: HttpClient) -> list[bytes]:
        """Return the facts of the next page that are new. Raises `SourceUnavailableError` if the server is away."""
        if self._after is None:
            self._from = self._mark.since - self._overlap if self._mark.since else self._start
            self._newest = self._mark.since or self._start
        try:
            page = ask(server, self._listing, self._number, self._from, self._page_size, self._after)
            after = self._cursor_after(page)
        except RefusedError as error:
            self._after = None
            self._backoff.record_failure(str(error))
            return []
        except SourceUnavailableError:
            self._after = None  # which may be what the server stumbles over
            raise
        self._backoff.record_success()
        facts = [fact for raw in page.nodes for fact in self._take(read_node(raw), datetime.now(UTC))]
        self._after = after
        self._advance()
        return facts

    def _cursor_after(self, page: Page) -> str | None:
        if not page.page_info.has_next_page:
            return None
        if page.page_info.end_cursor in {None, self._after}:
            raise RefusedError(
                say(
                    f"procedure {self._number}: the server repeats a page",
                    f"démarche {self._number} : le serveur répète une page",
                )
            )
        return page.page_info.end_cursor

    def _take(self, node: Any, now: datetime) -> list[bytes]:
        changed_at = time_of(node, self._listing.changed_at)
        if changed_at:
            self._newest = max(self._newest, min(changed_at, now))  # a date far ahead must not hide what comes
        digest = hmac.digest(self._key.secret, encode(node), "sha256").hex()[:20]  # a plain one could be guessed from
        if digest in self._mark.seen:
            return []
        self._mark.seen[digest] = changed_at or self._newest
        sure = self._mark.whole - DUPLICATE if self._mark.whole else None
        facts = list(split(self._number, node, now))
        if self._is_first_read(node, facts):
            sure = None
        return [told.fact for told in facts if sure is None or told.changed_at is None or told.changed_at >= sure]

    def _is_first_read(self, node: Any, facts: list[DatedFact]) -> bool:
        """Whether a dossier has steps from before the start, and none of it was told yet; from now on it was."""
        if not any(told.changed_at and told.changed_at < self._start for told in facts):
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
            mark.seen = {digest: at for at, digest in sorted(seen)[-MOST_SEEN:]}
        if ended:
            mark.whole = mark.since
            self._interval.restart()
