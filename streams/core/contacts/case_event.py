"""Case events of a contact, folded by event type; decides the state and outcome of a case or appointment.

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
from streams.core.rows import MAX_DIMENSIONS, MAX_DIMENSIONS_PER_ROW, Row, TooManyDimensions, intern_dimensions


class ContactState(StrEnum):
    """State of a contact, by the party that has to act."""

    WAITING = "waiting"
    """The service has to act, and has not started."""
    IN_PROGRESS = "in_progress"
    """The service is acting."""
    PENDING_CITIZEN = "pending_citizen"
    """The citizen has to act."""
    CLOSED = "closed"
    """No further action is expected."""


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
"""Event type → state after it. Other types do not change the state. For simultaneous events, the later type in the table wins."""

REPEATABLE_TYPES: Final = frozenset(
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
"""Event types that may occur many times, and that begin or end a period without action by the service."""
MAX_REPEATS: Final = 64
"""Maximum number of times kept between the first and the last event of a repeatable type."""
FIRST_DETAIL_TYPES: Final = frozenset({"appointment.booked"})
"""Event types whose first event's data is kept: a later `appointment.booked` only undoes a cancellation."""

_RANK: Final = {kind: rank for rank, kind in enumerate(STATE_AFTER_EVENT)}


class CaseEvent(Row):
    """All events of one type that concern the contact as a whole, not one queue stay."""

    type: str
    """Event type. A suffix separates events of one type that are kept side by side: the scale of an opinion
    (`feedback.given:csat_1_5`), the option of a menu choice, or `rule` for a reason that a rule set."""
    first_at: int
    last_at: int
    dimensions: Dimensions
    """Dimensions of the last event of this type."""
    detail: str
    """JSON of the last event's `data`, or of the first event's (`FIRST_DETAIL_TYPES`), without empty fields. May be empty."""
    between: tuple[int, ...] = ()
    """Times between the first and the last event of a repeatable type, in order: the earliest `MAX_REPEATS`."""

    @property
    def data(self) -> "Detail":
        """Return `detail`, decoded; all fields have their defaults if it is empty."""
        return _decode(self.detail)


class Detail(msgspec.Struct, frozen=True, gc=False):
    """Fields of case events' `data` that the figures, SLA clocks and timelines use."""

    admitted_at: datetime | None = None
    starts_at: datetime | None = None
    by: str = ""
    outcome: str = ""
    decision: str = ""
    postage: str = ""
    cost_cents: int = 0
    scale: str = ""
    score: int = 0
    line: str = ""
    contact_reason: str = ""
    post_class: str = ""
    direction: str = ""
    items: int = 0


_DIMENSION_FIELDS: Final = ("line", "option", "contact_reason")
"""Fields of `data` that derived figures use as a dimension."""


def add_case_event(case_events: tuple[CaseEvent, ...], event: Event, at: int) -> tuple[CaseEvent, ...]:
    """Return `case_events`, sorted by type, with `event` added. Raises `rows.TooManyDimensions`."""
    data = field_values(event.data)
    present = {name: value for name, value in data.items() if value not in (None, "")}
    detail = sys.intern(_encode_json(present).decode()) if present else ""
    part = data.get("scale") or data.get("option") or ("rule" if data.get("by_rule") else "")
    kind = sys.intern(f"{event.type}:{part}") if part else event.type
    for name in _DIMENSION_FIELDS:
        if value := data.get(name):  # refuses a source that puts a value per contact there
            intern_dimensions(name, event.site, event.service, value, MAX_DIMENSIONS)
    queue = data.get("queue") or data.get("procedure") or ""
    new = CaseEvent(
        kind, at, at, intern_dimensions(event.channel, event.site, event.service, queue, MAX_DIMENSIONS), detail
    )
    return _merge(case_events, new) if case_events else (new,)


def _merge(case_events: tuple[CaseEvent, ...], new: CaseEvent) -> tuple[CaseEvent, ...]:
    by_type = {case_event.type: case_event for case_event in case_events}
    if known := by_type.get(new.type):
        if new.type in REPEATABLE_TYPES:
            new.between = _between(known, new.first_at)
        first_at, first_detail = min((known.first_at, known.detail), (new.first_at, new.detail))
        last_at, dimensions, last_detail = max(
            (known.last_at, known.dimensions, known.detail), (new.last_at, new.dimensions, new.detail)
        )
        detail = first_detail if new.type in FIRST_DETAIL_TYPES else last_detail
        new.first_at, new.last_at, new.dimensions, new.detail = first_at, last_at, dimensions, detail
    by_type[new.type] = new
    if len(by_type) > MAX_DIMENSIONS_PER_ROW:
        raise TooManyDimensions
    return tuple(sorted(by_type.values(), key=attrgetter("type")))


def _between(known: CaseEvent, at: int) -> tuple[int, ...]:
    times = sorted({known.first_at, known.last_at, *known.between, at})
    return tuple(times[1:-1][:MAX_REPEATS])


def intervals_in_states(
    own_events: Iterable[CaseEvent], states: Container[ContactState]
) -> tuple[tuple[int, int | None], ...]:
    """Return begin and end of the intervals in which the state was one of `states`, in order; end None if it lasts."""
    changes = sorted(
        (at, _RANK[case_event.type], STATE_AFTER_EVENT[case_event.type] in states)
        for case_event in own_events
        if case_event.type in _RANK
        for at in {case_event.first_at, *case_event.between, case_event.last_at}
    )
    spans: list[tuple[int, int | None]] = []
    since = None
    for at, _, inside in changes:
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
    """Return the last case event whose type sets the state (`STATE_AFTER_EVENT`); None without one."""
    decisive = [case_event for case_event in case_events if case_event.type in _RANK]
    if len(decisive) > 1:
        return max(decisive, key=lambda case_event: (case_event.last_at, _RANK[case_event.type]))
    return decisive[0] if decisive else None


def status(decisive: CaseEvent | None) -> tuple[ContactState, str]:
    """Return the state after `decisive` (`latest_state_event`), and the outcome in one word, empty while the contact is open.

    Without such an event, the state is closed and the outcome empty.
    """
    if decisive is None:
        return ContactState.CLOSED, ""
    state = STATE_AFTER_EVENT[decisive.type]
    if state is not ContactState.CLOSED:
        return state, ""
    data = decisive.data
    return state, data.outcome or data.decision or decisive.type.partition(".")[2]


_encode_json: Final = msgspec.json.Encoder().encode
_decoder: Final = msgspec.json.Decoder(Detail)
_EMPTY_DETAIL: Final = Detail()


@lru_cache(maxsize=4096)
def _decode(detail: str) -> Detail:
    return _decoder.decode(detail) if detail else _EMPTY_DETAIL
