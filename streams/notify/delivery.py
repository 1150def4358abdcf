"""A thread for each receiver, so that one that is away holds up nobody else."""

import random
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Final, Protocol

import structlog

from connectors.sdk.errors import ConnectorError
from streams.notify.store import Store

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
"""A receiver that is back is told at the latest after this long, if it did not ask for more."""
JITTER: Final = 0.1
LEAST_PAUSE_SECONDS: Final = 0.01
STOP_SECONDS: Final = 3.0
"""How long what is being told may take when all is to end; what was not confirmed then is told again."""

log = structlog.get_logger(__name__)


class GoneError(ConnectorError):
    """The receiver says that it is no more, and is told nothing until it is started anew; the text says so for people."""


class Delivery(Protocol):
    """Tells one receiver what the store has for it."""

    name: str
    sent: int
    """How much it was told since the start."""

    def deliver(self, store: Store, now: int) -> float:
        """Tell all that there is to tell `now` (milliseconds since 1970); return in how many seconds to look again.

        Raises `ConnectorError` if the receiver does not take it, and `GoneError`.
        """

    def close(self) -> None:
        """Close the connections."""


class DeliveryThread:
    """Has a speaker speak: at once when it is woken, and again after a pause when its receiver was away.

    `failed` is called, in its thread, if it cannot go on for a defect of ours.
    """

    def __init__(self, delivery: Delivery, open_store: Callable[[], Store], failed: Callable[[], None]) -> None:
        self.delivery = delivery
        self.failures = 0
        self.trouble = ""
        """What is wrong, for people; empty if nothing is."""
        self.disabled = False
        """Whether the receiver said that it is no more."""
        self._open_store = open_store
        self._failed = failed
        self._in_succession = 0
        self._asked_seconds = 0.0
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=delivery.name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Have it look what there is to tell."""
        self._woken.set()

    def stop(self) -> None:
        """Have it end."""
        self._stopping.set()
        self._woken.set()

    def join(self, seconds: float) -> None:
        """Wait until it ended; it is left alone if it takes longer."""
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            with closing(self._open_store()) as store, closing(self.delivery):
                while not self._stopping.is_set() and not self.disabled:
                    self._woken.clear()
                    if pause := self._try(store):
                        self._woken.wait(pause)
                    else:
                        self._stopping.wait(self._rest())  # news do not make it come back sooner
        except Exception:
            log.exception("telling_failed", receiver=self.delivery.name)
            self._failed()

    def _try(self, store: Store) -> float:
        """Return in how many seconds to look again; 0 if the receiver was away, or is no more."""
        try:
            pause = self.delivery.deliver(store, round(time.time() * 1000))
        except ConnectorError as error:
            self.failures += 1
            self._in_succession += 1
            self._asked_seconds = error.retry_after_seconds
            self.trouble, self.disabled = str(error), isinstance(error, GoneError)
            if self.disabled:
                log.warning("receiver_gone", receiver=self.delivery.name, reason=self.trouble)
            else:
                log.warning("receiver_away", receiver=self.delivery.name, reason=self.trouble)
            return 0.0
        if self.trouble:
            log.info("receiver_back", receiver=self.delivery.name)
        self._in_succession, self.trouble = 0, ""
        return max(pause, LEAST_PAUSE_SECONDS)

    def _rest(self) -> float:
        pause: float = min(FIRST_PAUSE_SECONDS * 2 ** min(self._in_succession - 1, 20), LONGEST_PAUSE_SECONDS)
        return max(pause * random.uniform(1 - JITTER, 1), self._asked_seconds)  # noqa: S311 - no secret
