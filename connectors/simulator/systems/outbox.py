"""What simulated systems send to connectors: each message until it is taken."""

import threading
from collections.abc import Callable
from queue import Queue
from typing import Final, Generic, Protocol, TypeVar

from connectors.sdk.webhook.sender import NotAcceptedError

CLOSE_SECONDS: Final = 0.5
AGAIN_SECONDS: Final = (0.2, 0.5, 1.0, 2.0)
"""After these, what was not taken is sent again."""


class Closable(Protocol):
    """What sends."""

    def close(self) -> None:
        """Let go of its connections."""


Tool = TypeVar("Tool", bound=Closable)


class Outbox(Generic[Tool]):
    """Sends by `threads` tools at once; what has the same key is sent in the order in which it was asked for."""

    def __init__(self, make: Callable[[], Tool], threads: int = 1) -> None:
        self.trouble = ""
        """Why something is not taken now, in words; empty if all is."""
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
        """Let a tool do something, again and again until it is taken."""
        self._queues[key % len(self._queues)].put(job)

    def drain(self) -> bool:
        """Return whether all was taken. Raises what a job has raised, other than `NotTakenError`."""
        if self._failure:
            raise self._failure
        return not any(jobs.unfinished_tasks for jobs in self._queues)

    def close(self) -> None:
        """Send no more; what was not taken is lost."""
        self._stop.set()
        for jobs in self._queues:
            jobs.put(None)
        for thread in self._threads:
            thread.join(CLOSE_SECONDS)  # who waits for an answer may wait long

    def _work(self, jobs: "Queue[Callable[[Tool], None] | None]") -> None:
        tool = self._make()
        try:
            while (job := jobs.get()) and not self._stop.is_set():
                self._insist(job, tool)
                jobs.task_done()
        except Exception as error:  # noqa: BLE001 - told by the next `settle`
            self._failure = error
        finally:
            tool.close()

    def _insist(self, job: Callable[[Tool], None], tool: Tool) -> None:
        attempt = 0
        while not self._stop.is_set():
            try:
                job(tool)
            except NotAcceptedError as error:
                self.trouble = str(error)
                self._stop.wait(AGAIN_SECONDS[min(attempt, len(AGAIN_SECONDS) - 1)])
                attempt += 1
            else:
                self.trouble = ""
                return
