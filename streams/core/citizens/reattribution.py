"""Reattribution of a contact to another citizen, when an event changes its strongest identity.

Timeline entries are keyed by the citizen, so the figures of both citizens must change, in different partitions. One record
withdraws the contact from the former citizen; another adds it to the new citizen, with its past events. The timeline itself
does not need these records, as it groups entries by contact.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from models.ids import event_id
from models.timestamps import to_datetime
from streams.core.contacts.contact import UNASSIGNED_SECTOR, AssignedSector, Contact, event_times
from streams.core.contacts.event_order import ARRIVED, decode_event_order
from streams.core.timeline.entries import Entry

SOURCE: Final = "accueil/moves"
ADOPTED: Final = "contact.adopted"
WITHDRAWN: Final = "contact.withdrawn"
REATTRIBUTION_TYPES: Final = frozenset({ADOPTED, WITHDRAWN})
"""Types of the records for reattributions, which are not stored or shown in a timeline."""

PastEvent = tuple[str, int, str]
"""Event type, time in milliseconds since 1970, and service of the event, empty if it is unknown."""


class Reattribution(Entry, gc=False):
    """Entry for the withdrawal or adoption of a contact. `citizen` is the former one for a withdrawal, else the new one.

    The record's key is `citizen`, or the contact id if that is empty.
    """

    events: tuple[PastEvent, ...] = msgspec.field(default=(), name="told")
    """For an adoption: known events under the former citizen, which have an event order (`_past_events`). Else empty."""
    assigned_sector: AssignedSector = msgspec.field(default=UNASSIGNED_SECTOR, name="settled")
    """The contact's `Contact.assigned_sector`. It only decreases, so the least one marks the contact's last reattribution."""


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Reattribution).decode


def decode(value: bytes) -> Reattribution:
    """Return the reattribution in a record's value: the withdrawal of a contact from a citizen, or its adoption by another.

    Call it only for an entry whose type is in `REATTRIBUTION_TYPES`: it decodes other timeline entries too, without an error.
    Raises `msgspec.DecodeError` for a value that is no timeline entry.
    """
    return _decode(value)


def records(before: Contact, after: Contact, contact: str) -> tuple[tuple[bytes, bytes], ...]:
    """Return the withdrawal and the adoption of a contact whose citizen changed, each as Kafka key and JSON.

    Returns no record if the contact had no event with an event order. This is usual: most calls get their identity when they are
    queued. An erasure gives no record either, as the contact then has no citizen. A retraction gives only the withdrawal.
    """
    if after.is_retracted:
        return (_record(before.citizen, WITHDRAWN, after, contact, ()),)
    if not before.stays and _only_arrived(before):  # nearly always
        return ()
    events = () if after.is_erased else (*_past_events(before),)
    if not events:
        return ()
    return (
        _record(before.citizen, WITHDRAWN, after, contact, ()),
        _record(after.citizen, ADOPTED, after, contact, events),
    )


def _only_arrived(row: Contact) -> bool:
    for event in row.case_events:  # noqa: SIM110 - a generator costs more than the loop
        if event.type != ARRIVED:
            return False
    return True


def _record(
    citizen: str, kind: str, after: Contact, contact: str, events: tuple[PastEvent, ...]
) -> tuple[bytes, bytes]:
    dimensions = after.dimensions
    state, outcome = after.status()
    reattribution = Reattribution(
        event_id(SOURCE, f"{contact}|{kind}|{citizen}"),
        citizen,
        contact,
        after.channel,
        dimensions.site,
        dimensions.service,
        kind,
        to_datetime(after.last_at),
        state,
        outcome,
        SOURCE,
        after.sector,
        events=events,
        assigned_sector=after.assigned_sector,
    )
    return (citizen or contact).encode(), _encode(reattribution)


def _past_events(row: Contact) -> Iterator[PastEvent]:
    """Yield the row's known events that have an event order, the latest event, and the latest event that names a service."""
    is_known = row.service_order >= 0  # else only the service of the arrival is known
    for kind, at, service in event_times(row):
        yield kind, at, "" if is_known else service
    for event_order, service in {(row.event_order, ""), (row.service_order, row.service)}:
        if event_order >= 0:
            at, kind = decode_event_order(event_order)
            yield kind, at, service
