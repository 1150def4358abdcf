"""What happened to a contact as a whole, by kind of event; and how things stand after it.

All times are milliseconds since 1970 UTC.
"""

import sys
from collections.abc import Container, Iterable
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from operator import attrgetter
from typing import Final

import msgspec

from models.events import Event
from models.structs import field_values
from streams.core.figures.figure import Dimensions
from streams.core.rows import MAX_DIMENSIONS, Row, intern_dimensions


class ContactState(StrEnum):
    """Who has to act."""

    WAITING = "waiting"
    """The service: nobody took the matter up yet."""
    IN_PROGRESS = "in_progress"
    """The service: somebody is at it."""
    PENDING_CITIZEN = "pending_citizen"
    """The citizen."""
    CLOSED = "closed"
    """Nobody."""


STATE_AFTER_EVENT: Final = {
    "call.arrived": ContactState.WAITING,
    "letter.arrived": ContactState.WAITING,
    "letter.registered": ContactState.WAITING,
    "letter.assigned": ContactState.IN_PROGRESS,
    "letter.answered": ContactState.CLOSED,
    "letter.closed": ContactState.CLOSED,
    "email.received": ContactState.WAITING,
    "email.answered": ContactState.CLOSED,
    "form.submitted": ContactState.WAITING,
    "form.taken_up": ContactState.IN_PROGRESS,
    "form.correction_requested": ContactState.PENDING_CITIZEN,
    "form.corrected": ContactState.IN_PROGRESS,
    "form.decided": ContactState.CLOSED,
    "appointment.booked": ContactState.PENDING_CITIZEN,
    "appointment.moved": ContactState.PENDING_CITIZEN,
    "appointment.checked_in": ContactState.WAITING,
    "appointment.attended": ContactState.CLOSED,
    "appointment.missed": ContactState.CLOSED,
    "appointment.cancelled": ContactState.CLOSED,
}
"""Event type → state after it; what is not here changes no state. Of events at the same time the later in the table wins."""

TURNS: Final = frozenset(
    {
        "letter.assigned",
        "letter.answered",
        "letter.closed",
        "email.received",
        "email.answered",
        "form.taken_up",
        "form.correction_requested",
        "form.corrected",
        "form.decided",
    }
)
"""What may happen many times, and starts or ends a time in which the service need not act."""
MAX_TURNS: Final = 64
BY_THE_FIRST: Final = frozenset({"appointment.booked"})
"""Event types that come again when something is taken back: who booked, and for when, was told by the first."""

_RANK: Final = {kind: rank for rank, kind in enumerate(STATE_AFTER_EVENT)}


class CaseEvent(Row):
    """The evidence of one kind of event that concerns the contact as a whole."""

    type: str
    """The event type; of an opinion with its scale, since one contact may be judged on several: `feedback.given:csat_1_5`."""
    first_at: int
    last_at: int
    dimensions: Dimensions
    """Where, as the last of them told it."""
    detail: str
    """`data` of the last of them, or of the first if that is what matters (`BY_THE_FIRST`), as JSON without what is empty; empty
    if it had none."""
    between: tuple[int, ...] = ()
    """When else it happened, in order, if it is a turn: the earliest `MAX_TURNS`."""

    @property
    def data(self) -> "Detail":
        """`detail`, decoded."""
        return _decode(self.detail)


class Detail(msgspec.Struct, frozen=True, gc=False):
    """What is read of the `data` of milestones."""

    admitted_at: datetime | None = None
    starts_at: datetime | None = None
    by: str = ""
    outcome: str = ""
    decision: str = ""
    postage: str = ""
    cost_cents: int = 0
    scale: str = ""
    score: int = 0


def add_case_event(case_events: tuple[CaseEvent, ...], event: Event, at: int) -> tuple[CaseEvent, ...]:
    """Return `milestones`, which stand by type, with what `event` tells. Raises `rows.TooManyPlaces`."""
    data = field_values(event.data)
    told = {name: value for name, value in data.items() if value not in (None, "")}
    detail = sys.intern(_encode_json(told).decode()) if told else ""
    kind = event.type if (scale := data.get("scale")) is None else sys.intern(f"{event.type}:{scale}")
    queue = data.get("queue") or data.get("procedure") or ""
    new = CaseEvent(
        kind, at, at, intern_dimensions(event.channel, event.site, event.service, queue, MAX_DIMENSIONS), detail
    )
    return _merge(case_events, new) if case_events else (new,)


def _merge(case_events: tuple[CaseEvent, ...], told: CaseEvent) -> tuple[CaseEvent, ...]:
    by_type = {milestone.type: milestone for milestone in case_events}
    if known := by_type.get(told.type):
        if told.type in TURNS:
            told.between = _between(known, told.first_at)
        first_at, of_first = min((known.first_at, known.detail), (told.first_at, told.detail))
        last_at, dimensions, of_last = max(
            (known.last_at, known.dimensions, known.detail), (told.last_at, told.dimensions, told.detail)
        )
        detail = of_first if told.type in BY_THE_FIRST else of_last
        told.first_at, told.last_at, told.dimensions, told.detail = first_at, last_at, dimensions, detail
    by_type[told.type] = told
    return tuple(sorted(by_type.values(), key=attrgetter("type")))


def _between(known: CaseEvent, at: int) -> tuple[int, ...]:
    times = sorted({known.first_at, known.last_at, *known.between, at})
    return tuple(times[1:-1][:MAX_TURNS])


def intervals_in_states(
    own_events: Iterable[CaseEvent], states: Container[ContactState]
) -> tuple[tuple[int, int | None], ...]:
    """Return from when to when the state was one of `states` (None: still is), in order, milliseconds since 1970."""
    turns = sorted(
        (at, _RANK[told.type], STATE_AFTER_EVENT[told.type] in states)
        for told in own_events
        if told.type in _RANK
        for at in {told.first_at, *told.between, told.last_at}
    )
    spans: list[tuple[int, int | None]] = []
    since = None
    for at, _, inside in turns:
        if inside and since is None:
            since = at
        elif not inside and since is not None:
            if since < at:
                spans.append((since, at))
            since = None
    if since is not None:
        spans.append((since, None))
    return tuple(spans)


def latest_state_event(case_events: Iterable[CaseEvent]) -> CaseEvent | None:
    """Return the milestone that decides the state, None if none does."""
    decisive = [milestone for milestone in case_events if milestone.type in _RANK]
    if len(decisive) > 1:
        return max(decisive, key=lambda told: (told.last_at, _RANK[told.type]))
    return decisive[0] if decisive else None


def status(decisive: CaseEvent | None) -> tuple[ContactState, str]:
    """Return who has to act after the milestone that decides, and in one word what became of it, empty while it is open."""
    if decisive is None:
        return ContactState.CLOSED, ""
    state = STATE_AFTER_EVENT[decisive.type]
    if state is not ContactState.CLOSED:
        return state, ""
    data = decisive.data
    return state, data.outcome or data.decision or decisive.type.partition(".")[2]


_encode_json: Final = msgspec.json.Encoder().encode
_decoder: Final = msgspec.json.Decoder(Detail)
_NOTHING: Final = Detail()


@lru_cache(maxsize=4096)
def _decode(detail: str) -> Detail:
    return _decoder.decode(detail) if detail else _NOTHING
