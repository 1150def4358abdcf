"""Connection to the broker, opened in another thread and retried after increasing pauses."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Final, Protocol

import structlog

from connectors.sdk.record import Record


class BrokerRefusedError(Exception):
    """Kafka refuses the login or an operation; the text names the missing permission and says what to do."""


RETRY_SECONDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Pauses after the first, second, … failure; the last one repeats."""

log = structlog.get_logger(__name__)


class Producer(Protocol):
    """Interface of a producer: kafka-python's, or a fake one in tests."""

    def send_all(self, records: Sequence[Record]) -> Sequence[Any]:
        """Send records, in order per partition. Return futures, often fewer, that are all done once all records are acknowledged.

        Each future has `is_done`, `failed()`, `exception` and `get(seconds)`.
        """

    def abandon(self) -> None:
        """Stop immediately and drop unsent records."""


class BrokerConnection:
    """Connection to the broker; `producer` is None while there is none.

    `open_producer` may raise `failures` and `BrokerRefusedError`; it is called in a separate thread.
    """

    def __init__(self, open_producer: Callable[[], Producer], failures: tuple[type[Exception], ...]) -> None:
        self.producer: Producer | None = None
        self.refusal = ""
        """Reason why Kafka refused the last attempt to connect; empty if it did not."""
        self._open = open_producer
        self._expected = failures
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kafka-connect")
        self._opening: Future[Producer] | None = None
        self._failures = 0
        self._try_at = 0.0

    def connect(self, wait_seconds: float) -> None:
        """Start to connect, unless already begun, and wait up to `wait_seconds` for the result. In a pause, only wait.

        On success set `producer`. After a failure begin a pause, and set `refusal` if Kafka refused.
        """
        if self._opening is None:
            pause = self._try_at - time.monotonic()
            if pause > 0:
                time.sleep(min(pause, wait_seconds))
                return
            self._opening = self._thread.submit(self._open)
        if not wait([self._opening], wait_seconds).done:
            return
        opened, self._opening = self._opening, None
        try:
            self.producer = opened.result()
        except BrokerRefusedError as error:
            self._pause()
            self.refusal = str(error)
        except self._expected as error:
            self._pause()
            self.refusal = ""
            log.warning("broker_unreachable", error=type(error).__name__, attempts=self._failures)
        else:
            self.refusal = ""
            log.info("broker_connected")

    def works(self) -> None:
        """Note an acknowledgement: the next failure is followed by the shortest pause."""
        self._failures = 0

    def abandon(self) -> None:
        """Close the connection, if any, without waiting for acknowledgements, and begin a pause."""
        if self.producer is not None:
            self.producer.abandon()
            self.producer = None
            self._pause()

    def close(self) -> None:
        """Close the connection, if any. If one is being opened, first wait until this succeeds or fails."""
        self._thread.shutdown(wait=True)
        if self._opening is not None and self._opening.exception() is None:
            self.producer = self._opening.result()
        self.abandon()

    def _pause(self) -> None:
        self._try_at = time.monotonic() + RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)]
        self._failures += 1
