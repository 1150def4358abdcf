"""Outbox of simulated systems: sends each message until the connector accepts it."""

import threading
from collections.abc import Callable
from queue import Queue
from typing import Final

from connectors.sdk.webhook.sender import NotAcceptedError

CLOSE_SECONDS: Final = 0.5
RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0)
"""Delays before further attempts, in seconds; the last one repeats."""

Job = Callable[[], None]
"""Sends a message. Raises `NotAcceptedError` to be called again; another error ends its thread."""


class Outbox:
    """Sends messages in `threads` threads. Messages with the same key are sent in order."""

    def __init__(self, threads: int) -> None:
        self._queues: list[Queue[Job | None]] = [Queue() for _ in range(threads)]
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._threads = [
            threading.Thread(target=self._work, args=(jobs,), name="outbox", daemon=True) for jobs in self._queues
        ]
        for thread in self._threads:
            thread.start()

    def put(self, job: Job, key: int = 0) -> None:
        """Queue `job`, which a thread calls until its message is accepted, after the earlier jobs with this `key`."""
        self._queues[key % len(self._queues)].put(job)

    def drain(self) -> bool:
        """Return whether all messages were accepted. After a job's error other than `NotAcceptedError`, raise it in each call."""
        if self._failure:
            raise self._failure
        return not any(jobs.unfinished_tasks for jobs in self._queues)

    def close(self) -> None:
        """Stop sending, and wait up to `CLOSE_SECONDS` for each thread; pending messages are lost."""
        self._stop.set()
        for jobs in self._queues:
            jobs.put(None)
        for thread in self._threads:
            thread.join(CLOSE_SECONDS)  # a sender may wait long for a response

    def _work(self, jobs: "Queue[Job | None]") -> None:
        try:
            while (job := jobs.get()) and not self._stop.is_set():
                self._send(job)
                jobs.task_done()
        except Exception as error:  # noqa: BLE001 - raised by the next `drain`
            self._failure = error

    def _send(self, job: Job) -> None:
        attempt = 0
        while not self._stop.is_set():
            try:
                job()
            except NotAcceptedError:
                self._stop.wait(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
                attempt += 1
            else:
                return
