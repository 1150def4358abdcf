"""Where citizens' rights are exercised: what an API needs of the installation behind it."""

from collections.abc import Callable
from datetime import tzinfo
from typing import NamedTuple

from streams.rights.erasing import Erasing
from streams.rights.finding import Finder
from streams.rights.holding import Holding
from streams.timeline.store import Timeline


class Desk(NamedTuple):
    """What is there."""

    erasing: Callable[[Timeline], Erasing]
    gather: Callable[[Timeline, Finder, str, str, str], Holding]
    """Of whom, in which sector, in which language: raises what `holding.gather` does."""
    zone: tzinfo
    """Whose clocks are shown to people."""
