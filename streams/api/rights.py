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
    sector: Sector = Field(
        "", description="In which one; empty: the only one of the token's in which the subject is known."
    )


def act_for(
    asker: Asker, whose: Whose, slip: Slip, timeline: Timeline, act: Callable[[Erasing, str], T]
) -> T | Problem | None:
    """Return what `act` does, given the erasures and the sector that is meant, once that is admitted.

    None if nothing is known, and a `Problem` that is still to be raised: so it is recorded too that it was tried. Raises
    `Forbidden`.
    """
    refuse_parts(asker)
    try:
        erasing = asker.api.desk.erasing(timeline)
        if whose.sector:
            slip.admit_typed(whose.sector)
        sector = whose.sector or _find_sector(erasing, asker, slip, whose.subject)
        slip.admit(sector)
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


def refuse_parts(asker: Asker) -> None:
    """Go on only if the token is of all services: it would see, or erase, a part. Raises `Forbidden`.

    Before anything is looked for: what is refused must not tell whether there is anything.
    """
    if asker.token.services:
        raise Forbidden("services")


def _find_sector(erasing: Erasing, asker: Asker, slip: Slip, subject: str) -> str:
    """Return the sector of a subject; of several the token's, without a word of the others. Raises what `find_sector` does."""
    try:
        return erasing.finder.find_sector(subject)
    except finding.SeveralSectors as known:
        own = [str(sector) for sector in known.args if sector in asker.token.sectors]
        if not own:
            slip.admit_all(known.args)
        if len(own) == 1:
            return own[0]
        raise
