"""Interface of simulated source systems."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from queue import Queue
from typing import Any, ClassVar, Final

from connectors.sdk.webhook.sender import NotAcceptedError
from connectors.simulator.actions import Action, ActionKind, CitizenCase
from connectors.simulator.simulation_run import SimulationRun
from models.topics import Channel

POLL_SECONDS: Final = 8
"""Poll interval of connectors, in seconds. Not 5, because servers close idle connections after 5 seconds."""

CLOSE_SECONDS: Final = 0.5
RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0)
"""Delays before further attempts, in seconds; the last one repeats."""

Job = Callable[[], None]
"""Sends a message. Raises `NotAcceptedError` to be called again; another error ends its thread."""


class System(ABC):
    """One source system. Its files and servers exist from `open` to `close`. Use it from one thread."""

    instance: ClassVar[str]
    """Name of the connector instance that reads the system."""
    connector: ClassVar[str]
    channel: ClassVar[Channel]
    action_kinds: ClassVar[frozenset[ActionKind]]
    """Kinds of actions that the system may execute; see `accepts`."""

    def __init__(self, simulation_run: SimulationRun) -> None:
        self.simulation_run = simulation_run
        self.stack = ExitStack()
        """Resources that `close` closes."""

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Return the options of its connector, as TOML values; of several connectors, their common options."""

    def connectors(self) -> dict[str, dict[str, Any]]:
        """Return the settings of the connectors that read the system, by instance name."""
        return {self.instance: {"connector": self.connector, **self.options()}}

    @property
    def source(self) -> str:
        """`source` of its connector's events: `<connector>/<instance>`."""
        return f"{self.connector}/{self.instance}"

    @property
    def port(self) -> int:
        """Port of the system, or of the connector that receives its messages."""
        return self.simulation_run.port(self.instance)

    @property
    def url(self) -> str:
        """URL of the system, or of the connector that receives its messages."""
        return self.simulation_run.address(self.instance)

    @property
    def secret(self) -> str:
        """Secret shared with the connector, created on first use."""
        return self.simulation_run.secret(self.instance).read_text(encoding="ascii")

    def contact(self, citizen_case: CitizenCase) -> str:  # noqa: ARG002 - used by other systems
        """Return the contact id of a case; empty if only the connector knows it."""
        return ""

    def accepts(self, action: Action) -> bool:
        """Return whether this system executes an action; by default, every action of its `action_kinds`."""
        return action.kind in self.action_kinds

    def open(self) -> None:  # noqa: B027 - optional
        """Start the system."""

    @abstractmethod
    def run(self, action: Action) -> None:
        """Execute an action. Deferred work is complete when `drain` returns True."""

    def restore(self, action: Action) -> None:  # noqa: B027 - optional
        """Restore the effect of an action of an earlier run, without sending or writing anything again."""

    def drain(self) -> bool:
        """Continue deferred work; return whether none is left. This implementation is for systems that defer none."""
        return True

    def close(self) -> None:
        """Stop the system."""
        self.stack.close()


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


class PostingSystem(System):
    """System that posts signed messages to its connector until they are accepted, in `senders` threads."""

    senders: ClassVar[int] = 1

    def open(self) -> None:
        """Start the threads of the outbox."""
        self.outbox = Outbox(self.senders)
        self.stack.callback(self.outbox.close)

    def options(self) -> dict[str, Any]:
        """Return the options of the connector for the address and the signatures."""
        return {"port": self.port, "secret_file": str(self.simulation_run.secret(self.instance))}

    def drain(self) -> bool:
        """Return whether all messages were accepted. Raises the error of a message that failed for good."""
        return self.outbox.drain()
