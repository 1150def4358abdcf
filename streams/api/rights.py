"""What export and erasure share: whom it is about, and what stands in their way."""

from collections.abc import Callable
from typing import TypeVar

from streams.api.asking import Asker, Forbidden, Slip
from streams.api.problems import Problem
from streams.rights import finding
from streams.rights.erasing import Erasing
from streams.timeline.store import Timeline

T = TypeVar("T")


def act_for(
    asker: Asker, subject: str, slip: Slip, timeline: Timeline, act: Callable[[Erasing, str], T]
) -> T | Problem | None:
    """Return what `act` does, given the erasures and the sector of `subject`, once that is admitted.

    None if nothing is known, and a `Problem` that is still to be raised: so it is recorded too that it was tried. A token of some
    services alone is refused: it would see, or erase, a part. Raises `Forbidden`.
    """
    try:
        erasing = asker.api.desk.erasing(timeline)
        sector = erasing.finder.find_sector(subject)
        admit(asker, slip, sector)
        return act(erasing, sector)
    except finding.Unknown:
        return None
    except finding.Shared:
        return Problem("shared")
    except finding.TooMany:
        return Problem("too-many")
    except finding.SeveralSectors:
        return Problem("sectors")
    except finding.KafkaAway:
        return Problem("kafka")


def admit(asker: Asker, slip: Slip, sector: str) -> None:
    """Go on only if who asks may do this in the whole of a sector. Raises `Forbidden`."""
    slip.admit(sector)
    if asker.token.services:
        raise Forbidden


def hold_or_raise(found: T | Problem) -> T:
    """Return what was found. Raises the `Problem` that `act_for` returned in its place."""
    if isinstance(found, Problem):
        raise found
    return found
