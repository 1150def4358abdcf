"""Entries of `citizen.timeline.v1`: one per event of a contact, and one per result of an SLA clock."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from models.events import AppointmentBooked, AppointmentMoved, Event, LetterArrived
from models.sla import SLA_SOURCE
from models.timestamps import milliseconds, to_datetime, to_iso
from models.topics import Channel
from streams.core.contacts.case_event import ContactState
from streams.core.contacts.contact import REMOVALS, Contact
from streams.core.figures.facts import is_plausible_admission
from streams.core.sla import events as sla
from streams.core.sla.clock_changes import ClockChange, ClockChangeKind


class Entry(msgspec.Struct, gc=False):
    """A timeline entry: an event, and the state of the contact after it."""

    id: str
    """The event's id, which identifies duplicates."""
    citizen: str
    """The contact's strongest pseudonym; empty without one."""
    contact: str
    """The contact id."""
    channel: Channel
    site: str
    service: str
    type: str
    """The event type."""
    happened_at: datetime
    state: ContactState
    """State after the event. For an SLA entry, the state at the time of writing, which may be long after `happened_at`."""
    outcome: str
    """Outcome of the contact in one word, as `Contact.status` returns it; empty without one."""
    source: str
    sector: str = ""
    detail: str = ""
    """Detail by type: `<policy>:<clock>` of an SLA entry; `<scale>:<score>` of an opinion; in ISO 8601 (UTC), the start of a
    booked or moved appointment, and the receipt of a letter that was scanned later; the reason for contact. Else empty."""
    identities: str = ""
    """All pseudonyms of the contact, strongest first, separated by a space, if the event has identities; else empty."""
    withdraws: str = ""
    """Id of an earlier entry that proved wrong: a breach of a target that was met or cancelled in time. Else empty."""


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Entry).decode
_CONTROL: Final = re.compile(r"[\x00-\x1f]")


def decode(value: bytes) -> Entry:
    """Return the entry in a record's value.

    Raises `msgspec.DecodeError` for invalid JSON, and `msgspec.ValidationError` for other values than entries and for control
    characters: PostgreSQL cannot store NUL, and terminals interpret others.
    """
    entry = _decode(value)
    if b"\\" in value:  # valid JSON contains control characters only in escaped form
        reject_control_characters(text for text in msgspec.structs.astuple(entry) if isinstance(text, str))
    return entry


def reject_control_characters(texts: Iterable[str]) -> None:
    """Raise `msgspec.ValidationError` if one of these texts has a control character."""
    if any(map(_CONTROL.search, texts)):
        raise msgspec.ValidationError("a text contains a control character")


def is_recorded(kind: str, after: Contact) -> bool:
    """Return whether an event of type `kind` gets an entry, where `after` is the contact's row after it.

    Once the contact is erased or retracted, only that event gets one. Counted post concerns no citizen, and gets none.
    """
    return kind in REMOVALS or not (after.is_removed or kind == "post.counted")


def _appointment_detail(event: AppointmentBooked | AppointmentMoved) -> str:
    return to_iso(milliseconds(event.data.starts_at), "seconds")


def _admission_detail(event: LetterArrived) -> str:
    admitted_at = event.data.admitted_at
    if admitted_at is None or admitted_at == event.time:
        return ""
    return (
        to_iso(milliseconds(admitted_at), "seconds")
        if is_plausible_admission(milliseconds(admitted_at), milliseconds(event.time))
        else ""
    )


_DETAILS: Final[Mapping[str, Callable[[Any], str]]] = {
    "appointment.booked": _appointment_detail,
    "appointment.moved": _appointment_detail,
    "feedback.given": lambda event: f"{event.data.scale.value}:{event.data.score}",
    "letter.arrived": _admission_detail,
    "contact.reason_set": lambda event: event.data.contact_reason,
}


def record(event: Event, after: Contact) -> tuple[bytes, bytes]:
    """Return the Kafka key and the JSON of the entry for `event`, where `after` is the contact's row after it.

    The key is the citizen, or the contact id without an identity.
    """
    state, outcome = after.status()
    citizen = after.citizen
    make_detail = _DETAILS.get(event.type)
    entry = Entry(
        event.id,
        citizen,
        event.subject,
        event.channel,
        event.site,
        event.service,
        event.type,
        event.time,
        state,
        outcome,
        event.source,
        after.sector,
        make_detail(event) if make_detail else "",
        after.identities if event.identities else "",
    )
    return (citizen or event.subject).encode(), _encode(entry)


TIMELINE_KINDS: Final = frozenset({ClockChangeKind.MET, ClockChangeKind.BREACHED, ClockChangeKind.CANCELLED})
"""Clock changes with a timeline entry: the results. Other changes are only for alerts and notifications."""


def clock_record(change: ClockChange, row: Contact, contact: str) -> tuple[bytes, bytes]:
    """Return the Kafka key, as in `record`, and the JSON of the entry for the result of an SLA clock of the contact `row`."""
    state, outcome = row.status()
    citizen, clock = row.citizen, change.clock
    entry = Entry(
        sla.name(contact, change),
        citizen,
        contact,
        row.channel,
        clock.dimensions.site,
        clock.dimensions.service,
        f"sla.{change.kind}",
        to_datetime(change.at),
        state,
        outcome,
        SLA_SOURCE,
        row.sector,
        f"{clock.terms.policy}:{clock.kind}",
        withdraws=_withdrawn_breach(change, contact),
    )
    return (citizen or contact).encode(), _encode(entry)


def _withdrawn_breach(change: ClockChange, contact: str) -> str:
    """Return the entry id of the clock's reported breach if it did not occur after all; else the empty string."""
    clock = change.clock
    if change.kind is ClockChangeKind.BREACHED or clock.breach_reported_at is None or clock.is_breached:
        return ""
    return sla.name(contact, ClockChange(ClockChangeKind.BREACHED, clock.breach_reported_at, clock))
