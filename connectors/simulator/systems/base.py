"""Interface of simulated source systems."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, Final

from connectors.simulator.actions import Action, ActionKind, CitizenCase
from connectors.simulator.simulation_run import SimulationRun
from models.topics import Channel

CurrentTime = Callable[[], datetime]
POLL_SECONDS: Final = 8
"""Poll interval of connectors, in seconds. Not 5, because servers close idle connections after 5 seconds."""


class System(ABC):
    """One source system. Its files and servers exist from `open` to `close`. Use it from one thread."""

    instance: ClassVar[str]
    """Name of the connector instance that reads it."""
    connector: ClassVar[str]
    channel: ClassVar[Channel]
    action_kinds: ClassVar[frozenset[ActionKind]]
    """Kinds of actions executed in it."""

    def __init__(self, simulation_run: SimulationRun) -> None:
        self.simulation_run = simulation_run

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Return the options of its connector, as TOML values."""

    @property
    def source(self) -> str:
        """Source of its connector's events."""
        return f"{self.connector}/{self.instance}"

    def contact(self, citizen_case: CitizenCase) -> str:  # noqa: ARG002 - used by other systems
        """Return the contact id of a case; empty if only the connector knows it."""
        return ""

    def accepts(self, action: Action) -> bool:
        """Return whether this system executes an action; by default, every action of its `action_kinds`."""
        return action.kind in self.action_kinds

    def open(self, now: CurrentTime) -> None:  # noqa: B027 - optional
        """Start the system. `now` returns the simulated time."""

    @abstractmethod
    def run(self, action: Action) -> None:
        """Execute an action. Deferred work is complete when `drain` returns True."""

    def restore(self, action: Action) -> None:  # noqa: B027 - optional
        """Restore the effect of an action of an earlier run, without sending or writing anything again."""

    def drain(self) -> bool:
        """Continue deferred work; return whether none is left."""
        return True

    def close(self) -> None:  # noqa: B027 - optional
        """Stop the system."""
