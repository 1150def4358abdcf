"""Base class of a source that receives messages and is also polled for messages that were lost.

A subclass implements `verify` and `split` for messages, `Pager` for polling, and `map_fact` for facts, which uses `reconciler`
to detect known facts. Facts are self-contained bytes, the same whether pushed or polled, so both inputs give events with the
same ids.
"""

import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from contextvars import copy_context
from datetime import datetime
from queue import Empty, Full, Queue
from typing import Final, NamedTuple

import structlog

from connectors.sdk.contract import Context, Outcome
from connectors.sdk.errors import SourceUnavailableError, safe_error_text
from connectors.sdk.pull import Interval
from connectors.sdk.reconcile import Finding, PollScope, ReconcileChanges, Reconciler, ReconcileStats
from connectors.sdk.webhook.config import PushConfig
from connectors.sdk.webhook.intake import Message
from connectors.sdk.webhook.source import PushSource

MOST_GONE: Final = 20
"""Most deletions of one group that one poll may report. Of more, none is reported: the account may have lost permissions."""
LOOK_SECONDS: Final = 0.1
"""Interval at which the polling thread checks whether a poll is due, and whether to stop."""
AGAIN_SECONDS: Final = 0.5
"""Pause after a failed request. A `Pager` itself implements longer pauses for a server."""

log = structlog.get_logger(__name__)


class Page(NamedTuple):
    """One page of the list that a poll reads, with its facts."""

    facts: Sequence[bytes]
    read_at: datetime
    """Time of the response by this machine's clock."""
    as_of: datetime
    """Time of the response by the source's clock."""
    end: PollScope | None = None
    """Extent of the poll, on its last page; None on the others."""


class Pager(ABC):
    """Requests pages, poll after poll, in a separate thread, so that a slow server delays no message."""

    @abstractmethod
    def next_page(self) -> Page:
        """Return the next page; after the last one, the first page of a new poll.

        Raises `SourceUnavailableError`; the next call then requests the same page again. Any other error ends the polling.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the connections."""


class PollSettings(NamedTuple):
    """Settings of a `Poller`."""

    open_rounds: Callable[[], Pager]
    """Opens the `Pager`; called in the polling thread. Any error ends the polling."""
    round_seconds: float
    """Interval between the starts of two polls, within 10 %. If a poll takes longer, the next one starts when it ends."""
    page_seconds: float
    """Pause between two pages."""


class Poller:
    """Polls in its own thread, from its creation to `close`."""

    def __init__(self, settings: PollSettings) -> None:
        self.trouble = ""
        """Description of the last `SourceUnavailableError`; empty if the last request succeeded, and before the first."""
        self._settings = settings
        self._interval = Interval(settings.round_seconds)
        self._pages: Queue[Page] = Queue(maxsize=1)
        self._failure: Exception | None = None
        self._stop = threading.Event()
        # With the caller's context, so that log messages of this thread contain the instance's name.
        self._thread = threading.Thread(target=copy_context().run, args=(self._run,), name="poller", daemon=True)
        self._thread.start()

    def take(self) -> Page | None:
        """Return the next page; None if none is ready. After the last page, raise the error that ended the polling, if any."""
        with suppress(Empty):
            return self._pages.get_nowait()
        if self._failure is not None:
            raise self._failure
        return None

    def close(self) -> None:
        """Stop polling, and wait a moment for the thread. The page of a request in progress is lost."""
        self._stop.set()
        self._thread.join(2 * LOOK_SECONDS)

    def _run(self) -> None:
        try:
            with closing(self._settings.open_rounds()) as pager:
                while not self._stop.is_set():
                    if self._interval.due:
                        self._interval.restart()
                        self._poll(pager)
                    self._stop.wait(LOOK_SECONDS)
        except Exception as error:  # noqa: BLE001 - raised again in the instance's thread
            self._failure = error

    def _poll(self, pager: Pager) -> None:
        while not self._stop.is_set():
            try:
                page = pager.next_page()
            except SourceUnavailableError as error:
                self.trouble = str(error)
                self._stop.wait(AGAIN_SECONDS)
                continue
            self.trouble = ""
            self._hand_over(page)
            if page.end is not None:
                return
            self._stop.wait(self._settings.page_seconds)

    def _hand_over(self, page: Page) -> None:
        while not self._stop.is_set():
            with suppress(Full):
                self._pages.put(page, timeout=LOOK_SECONDS)
                return


class _Pending(NamedTuple):
    """Number of messages to confirm, and changes to store, when a position is acknowledged."""

    taken: int
    changes: ReconcileChanges


class PolledSource(PushSource):
    """Messages and polled pages, both as facts. Listening and polling begin with the first `read`.

    Each fact is the body of a `Message`. A message or a page without facts gives one message with an empty body. Polled facts
    have no message id. Without `settings` the source is not polled.
    """

    def __init__(self, config: PushConfig, context: Context, settings: PollSettings | None) -> None:
        super().__init__(config, context)
        self.reconciler = Reconciler(context.directory)
        self._settings = settings
        self._poller: Poller | None = None
        self._ended: Page | None = None
        self._gone: list[Message] = []
        self._pending: deque[_Pending] = deque()
        self._positions = 0

    @abstractmethod
    def split(self, message: Message) -> Sequence[bytes]:
        """Return the facts of a message; none if it has none, its body if it cannot be parsed. Raises nothing."""

    @abstractmethod
    def map_fact(self, fact: Message) -> Outcome:
        """Return the outcome of the fact in the message's body, which is not empty, as `map` does."""

    def deletion_fact(self, key: str, state: str, page: Page) -> bytes:  # noqa: ARG002 - other sources need it
        """Return the fact that `key`, last in `state`, was missing in two successive polls; empty if there is nothing to publish.

        `page` is the last page of the second poll. This implementation returns an empty fact.
        """
        return b""

    @property
    def trouble(self) -> str:
        """Reason why polling fails; empty if it works, or if the source is not polled yet or at all."""
        return self._poller.trouble if self._poller else ""

    @property
    def reconcile_stats(self) -> ReconcileStats:
        """Comparison of received facts with polled ones, up to the acknowledged position."""
        return self.reconciler.stored_stats

    def read(self, wait_seconds: float) -> Sequence[Message]:
        """Return the deletions found by the last poll, the facts of received messages, and those of the next page if it is ready.

        Return none after `wait_seconds` without any. The first call starts listening and polling. Raises the errors of
        `PushSource.read`, and the error that ended the polling.
        """
        self.listen()  # first: if it fails, no page was taken
        if self._settings is not None and self._poller is None:
            self._poller = Poller(self._settings)
        page = self._poller.take() if self._poller else None
        facts, self._gone = self._gone, []
        messages = super().read(0.0 if page or facts else wait_seconds)
        facts += [fact for message in messages for fact in self._facts_of(message)]
        if page is not None:
            facts += [Message("", fact, page.read_at) for fact in page.facts or (b"",)]
            self._ended = page if page.end else self._ended
        return facts

    def map(self, raw: Message) -> Outcome:
        """Return the outcome of a fact; no events for an empty body."""
        return self.map_fact(raw) if raw.body else ()

    def position(self) -> int:
        """Return the number of this call, from 1, as the position.

        Ends the comparison with a completed poll, and remembers what `acknowledge` must save and confirm for this position.
        """
        if self._ended is not None and self._ended.end is not None:
            self._end_round(self._ended, self._ended.end)
            self._ended = None
        self._pending.append(_Pending(super().position(), self.reconciler.take_changes()))
        self._positions += 1
        return self._positions

    def acknowledge(self, position: int) -> None:
        """Save the observations of each position up to this one, then respond to its requests."""
        while self._positions - len(self._pending) < position:
            taken, changes = self._pending.popleft()
            self.reconciler.keep(changes)
            super().acknowledge(taken)

    def close(self) -> None:
        """Refuse waiting requests, and stop listening and polling."""
        super().close()
        if self._poller is not None:
            self._poller.close()
        self.reconciler.close()

    def _facts_of(self, message: Message) -> Sequence[Message]:
        try:
            facts = self.context.attempts.attempt(message.body, lambda: self.split(message), lambda: (message.body,))
        except Exception as error:  # noqa: BLE001 - one message must not block all others
            log.error("mapping_failed", error=safe_error_text(error))  # noqa: TRY400 - a traceback may contain values
            facts = (message.body,)
        return [message._replace(body=fact) for fact in facts or (b"",)]

    def _end_round(self, page: Page, asked: PollScope) -> None:
        found, gone = self.reconciler.end_round(time.time(), asked)
        for finding, count in found.items():
            log.info("reconciled", reason=finding.value, count=count)
        if missed := found.get(Finding.MISSING, 0) + found.get(Finding.CORRECTED, 0):
            log.warning("messages_missed", count=missed)
        for states in gone.values():
            facts = {key: self.deletion_fact(key, state, page) for key, state in states.items()}
            deletions = [Message("", fact, page.read_at) for fact in facts.values() if fact]
            if len(deletions) > MOST_GONE:
                log.warning("gone_not_believed", count=len(deletions))
            else:
                self._gone += deletions
            for key, fact in facts.items():
                if not fact or len(deletions) > MOST_GONE:
                    self.reconciler.stop_tracking(key)
