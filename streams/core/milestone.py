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
from models.structs import fields
from streams.core.figures import Dimensions
from streams.core.rows import MAX_PLACES, Row, shared


class State(StrEnum):
    """Who has to act."""

    WAITING = "waiting"
    """The service: nobody took the matter up yet."""
    IN_PROGRESS = "in_progress"
    """The service: somebody is at it."""
    PENDING_CITIZEN = "pending_citizen"
    """The citizen."""
    CLOSED = "closed"
    """Nobody."""


STATE_AFTER: Final = {
    "call.arrived": State.WAITING,
    "letter.arrived": State.WAITING,
    "letter.registered": State.WAITING,
    "letter.assigned": State.IN_PROGRESS,
    "letter.answered": State.CLOSED,
    "letter.closed": State.CLOSED,
    "email.received": State.WAITING,
    "email.answered": State.CLOSED,
    "form.submitted": State.WAITING,
    "form.taken_up": State.IN_PROGRESS,
    "form.correction_requested": State.PENDING_CITIZEN,
    "form.corrected": State.IN_PROGRESS,
    "form.decided": State.CLOSED,
    "appointment.booked": State.PENDING_CITIZEN,
    "appointment.moved": State.PENDING_CITIZEN,
    "appointment.checked_in": State.WAITING,
    "appointment.attended": State.CLOSED,
    "appointment.missed": State.CLOSED,
    "appointment.cancelled": State.CLOSED,
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

_RANK: Final = {kind: rank for rank, kind in enumerate(STATE_AFTER)}


class Milestone(Row):
    """The evidence of one kind of event that concerns the contact as a whole."""

    type: str
    """The event type; of an opinion with its scale, since one contact may be judged on several: `feedback.given:csat_1_5`."""
    first_at: int
    last_at: int
    place: Dimensions
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


def add_milestone(milestones: tuple[Milestone, ...], event: Event, at: int) -> tuple[Milestone, ...]:
    """Return `milestones`, which stand by type, with what `event` tells. Raises `rows.TooManyPlaces`."""
    data = fields(event.data)
    told = {name: value for name, value in data.items() if value not in (None, "")}
    detail = sys.intern(_encode_json(told).decode()) if told else ""
    kind = event.type if (scale := data.get("scale")) is None else sys.intern(f"{event.type}:{scale}")
    queue = data.get("queue") or data.get("procedure") or ""
    new = Milestone(kind, at, at, shared(event.channel, event.site, event.service, queue, MAX_PLACES), detail)
    return _merge(milestones, new) if milestones else (new,)


def _merge(milestones: tuple[Milestone, ...], told: Milestone) -> tuple[Milestone, ...]:
    by_type = {milestone.type: milestone for milestone in milestones}
    if known := by_type.get(told.type):
        if told.type in TURNS:
            told.between = _between(known, told.first_at)
        first_at, of_first = min((known.first_at, known.detail), (told.first_at, told.detail))
        last_at, place, of_last = max(
            (known.last_at, known.place, known.detail), (told.last_at, told.place, told.detail)
        )
        detail = of_first if told.type in BY_THE_FIRST else of_last
        told.first_at, told.last_at, told.place, told.detail = first_at, last_at, place, detail
    by_type[told.type] = told
    return tuple(sorted(by_type.values(), key=attrgetter("type")))


def _between(known: Milestone, at: int) -> tuple[int, ...]:
    times = sorted({known.first_at, known.last_at, *known.between, at})
    return tuple(times[1:-1][:MAX_TURNS])


def spans_in(own: Iterable[Milestone], states: Container[State]) -> tuple[tuple[int, int | None], ...]:
    """Return from when to when the state was one of `states` (None: still is), in order, milliseconds since 1970."""
    turns = sorted(
        (at, _RANK[told.type], STATE_AFTER[told.type] in states)
        for told in own
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


def latest(milestones: Iterable[Milestone]) -> Milestone | None:
    """Return the milestone that decides the state, None if none does."""
    decisive = [milestone for milestone in milestones if milestone.type in _RANK]
    if len(decisive) > 1:
        return max(decisive, key=lambda told: (told.last_at, _RANK[told.type]))
    return decisive[0] if decisive else None


def standing(decisive: Milestone | None) -> tuple[State, str]:
    """Return who has to act after the milestone that decides, and in one word what became of it, empty while it is open."""
    if decisive is None:
        return State.CLOSED, ""
    state = STATE_AFTER[decisive.type]
    if state is not State.CLOSED:
        return state, ""
    data = decisive.data
    return state, data.outcome or data.decision or decisive.type.partition(".")[2]


_encode_json: Final = msgspec.json.Encoder().encode
_decoder: Final = msgspec.json.Decoder(Detail)
_NOTHING: Final = Detail()


@lru_cache(maxsize=4096)
def _decode(detail: str) -> Detail:
    return _decoder.decode(detail) if detail else _NOTHING
