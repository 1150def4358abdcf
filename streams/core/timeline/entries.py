"""Entries of `citizen.timeline.v1`: one per event, and per promise that was kept or broken, for the citizen's timeline."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from models.events import AppointmentBooked, AppointmentMoved, Event, FeedbackGiven, LetterArrived
from models.sla import SLA_SOURCE
from models.timestamps import milliseconds, to_datetime, to_iso
from models.topics import Channel
from streams.core.contacts.case_event import ContactState
from streams.core.contacts.contact import ERASED, Contact
from streams.core.figures.facts import is_plausible_admission
from streams.core.sla import events as sla
from streams.core.sla.clock_changes import ClockChange, ClockChangeKind


class Entry(msgspec.Struct, gc=False):
    """What happened, and how things stood after it."""

    id: str
    """The event's id: an entry that comes again is the same entry."""
    citizen: str
    """The strongest pseudonym known of the contact; empty if none is."""
    contact: str
    """The contact id."""
    channel: Channel
    site: str
    service: str
    type: str
    """The event type."""
    happened_at: datetime
    state: ContactState
    """Of a promise: when it was judged, which may be long after it was kept or broken."""
    outcome: str
    """What became of the contact, in one word; empty while that is open."""
    source: str
    sector: str = ""
    detail: str = ""
    """Of a promise: which it was, `<policy>:<clock>`; of an appointment that was booked or moved: when it is, UTC, as ISO 8601
    writes it; of a letter that was scanned later than it came: when it came, alike; of an opinion: `<scale>:<score>`."""
    identities: str = ""
    """All pseudonyms known of the contact, strongest first, separated by a space, if the event told one; else empty."""
    withdraws: str = ""
    """Id of the entry that was told in error, as is known now: that a promise was broken which was kept; or empty."""


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Entry).decode
_CONTROL: Final = re.compile(r"[\x00-\x1f]")


def decode(value: bytes) -> Entry:
    """Return the entry of a record's value.

    Raises `msgspec.DecodeError` for what is none, and `msgspec.ValidationError` if it is one with control characters: PostgreSQL
    stores no NUL, and a terminal obeys some.
    """
    entry = _decode(value)
    if b"\\" in value:  # JSON has them escaped only
        reject_control_characters(text for text in msgspec.structs.astuple(entry) if isinstance(text, str))
    return entry


def reject_control_characters(texts: Iterable[str]) -> None:
    """Raise `msgspec.ValidationError` if a control character is in one of these texts."""
    if any(map(_CONTROL.search, texts)):
        raise msgspec.ValidationError("a control character")


def is_recorded(kind: str, after: Contact) -> bool:
    """Return whether an event of this type has an entry: whose person was erased gets none any more but that."""
    return kind == ERASED or not after.is_erased


def _tell_start(event: AppointmentBooked | AppointmentMoved) -> str:
    return to_iso(milliseconds(event.data.starts_at), "seconds")


def _tell_admission(event: LetterArrived) -> str:
    admitted_at = event.data.admitted_at
    if admitted_at is None or admitted_at == event.time:
        return ""
    return (
        to_iso(milliseconds(admitted_at), "seconds")
        if is_plausible_admission(milliseconds(admitted_at), milliseconds(event.time))
        else ""
    )


def _tell_opinion(event: FeedbackGiven) -> str:
    return f"{event.data.scale.value}:{event.data.score}"


_DETAILS: Final[Mapping[str, Callable[[Any], str]]] = {
    "appointment.booked": _tell_start,
    "appointment.moved": _tell_start,
    "feedback.given": _tell_opinion,
    "letter.arrived": _tell_admission,
}


def record(event: Event, after: Contact) -> tuple[bytes, bytes]:
    """Return the record for `event`, which made the contact `after`: its Kafka key, and the entry as JSON.

    The key is the citizen, or the contact while no identity is known.
    """
    state, outcome = after.status()
    citizen = after.citizen
    tell = _DETAILS.get(event.type)
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
        tell(event) if tell else "",
        after.identities if event.identities else "",
    )
    return (citizen or event.subject).encode(), _encode(entry)


TIMELINE_KINDS: Final = frozenset({ClockChangeKind.MET, ClockChangeKind.BREACHED, ClockChangeKind.CANCELLED})
"""What of a clock concerns the citizen; all else is for those who act before that."""


def clock_record(news: ClockChange, row: Contact, contact: str) -> tuple[bytes, bytes]:
    """Return the record for what became of a promise to who has the contact `row`: its Kafka key, and the entry."""
    state, outcome = row.status()
    citizen, clock = row.citizen, news.clock
    entry = Entry(
        sla.name(contact, news),
        citizen,
        contact,
        row.channel,
        clock.dimensions.site,
        clock.dimensions.service,
        f"sla.{news.kind}",
        to_datetime(news.at),
        state,
        outcome,
        SLA_SOURCE,
        row.sector,
        f"{clock.terms.policy}:{clock.kind}",
        withdraws=_name_breach_in_error(news, contact),
    )
    return (citizen or contact).encode(), _encode(entry)


def _name_breach_in_error(news: ClockChange, contact: str) -> str:
    """Return the id of the entry for a deadline that did not pass after all, if one was written; else nothing."""
    clock = news.clock
    if news.kind is ClockChangeKind.BREACHED or clock.breach_reported_at is None or clock.is_breached:
        return ""
    return sla.name(contact, ClockChange(ClockChangeKind.BREACHED, clock.breach_reported_at, clock))
