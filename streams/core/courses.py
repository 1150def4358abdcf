"""What a contact's clocks have to measure: when each began, paused and stopped. A pure function of the contact's row.

All times are milliseconds since 1970 UTC.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from models.policies import ClockKind
from streams.core.clock import End, Pauses
from streams.core.contact import Contact
from streams.core.facts import received_at, responded_at
from streams.core.figures import Dimensions
from streams.core.layouts import LAYOUTS, MATTERS
from streams.core.milestone import Milestone, State, spans_in
from streams.core.visit import tell


class Course(NamedTuple):
    """One clock, as the evidence has it."""

    kind: ClockKind
    number: int
    """Of the stay in a queue; 0 for what concerns the contact as a whole."""
    place: Dimensions
    started_at: int
    pauses: Pauses
    """While the citizen has to act, or it is closed before it is opened again; none is after the end."""
    closures: Pauses
    """The latter alone: no policy lets its clock run then."""
    end: End
    ended_at: int | None


def courses(row: Contact) -> Iterator[Course]:
    """Yield every clock that a policy may set for a contact."""
    if row.visits:
        for visit in row.visits:
            story = tell(visit)
            if story.outcome == "waiting":
                end, ended_at = End.NONE, None
            else:
                end, ended_at = End.KEPT if story.outcome == "answered" else End.VOID, story.outcome_at
            yield Course(ClockKind.ANSWER, visit.number, visit.place, story.queued_at, (), (), end, ended_at)
    elif row.milestones and LAYOUTS[row.channel] is MATTERS:
        own = row.own
        begun_at = received_at(own)
        if begun_at is not None:
            place, idle, closed = row.place, spans_in(own, _IDLE), spans_in(own, _CLOSED)
            for kind, ended_at in _ends(own, closed):
                end = End.NONE if ended_at is None else End.KEPT
                pauses, closures = _until(idle, begun_at, ended_at), _until(closed, begun_at, ended_at)
                yield Course(kind, 0, place, begun_at, pauses, closures, end, ended_at)


_ACKNOWLEDGEMENTS: Final = frozenset({"letter.acknowledged", "email.acknowledged", "form.taken_up"})


_IDLE: Final = frozenset({State.PENDING_CITIZEN, State.CLOSED})
_CLOSED: Final = frozenset({State.CLOSED})


def _ends(own: tuple[Milestone, ...], closed: Pauses) -> Iterator[tuple[ClockKind, int | None]]:
    """Yield when each promise about a matter was kept, None: not yet.

    What answers also acknowledges, and what closes also answers. Of several things that close the first one counts, unless it
    was opened again.
    """
    closed_at = closed[-1][0] if closed and closed[-1][1] is None else None
    answered_at = _first(responded_at(own, in_substance=True), closed_at)
    told_at = _first(responded_at(own), closed_at)
    taken_at = min((told.first_at for told in own if told.type in _ACKNOWLEDGEMENTS), default=None)
    yield ClockKind.ACKNOWLEDGE, _first(taken_at, told_at)
    yield ClockKind.FIRST_RESPONSE, told_at
    yield ClockKind.ANNOUNCED, answered_at
    yield ClockKind.RESOLUTION, closed_at


def _first(*times: int | None) -> int | None:
    return min((time for time in times if time is not None), default=None)


def _until(pauses: Pauses, started_at: int, ended_at: int | None) -> Pauses:
    """Return what of the pauses is after the start and before the end; one that lasts until the end ends with it."""
    if not pauses:
        return pauses
    kept = []
    for begin, end in pauses:
        begin = max(begin, started_at)
        if ended_at is not None:
            end = ended_at if end is None else min(end, ended_at)
        if end is None or begin < end:
            kept.append((begin, end))
    return tuple(kept)
