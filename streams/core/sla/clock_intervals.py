"""Clock intervals: decides which events of a contact start, pause and end each SLA clock.

All times are milliseconds since 1970 UTC.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from models.policies import ClockKind
from streams.core.contacts.case_event import CaseEvent, ContactState, intervals_in_states
from streams.core.contacts.contact import Contact
from streams.core.contacts.stay_outcome import stay_result
from streams.core.figures.facts import received_at, responded_at
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import CASE_SCHEMA, FIGURE_SCHEMAS
from streams.core.sla.clock import ClockEnd, Pauses


class ClockInterval(NamedTuple):
    """Start, pauses and end of one SLA clock."""

    kind: ClockKind
    number: int
    """Number of the queue stay; 0 for a clock of the whole contact."""
    dimensions: Dimensions
    started_at: int
    pauses: Pauses
    """Intervals before the end while the service waits for the citizen, or while the case is closed and later reopened."""
    closures: Pauses
    """Intervals while the case is closed and later reopened. They pause the clocks of every policy."""
    end: ClockEnd
    ended_at: int | None


def clock_intervals(row: Contact) -> Iterator[ClockInterval]:
    """Yield the interval of each clock that a policy may define for a contact: one per queue stay, or one per kind for a case.

    Appointments, and cases without a known receipt, such as outgoing letters, have none.
    """
    if row.stays:
        for stay in row.stays:
            result = stay_result(stay)
            if result.outcome == "waiting":
                end, ended_at = ClockEnd.NONE, None
            else:
                end, ended_at = ClockEnd.MET if result.outcome == "answered" else ClockEnd.CANCELLED, result.outcome_at
            yield ClockInterval(ClockKind.ANSWER, stay.number, stay.dimensions, result.queued_at, (), (), end, ended_at)
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


def has_ended(row: Contact | None, kind: ClockKind, number: int) -> bool:
    """Return whether the interval of a clock has ended in `row`; False without a row."""
    intervals = () if row is None else clock_intervals(row)
    ended = (interval for interval in intervals if interval.ended_at is not None)
    return any((interval.kind, interval.number) == (kind, number) for interval in ended)


_ACKNOWLEDGEMENTS: Final = frozenset({"letter.acknowledged", "email.acknowledged", "form.taken_up"})
_IDLE: Final = frozenset({ContactState.PENDING_CITIZEN, ContactState.CLOSED})
_CLOSED: Final = frozenset({ContactState.CLOSED})


def _ends(own_events: tuple[CaseEvent, ...], closed: Pauses) -> Iterator[tuple[ClockKind, int | None]]:
    """Yield kind and end of each clock of a case; None for an open clock.

    A response is also an acknowledgement, and a closure is also a response and an answer. The first closure after the last
    reopening counts.
    """
    closed_at = closed[-1][0] if closed and closed[-1][1] is None else None
    answered_at = _first(responded_at(own_events, in_substance=True), closed_at)
    response_at = _first(responded_at(own_events), closed_at)
    acknowledged_at = min((event.first_at for event in own_events if event.type in _ACKNOWLEDGEMENTS), default=None)
    yield ClockKind.ACKNOWLEDGE, _first(acknowledged_at, response_at)
    yield ClockKind.FIRST_RESPONSE, response_at
    yield ClockKind.ANNOUNCED, answered_at
    yield ClockKind.RESOLUTION, closed_at


def _first(*times: int | None) -> int | None:
    return min((time for time in times if time is not None), default=None)


def _until(pauses: Pauses, started_at: int, ended_at: int | None) -> Pauses:
    """Return the pauses cut to the time from start to end."""
    if not pauses:
        return pauses
    found = []
    for begin, end in pauses:
        begin = max(begin, started_at)
        if ended_at is not None:
            end = ended_at if end is None else min(end, ended_at)
        if end is None or begin < end:
            found.append((begin, end))
    return tuple(found)
