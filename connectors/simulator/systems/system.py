"""What the simulator needs of a source system."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, Final

from connectors.simulator.deeds import Deed, Matter, What
from connectors.simulator.stage import Stage
from models.topics import Channel

Now = Callable[[], datetime]
POLL_SECONDS: Final = 8
"""How often connectors ask those systems that tell nothing by themselves; not 5, when servers end connections that are idle."""


class System(ABC):
    """One source system on a stage. It stands (files, servers) from `open` to `close`; all is called from one thread."""

    instance: ClassVar[str]
    """Name of the connector's instance that reads it."""
    connector: ClassVar[str]
    channel: ClassVar[Channel]
    whats: ClassVar[frozenset[What]]
    """The deeds that are done in it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Return the options of the connector that reads it, as TOML takes them."""

    @property
    def source(self) -> str:
        """The source of the events that its connector makes."""
        return f"{self.connector}/{self.instance}"

    def contact(self, matter: Matter) -> str:  # noqa: ARG002 - other systems need it
        """Return the id of the contact that a matter of its channel is; empty if only the connector knows."""
        return ""

    def takes(self, deed: Deed) -> bool:
        """Whether a deed is done in it."""
        return deed.what in self.whats

    def open(self, now: Now) -> None:  # noqa: B027 - most have something to do
        """Let it stand; `now` is the simulation's clock."""

    @abstractmethod
    def play(self, deed: Deed) -> None:
        """Do a deed. What has to wait for somebody else is done by the time that `settle` returns True."""

    def recall(self, deed: Deed) -> None:  # noqa: B027 - the same
        """Know of a deed that was done when it stood the last time."""

    def settle(self) -> bool:
        """Go on with what has to wait; return whether nothing waits any more."""
        return True

    def close(self) -> None:  # noqa: B027 - the same
        """Take it down."""
