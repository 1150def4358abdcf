"""The base of a source that others push to, and that is asked too, for what no message told.

A subclass says how to `verify` and to `split` messages, what is to be asked (`Rounds`), and what a fact means (`map_fact`), for
which its `reconciler` knows whether that is news. Facts are bytes that stand for themselves, the same whether pushed or found,
so both ways give the same events with the same ids.
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
"""If more of one group is newly gone, that is not believed: the account may see less than before."""
LOOK_SECONDS: Final = 0.1
"""How often it is looked whether it is time to ask, or to end."""
AGAIN_SECONDS: Final = 0.5
"""How long after it could not be asked it is tried again, as by a lane: whom to leave alone for longer, `Rounds` know."""

log = structlog.get_logger(__name__)


class Page(NamedTuple):
    """A part of what there is."""

    facts: Sequence[bytes]
    read_at: datetime
    as_of: datetime
    """The same by the source's clock."""
    end: PollScope | None = None
    """What was asked to the end by now, if it ends a round."""


class Pager(ABC):
    """What is asked, round after round, in a thread of its own: a slow server holds up no message."""

    @abstractmethod
    def next_page(self) -> Page:
        """Ask for the next page; after the last one, for the first of a new round.

        Raises `SourceUnavailableError`: the same page is then asked for again.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of connections."""


class PollSettings(NamedTuple):
    """How a source is asked."""

    open_rounds: Callable[[], Pager]
    """Called in the thread that asks."""
    round_seconds: float
    """About how often a round begins; if one takes longer, the next begins as it ends."""
    page_seconds: float
    """How long to wait between two pages."""


class Poller:
    """Asks, from its making until `close`."""

    def __init__(self, asking: PollSettings) -> None:
        self.trouble = ""
        """Why it is not told what it asks; empty if it is."""
        self._asking = asking
        self._interval = Interval(asking.round_seconds)
        self._pages: Queue[Page] = Queue(maxsize=1)
        self._failure: Exception | None = None
        self._stop = threading.Event()
        # With the lane's context, so that what is logged in this thread names the instance too.
        self._thread = threading.Thread(target=copy_context().run, args=(self._run,), name="asker", daemon=True)
        self._thread.start()

    def take(self) -> Page | None:
        """Return the next page, if there is one. Raises what went wrong, other than that the server is away."""
        with suppress(Empty):
            return self._pages.get_nowait()
        if self._failure is not None:
            raise self._failure
        return None

    def close(self) -> None:
        """Ask no more; an answer that is waited for just now is not read."""
        self._stop.set()
        self._thread.join(2 * LOOK_SECONDS)

    def _run(self) -> None:
        try:
            with closing(self._asking.open_rounds()) as rounds:
                while not self._stop.is_set():
                    if self._interval.due:
                        self._interval.restart()
                        self._go_round(rounds)
                    self._stop.wait(LOOK_SECONDS)
        except Exception as error:  # noqa: BLE001 - it is raised again in the lane's thread
            self._failure = error

    def _go_round(self, rounds: Pager) -> None:
        while not self._stop.is_set():
            try:
                page = rounds.next_page()
            except SourceUnavailableError as error:
                self.trouble = str(error)
                self._stop.wait(AGAIN_SECONDS)
                continue
            self.trouble = ""
            self._hand_over(page)
            if page.end is not None:
                return
            self._stop.wait(self._asking.page_seconds)

    def _hand_over(self, page: Page) -> None:
        while not self._stop.is_set():
            with suppress(Full):
                self._pages.put(page, timeout=LOOK_SECONDS)
                return


class _Sealed(NamedTuple):
    """What is to be done once a position is acknowledged."""

    taken: int
    changes: ReconcileChanges


class PolledSource(PushSource):
    """Messages that are posted, and pages of what there is, both as facts. Like listening, asking begins with the first `read`.

    A fact is the body of a `Message` of its own; a message or a page without any is one with an empty body. What was found has no
    name.
    """

    def __init__(self, config: PushConfig, context: Context, asking: PollSettings | None) -> None:
        super().__init__(config, context)
        self.reconciler = Reconciler(context.directory)
        self._asking = asking
        self._asker: Poller | None = None
        self._ended: Page | None = None
        self._gone: list[Message] = []
        self._sealed: deque[_Sealed] = deque()
        self._positions = 0

    @abstractmethod
    def split(self, message: Message) -> Sequence[bytes]:
        """Return the facts that a message tells, and raise nothing; of one that cannot be read, itself."""

    @abstractmethod
    def map_fact(self, fact: Message) -> Outcome:
        """Return what a fact means, as `map` does; it is in the body."""

    def deletion_fact(self, key: str, state: str, page: Page) -> bytes:  # noqa: ARG002 - other sources need it
        """Return the fact that what `key` names is no longer there, in two rounds; it was told last to be in `state`.

        As it is here, that means nothing.
        """
        return b""

    @property
    def trouble(self) -> str:
        """Why it is not told what it asks."""
        return self._asker.trouble if self._asker else ""

    @property
    def reconcile_stats(self) -> ReconcileStats:
        """What was found by asking."""
        return self.reconciler.stored_stats

    def read(self, wait_seconds: float) -> Sequence[Message]:
        """Return the facts of what was posted, and of the next page."""
        self.listen()  # first: if that fails, nothing was taken
        if self._asking is not None and self._asker is None:
            self._asker = Poller(self._asking)
        page = self._asker.take() if self._asker else None
        facts, self._gone = self._gone, []
        messages = super().read(0.0 if page or facts else wait_seconds)
        facts += [fact for message in messages for fact in self._facts_of(message)]
        if page is not None:
            facts += [Message("", fact, page.read_at) for fact in page.facts or (b"",)]
            self._ended = page if page.end else self._ended
        return facts

    def map(self, raw: Message) -> Outcome:
        """Return what a fact means."""
        return self.map_fact(raw) if raw.body else ()

    def position(self) -> int:
        """Return the number of this position."""
        if self._ended is not None and self._ended.end is not None:
            self._end_round(self._ended, self._ended.end)
            self._ended = None
        self._sealed.append(_Sealed(super().position(), self.reconciler.take_changes()))
        self._positions += 1
        return self._positions

    def acknowledge(self, position: int) -> None:
        """Keep what was learned, then answer."""
        while self._positions - len(self._sealed) < position:
            taken, changes = self._sealed.popleft()
            self.reconciler.keep(changes)
            super().acknowledge(taken)

    def close(self) -> None:
        """Refuse those who wait, listen no more, and ask no more."""
        super().close()
        if self._asker is not None:
            self._asker.close()
        self.reconciler.close()

    def _facts_of(self, message: Message) -> Sequence[Message]:
        try:
            facts = self.context.attempts.attempt(message.body, lambda: self.split(message), lambda: (message.body,))
        except Exception as error:  # noqa: BLE001 - one message must not hold up all others
            log.error("mapping_failed", error=safe_error_text(error))  # noqa: TRY400 - a traceback's text may hold values
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
            told = [Message("", fact, page.read_at) for fact in facts.values() if fact]
            if len(told) > MOST_GONE:
                log.warning("gone_not_believed", count=len(told))
            else:
                self._gone += told
            for key, fact in facts.items():
                if not fact or len(told) > MOST_GONE:
                    self.reconciler.stop_tracking(key)
