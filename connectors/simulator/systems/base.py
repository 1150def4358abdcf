"""Interface of simulated source systems."""

from abc import ABC, abstractmethod
from contextlib import ExitStack
from typing import Any, ClassVar, Final

from connectors.simulator.actions import Action, ActionKind, CitizenCase
from connectors.simulator.simulation_run import SimulationRun
from connectors.simulator.systems.outbox import Outbox
from models.topics import Channel

POLL_SECONDS: Final = 8
"""Poll interval of connectors, in seconds. Not 5, because servers close idle connections after 5 seconds."""


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
        """Return the options of its connector, as TOML values."""

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
