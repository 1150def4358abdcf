"""Outbox of simulated systems: sends each message until the connector accepts it."""

import threading
from collections.abc import Callable
from queue import Queue
from typing import Final, Generic, Protocol, TypeVar

from connectors.sdk.webhook.sender import NotAcceptedError

CLOSE_SECONDS: Final = 0.5
RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0)
"""Delays before further attempts, in seconds; the last one repeats."""


class Closable(Protocol):
    """A sender with connections."""

    def close(self) -> None:
        """Close the connections."""


Tool = TypeVar("Tool", bound=Closable)


class Outbox(Generic[Tool]):
    """Sends with `threads` senders in parallel. Messages with the same key are sent in order."""

    def __init__(self, make: Callable[[], Tool], threads: int = 1) -> None:
        self.trouble = ""
        """Why the current message is not accepted; empty if it is."""
        self._make = make
        self._queues: list[Queue[Callable[[Tool], None] | None]] = [Queue() for _ in range(threads)]
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._threads = [
            threading.Thread(target=self._work, args=(jobs,), name="outbox", daemon=True) for jobs in self._queues
        ]
        for thread in self._threads:
            thread.start()

    def put(self, job: Callable[[Tool], None], key: int = 0) -> None:
        """Run `job` with a sender, repeatedly until accepted."""
        self._queues[key % len(self._queues)].put(job)

    def drain(self) -> bool:
        """Return whether all messages were accepted. Re-raise an exception of a job, except `NotAcceptedError`."""
        if self._failure:
            raise self._failure
        return not any(jobs.unfinished_tasks for jobs in self._queues)

    def close(self) -> None:
        """Stop sending; pending messages are lost."""
        self._stop.set()
        for jobs in self._queues:
            jobs.put(None)
        for thread in self._threads:
            thread.join(CLOSE_SECONDS)  # a sender may wait long for a response

    def _work(self, jobs: "Queue[Callable[[Tool], None] | None]") -> None:
        tool = self._make()
        try:
            while (job := jobs.get()) and not self._stop.is_set():
                self._send(job, tool)
                jobs.task_done()
        except Exception as error:  # noqa: BLE001 - raised by the next `drain`
            self._failure = error
        finally:
            tool.close()

    def _send(self, job: Callable[[Tool], None], tool: Tool) -> None:
        attempt = 0
        while not self._stop.is_set():
            try:
                job(tool)
            except NotAcceptedError as error:
                self.trouble = str(error)
                self._stop.wait(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
                attempt += 1
            else:
                self.trouble = ""
                return
