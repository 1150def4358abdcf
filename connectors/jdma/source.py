"""The forms of one API key, as a source that is asked for what is new."""

import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Final

import msgspec

from connectors.jdma.api import ask
from connectors.jdma.config import JdmaConfig
from connectors.jdma.mapping import ReviewMapping
from connectors.jdma.review_feed import BEGINNING, ReadMark, ReviewFeed
from connectors.jdma.reviews import encode, read_review
from connectors.sdk.contract import Context, Outcome, Source
from connectors.sdk.errors import SourceRefusedError, SourceUnavailableError
from connectors.sdk.pull import HttpClient, Interval

BUSY_SECONDS: Final = 10.0
"""How long pages without anything new are gone through in one `read`."""
SHORT_SECONDS: Final = 0.01
"""So short a pause is waited for, whatever else there is to do."""
REST_SECONDS: Final = 75.0
"""After a refusal nothing is asked for so long: the server bans an address for ten keys refused within ten minutes."""

SECTOR: Final = "general"
"""Sector whose key makes the digests in the cursor, and those of review numbers that may be telephone numbers."""


class JdmaSource(Source[bytes, bytes]):
    """Reviews, each as JSON that stands for itself."""

    checkpoint_seconds = 1.0

    def __init__(self, config: JdmaConfig, context: Context) -> None:
        self._cursor = context.cursor
        self._marks = (
            context.cursor.load_as(dict[str, ReadMark]) or {}
        )  # those of forms no longer configured are kept too
        key = context.pseudonym_key(SECTOR)
        self._feeds = [
            ReviewFeed(config, form, self._marks.setdefault(str(form), ReadMark()), key) for form in config.forms
        ]
        self._mapping = ReviewMapping(context.source, config, key)
        self._pace = Interval(60 / config.requests_per_minute)
        self._rests_until = 0.0

    def read(self, wait_seconds: float) -> Sequence[bytes]:
        """Return the new reviews of the next span that has some."""
        deadline = time.monotonic() + BUSY_SECONDS
        while (feed := self._next()) and time.monotonic() < deadline:
            time.sleep(min(self._pace.left_seconds, max(wait_seconds, SHORT_SECONDS)))
            if not self._pace.due:
                return ()
            if facts := self._ask(feed):
                return facts
        if trouble := next((feed.trouble for feed in self._feeds if feed.trouble), ""):
            raise SourceUnavailableError(trouble)  # of this form; the others were read
        time.sleep(wait_seconds)
        return ()

    def map(self, raw: bytes) -> Outcome:
        """Return what a review means."""
        return self._mapping.map(raw)

    def position(self) -> bytes:
        """Return how far each form was read."""
        return msgspec.json.encode(self._marks)

    def acknowledge(self, position: bytes) -> None:
        """Keep it."""
        self._cursor.save(position)

    def close(self) -> None:
        """Let go of the server."""
        for feed in self._feeds:
            feed.close()

    def _next(self) -> ReviewFeed | None:
        """Return the form to go on with: of those that are due, the one whose turn was longest ago."""
        is_paused = time.monotonic() < self._rests_until
        return None if is_paused else next((feed for feed in self._feeds if feed.due), None)

    def _ask(self, feed: ReviewFeed) -> Sequence[bytes]:
        self._pace.restart()
        try:
            return feed.read()
        except SourceUnavailableError as error:
            rest = REST_SECONDS if isinstance(error, SourceRefusedError) else 0.0
            self._rests_until = time.monotonic() + max(rest, error.retry_after_seconds)
            raise
        finally:
            if not feed.under_way:  # else the first of many forms, soon due again, keep the last from being read
                self._feeds.remove(feed)
                self._feeds.append(feed)


def probe(config: JdmaConfig, context: Context) -> Sequence[Outcome]:
    """Ask for the newest review of every form, and return what it means. Raises `SourceUnavailableError` for any refusal."""
    mapping = ReviewMapping(context.source, config, context.pseudonym_key(SECTOR))
    outcomes: list[Outcome] = []
    now = datetime.now(UTC)
    with closing(HttpClient(config.url, config.token)) as server:
        for form in config.forms:
            page = ask(server, form, BEGINNING.date(), now.date(), limit=1)
            outcomes += [mapping.map(encode({"form": form, "read_at": now, **read_review(node)})) for node in page.data]
    return outcomes
