"""What a contact's clocks have to measure: when each began, paused and stopped. A pure function of the contact's row.

All times are milliseconds since 1970 UTC.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from models.policies import ClockKind
from streams.core.contacts.case_event import CaseEvent, ContactState, intervals_in_states
from streams.core.contacts.contact import Contact
from streams.core.contacts.queue_stay import stay_result
from streams.core.figures.facts import received_at, responded_at
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import CASE_SCHEMA, FIGURE_SCHEMAS
from streams.core.sla.clock import ClockEnd, Pauses


class ClockInterval(NamedTuple):
    """One clock, as the evidence has it."""

    kind: ClockKind
    number: int
    """Of the stay in a queue; 0 for what concerns the contact as a whole."""
    dimensions: Dimensions
    started_at: int
    pauses: Pauses
    """While the citizen has to act, or it is closed before it is opened again; none is after the end."""
    closures: Pauses
    """The latter alone: no policy lets its clock run then."""
    end: ClockEnd
    ended_at: int | None


def clock_intervals(row: Contact) -> Iterator[ClockInterval]:
    """Yield every clock that a policy may set for a contact."""
    if row.stays:
        for visit in row.stays:
            story = stay_result(visit)
            if story.outcome == "waiting":
                end, ended_at = ClockEnd.NONE, None
            else:
                end, ended_at = ClockEnd.MET if story.outcome == "answered" else ClockEnd.CANCELLED, story.outcome_at
            yield ClockInterval(
                ClockKind.ANSWER, visit.number, visit.dimensions, story.queued_at, (), (), end, ended_at
            )
    elif row.case_events and FIGURE_SCHEMAS[row.channel] is CASE_SCHEMA:
        own_events = row.own_events
        begun_at = received_at(own_events)
        if begun_at is not None:
            dimensions, idle, closed = (
                row.dimensions,
                intervals_in_states(own_events, _IDLE),
                intervals_in_states(own_events, _CLOSED),
            )
            for kind, ended_at in _ends(own_events, closed):
                end = ClockEnd.NONE if ended_at is None else ClockEnd.MET
                pauses, closures = _until(idle, begun_at, ended_at), _until(closed, begun_at, ended_at)
                yield ClockInterval(kind, 0, dimensions, begun_at, pauses, closures, end, ended_at)


_ACKNOWLEDGEMENTS: Final = frozenset({"letter.acknowledged", "email.acknowledged", "form.taken_up"})


_IDLE: Final = frozenset({ContactState.PENDING_CITIZEN, ContactState.CLOSED})
_CLOSED: Final = frozenset({ContactState.CLOSED})


def _ends(own_events: tuple[CaseEvent, ...], closed: Pauses) -> Iterator[tuple[ClockKind, int | None]]:
    """Yield when each promise about a matter was kept, None: not yet.

    What answers also acknowledges, and what closes also answers. Of several things that close the first one counts, unless it
    was opened again.
    """
    closed_at = closed[-1][0] if closed and closed[-1][1] is None else None
    answered_at = _first(responded_at(own_events, in_substance=True), closed_at)
    told_at = _first(responded_at(own_events), closed_at)
    taken_at = min((told.first_at for told in own_events if told.type in _ACKNOWLEDGEMENTS), default=None)
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
