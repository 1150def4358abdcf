"""Usual order of a contact's events, to find impossible times and missing events."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from models.events import AppointmentBooked, AppointmentMoved, CallAbandoned, CallAnswered, Event

_CHAINS: Final = (
    ("call.arrived", "call.menu_chosen", "call.queued", "call.answered", "call.ended"),
    ("call.arrived", "call.voicemail_left", "call.voicemail_heard"),
    ("call.arrived", "call.callback_requested", "call.called_back"),
    ("call.queued", "call.abandoned"),
    ("call.queued", "call.left_queue"),
    ("call.answered", "call.transferred"),
    ("letter.arrived", "letter.acknowledged"),
    ("letter.arrived", "letter.answered"),
    ("letter.arrived", "letter.closed"),
    ("email.received", "email.acknowledged"),
    ("email.received", "email.answered"),
    ("form.submitted", "form.taken_up"),
    ("form.submitted", "form.correction_requested", "form.corrected"),
    ("form.submitted", "form.decided"),
    ("appointment.booked", "appointment.moved"),
    ("appointment.booked", "appointment.cancelled"),
    ("appointment.booked", "appointment.checked_in", "appointment.attended"),
    ("appointment.booked", "appointment.missed"),
    ("visit.arrived", "visit.called", "visit.served"),
    ("visit.arrived", "visit.left"),
    ("feedback.invited", "feedback.given"),
)
"""Event types whose first events happen in this order."""
SINGLE_EVENT_TYPES: Final = frozenset(
    {"letter.arrived", "form.submitted", "appointment.booked", "visit.arrived", "call.arrived", "call.queued"}
)
"""Event types that a contact has once, or once per queue stay."""
BEGINNINGS: Final = SINGLE_EVENT_TYPES | {"email.received"}
"""Event types with which a contact begins."""
_CASE_BEGINNINGS: Final = {
    "letter": "letter.arrived",
    "email": "email.received",
    "form": "form.submitted",
    "appointment": "appointment.booked",
}
"""Event type without which a contact counts in no figure, by the first part of its event types."""
_OWN_BEGINNINGS: Final = frozenset({"letter.sent", "post.counted"})
"""Event types that count without a beginning."""


def find_disorder(events: Iterable[Event]) -> Iterator[tuple[str, str]]:
    """Yield the impossible orders of one contact's events, as pairs `(later, earlier)` of event types.

    `later` cannot happen before `earlier`, but its first time is before that of `earlier`. For an appointment whose time is
    before its booking or move, `later` is `starts_at`. Each stay in a queue has an order of its own.
    """
    firsts: dict[int, dict[str, datetime]] = {}
    for event in events:
        first = firsts.setdefault(stay_of(event), {})
        second = event.time.replace(microsecond=0)  # a source may have milliseconds in some of its times only
        first[event.type] = min(second, first.get(event.type, second))
        if isinstance(event, AppointmentBooked | AppointmentMoved) and event.data.starts_at < event.time:
            yield "starts_at", event.type
    common = firsts.pop(0, {})
    for first in firsts.values() or [{}]:
        known = common | first
        for chain in _CHAINS:
            present = [kind for kind in chain if kind in known]
            yield from ((later, earlier) for earlier, later in pairwise(present) if known[later] < known[earlier])


def stay_of(event: Event) -> int:
    """Return the number of the queue stay that an event is about; 0 for an event of the whole contact."""
    number: int = getattr(event.data, "visit", 0)
    return number


def find_without_wait(events: Sequence[Event]) -> set[str]:
    """Return the types of a call's or visit's events that end a wait of unknown length: without the event that begins it."""
    kinds: set[str] = {event.type for event in events}
    found = set[str]() if "visit.arrived" in kinds else kinds & {"visit.called", "visit.served", "visit.left"}
    if "call.queued" in kinds:
        return found
    return found | {
        event.type
        for event in events
        if isinstance(event, CallAnswered | CallAbandoned) and event.data.wait_seconds is None
    }


def find_uncounted(events: Sequence[Event]) -> set[tuple[str, str]]:
    """Return the types of a contact's events if it lacks the beginning without which it counts in no figure.

    Each type comes with that of the beginning.
    """
    kinds = {event.type for event in events} - _OWN_BEGINNINGS
    pairs = {(kind, _CASE_BEGINNINGS.get(kind.partition(".")[0], "")) for kind in kinds}
    return {(kind, beginning) for kind, beginning in pairs if beginning and beginning not in kinds}
