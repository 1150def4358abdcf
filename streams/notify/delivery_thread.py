"""Delivery threads, one per receiver, so that an unavailable receiver delays no other."""

import random
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Final, Protocol

import structlog

from connectors.sdk.errors import ConnectorError, StorageError
from streams.notify.store import Store

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
"""Longest pause after a failed delivery, in seconds, unless the receiver asks for more."""
JITTER: Final = 0.1
LEAST_PAUSE_SECONDS: Final = 0.01
STOP_SECONDS: Final = 3.0
"""Longest wait for all running deliveries together at the end of the process, in seconds. Unconfirmed ones are repeated later."""

log = structlog.get_logger(__name__)


class GoneError(ConnectorError):
    """The receiver no longer exists. Nothing is sent to it until the next start."""


class Delivery(Protocol):
    """Delivery of the store's content to one receiver."""

    name: str
    sent: int
    """Number of messages accepted since the start; for an Alertmanager, of alerts, with each repetition."""

    def deliver(self, store: Store, now: int) -> float:
        """Deliver all that is due at `now` (milliseconds since 1970); return the seconds until the next call.

        Raises `ConnectorError`, and `GoneError` if the receiver no longer exists.
        """

    def close(self) -> None:
        """Close the connections."""


class DeliveryThread:
    """Thread that runs a delivery: when woken, after the seconds that the last run returned, and after a pause for an error.

    It ends after `stop`, or when its receiver no longer exists. `failed` is called in this thread if another error ends it: a
    bug, or a store that cannot be opened.
    """

    def __init__(self, delivery: Delivery, open_store: Callable[[], Store], failed: Callable[[], None]) -> None:
        self.delivery = delivery
        self.failures = 0
        self.trouble = ""
        """Error of the last delivery, for people; empty if it succeeded."""
        self.disabled = False
        """Whether the receiver no longer exists, which ends the thread."""
        self._open_store = open_store
        self._failed = failed
        self._in_succession = 0
        self._asked_seconds = 0.0
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=delivery.name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Make the thread deliver now, or after its pause if the last delivery failed."""
        self._woken.set()

    def stop(self) -> None:
        """Ask the thread to end."""
        self._stopping.set()
        self._woken.set()

    def join(self, seconds: float) -> None:
        """Wait at most `seconds` for the end of the thread."""
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            with closing(self._open_store()) as store, closing(self.delivery):
                while not self._stopping.is_set() and not self.disabled:
                    self._woken.clear()
                    if pause := self._try(store):
                        self._woken.wait(pause)
                    else:
                        self._stopping.wait(self._pause())  # new incidents do not shorten the pause
        except Exception:
            log.exception("telling_failed", receiver=self.delivery.name)
            self._failed()

    def _try(self, store: Store) -> float:
        """Deliver once; return the seconds until the next call, 0 after an error."""
        try:
            pause = self.delivery.deliver(store, round(time.time() * 1000))
        except ConnectorError as error:
            self._in_succession += 1
            self._asked_seconds = error.retry_after_seconds
            self.trouble, self.disabled = str(error), isinstance(error, GoneError)
            self.failures += not isinstance(error, StorageError)
            if self.disabled:
                log.warning("receiver_gone", receiver=self.delivery.name, reason=self.trouble)
            elif isinstance(error, StorageError):
                log.warning("store_unusable", receiver=self.delivery.name, reason=self.trouble)
            else:
                log.warning("receiver_away", receiver=self.delivery.name, reason=self.trouble)
            return 0.0
        if self.trouble:
            log.warning("receiver_back", receiver=self.delivery.name)  # a warning, like the one before
        self._in_succession, self.trouble = 0, ""
        return max(pause, LEAST_PAUSE_SECONDS)

    def _pause(self) -> float:
        pause: float = min(FIRST_PAUSE_SECONDS * 2 ** min(self._in_succession - 1, 20), LONGEST_PAUSE_SECONDS)
        return max(pause * random.uniform(1 - JITTER, 1), self._asked_seconds)  # noqa: S311 - no secret
