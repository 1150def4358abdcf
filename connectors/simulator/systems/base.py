"""What the simulator needs of a source system."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, Final

from connectors.simulator.actions import Action, ActionKind, CitizenCase
from connectors.simulator.simulation_run import SimulationRun
from models.topics import Channel

CurrentTime = Callable[[], datetime]
POLL_SECONDS: Final = 8
"""How often connectors ask those systems that tell nothing by themselves; not 5, when servers end connections that are idle."""


class System(ABC):
    """One source system on a stage. It stands (files, servers) from `open` to `close`; all is called from one thread."""

    instance: ClassVar[str]
    """Name of the connector's instance that reads it."""
    connector: ClassVar[str]
    channel: ClassVar[Channel]
    action_kinds: ClassVar[frozenset[ActionKind]]
    """The deeds that are done in it."""

    def __init__(self, simulation_run: SimulationRun) -> None:
        self.simulation_run = simulation_run

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Return the options of the connector that reads it, as TOML takes them."""

    @property
    def source(self) -> str:
        """The source of the events that its connector makes."""
        return f"{self.connector}/{self.instance}"

    def contact(self, citizen_case: CitizenCase) -> str:  # noqa: ARG002 - other systems need it
        """Return the id of the contact that a matter of its channel is; empty if only the connector knows."""
        return ""

    def accepts(self, action: Action) -> bool:
        """Whether a deed is done in it."""
        return action.kind in self.action_kinds

    def open(self, now: CurrentTime) -> None:  # noqa: B027 - most have something to do
        """Let it stand; `now` is the simulation's clock."""

    @abstractmethod
    def run(self, action: Action) -> None:
        """Do a deed. What has to wait for somebody else is done by the time that `settle` returns True."""

    def restore(self, action: Action) -> None:  # noqa: B027 - the same
        """Know of a deed that was done when it stood the last time."""

    def drain(self) -> bool:
        """Go on with what has to wait; return whether nothing waits any more."""
        return True

    def close(self) -> None:  # noqa: B027 - the same
        """Take it down."""
