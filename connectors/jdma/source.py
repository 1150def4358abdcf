"""Source of the JDMA connector: polls the reviews of all configured forms."""

import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Final

import msgspec

from connectors.jdma.api import fetch_page
from connectors.jdma.config import JdmaConfig
from connectors.jdma.mapping import ReviewMapping
from connectors.jdma.review_feed import BEGINNING, ReadMark, ReviewFeed
from connectors.jdma.reviews import encode, read_review
from connectors.sdk.contract import Context, Outcome, Source
from connectors.sdk.errors import SourceRefusedError, SourceUnavailableError
from connectors.sdk.pull import HttpClient, Interval

BUSY_SECONDS: Final = 10.0
"""Longest time that one `read` skips pages without new reviews, in seconds."""
REQUESTS_PER_MINUTE: Final = 50
"""Most requests per minute, for all forms. The server accepts 60 per minute for each key, from all clients together."""
SHORT_SECONDS: Final = 0.01
"""Longest rest of the pause between requests that `read` waits for even with `wait_seconds` 0, in seconds."""
REST_SECONDS: Final = 75.0
"""Shortest pause of all forms after a refusal, in seconds. The server bans an address after ten refused keys in ten minutes."""


class JdmaSource(Source[bytes, bytes]):
    """Reviews, each as self-contained JSON."""

    checkpoint_seconds = 1.0

    def __init__(self, config: JdmaConfig, context: Context) -> None:
        self._cursor = context.cursor
        # Includes the marks of forms that are no longer configured.
        self._marks = context.cursor.load_as(dict[str, ReadMark]) or {}
        key = context.pseudonym_key(config.sector)
        self._feeds = [
            ReviewFeed(config, form, self._marks.setdefault(str(form), ReadMark()), key) for form in config.forms
        ]
        self._mapping = ReviewMapping(context.source, config, key)
        self._pace = Interval(60 / REQUESTS_PER_MINUTE)
        self._rests_until = 0.0

    def read(self, wait_seconds: float) -> Sequence[bytes]:
        """Return the new reviews of the next span with any; nothing after `wait_seconds` or `BUSY_SECONDS` without any.

        Raises `SourceUnavailableError` after a failure; also, while no form is due, if the last request for a form failed.
        """
        deadline = time.monotonic() + BUSY_SECONDS
        while (feed := self._next_feed()) and time.monotonic() < deadline:
            time.sleep(min(self._pace.left_seconds, max(wait_seconds, SHORT_SECONDS)))
            if not self._pace.due:
                return ()
            if facts := self._read(feed):
                return facts
        if trouble := next((feed.trouble for feed in self._feeds if feed.trouble), ""):
            raise SourceUnavailableError(trouble)  # one form is refused; the others were read
        time.sleep(wait_seconds)
        return ()

    def map(self, raw: bytes) -> Outcome:
        """Return the event of a review, nothing if it answers no question about satisfaction, or its rejection."""
        return self._mapping.map(raw)

    def position(self) -> bytes:
        """Return the read marks of all forms."""
        return msgspec.json.encode(self._marks)

    def acknowledge(self, position: bytes) -> None:
        """Save the read marks."""
        self._cursor.save(position)

    def close(self) -> None:
        """Close the connections."""
        for feed in self._feeds:
            feed.close()

    def _next_feed(self) -> ReviewFeed | None:
        """Return the due feed that was polled longest ago; None if none is due, or during a pause."""
        is_paused = time.monotonic() < self._rests_until
        return None if is_paused else next((feed for feed in self._feeds if feed.due), None)

    def _read(self, feed: ReviewFeed) -> Sequence[bytes]:
        self._pace.restart()
        try:
            return feed.read()
        except SourceUnavailableError as error:
            rest = REST_SECONDS if isinstance(error, SourceRefusedError) else 0.0
            self._rests_until = time.monotonic() + max(rest, error.retry_after_seconds)
            raise
        finally:
            if not feed.is_in_progress:  # move it to the end, so that the first of many forms do not starve the last
                self._feeds.remove(feed)
                self._feeds.append(feed)


def probe(config: JdmaConfig, context: Context) -> Sequence[Outcome]:
    """Read and map the newest review of every form. Raises `SourceUnavailableError` for any refusal."""
    mapping = ReviewMapping(context.source, config, context.pseudonym_key(config.sector))
    outcomes: list[Outcome] = []
    now = datetime.now(UTC)
    with closing(HttpClient(config.url, config.token)) as server:
        for form in config.forms:
            page = fetch_page(server, form, BEGINNING.date(), now.date(), limit=1)
            outcomes += [mapping.map(encode({"form": form, "read_at": now, **read_review(node)})) for node in page.data]
    return outcomes
