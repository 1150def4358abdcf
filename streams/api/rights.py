"""What export and erasure share: whom it is about, and what stands in their way."""

from collections.abc import Callable
from typing import TypeVar

from pydantic import Field

from streams.api.answers import Body, Name, Sector
from streams.api.asking import Asker, Forbidden, Slip
from streams.api.problems import Problem
from streams.rights import finding
from streams.rights.erasing import Erasing
from streams.timeline.store import Timeline

T = TypeVar("T")


class Whose(Body):
    """Whose right it is."""

    subject: Name
    sector: Sector = Field("", description="In which one; empty: the only one in which the subject is known.")


def act_for(
    asker: Asker, whose: Whose, slip: Slip, timeline: Timeline, act: Callable[[Erasing, str], T]
) -> T | Problem | None:
    """Return what `act` does, given the erasures and the sector that is meant, once that is admitted.

    None if nothing is known, and a `Problem` that is still to be raised: so it is recorded too that it was tried. A token of some
    services alone is refused: it would see, or erase, a part. Raises `Forbidden`.
    """
    try:
        erasing = asker.api.desk.erasing(timeline)
        if whose.sector:
            slip.admit_typed(whose.sector)
        sector = whose.sector or erasing.finder.find_sector(whose.subject)
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
        raise Forbidden("services")
