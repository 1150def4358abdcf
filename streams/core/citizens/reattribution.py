"""Moves: a contact that tells a stronger identity becomes another citizen's.

Entries are keyed by the citizen, so the former owner's partition would keep what it was told, and the new one's would lack it.
A move is told to both: the former one withdraws the contact, the new one adopts it with all that is known of it. What the
timeline shows is not concerned: it keeps a contact's entries together by itself.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from models.ids import event_id
from models.timestamps import to_datetime
from streams.core.contacts.contact import UNASSIGNED_SECTOR, AssignedSector, Contact, event_times
from streams.core.contacts.event_order import ARRIVED, read
from streams.core.timeline.entries import Entry

SOURCE: Final = "accueil/moves"
ADOPTED: Final = "contact.adopted"
WITHDRAWN: Final = "contact.withdrawn"
REATTRIBUTION_TYPES: Final = frozenset({ADOPTED, WITHDRAWN})
"""Types of entries that are no part of a timeline."""

Told = tuple[str, int, str]
"""Type of an event, when it happened in milliseconds since 1970, and a service that it told."""


class Reattribution(Entry, gc=False):
    """An entry that tells of a contact on the whole: to `citizen`, or under the contact's own key while that is empty."""

    told: tuple[Told, ...] = ()
    """If it is adopted: what its entries under the former owner told, so far as it says how the contact went."""
    assigned_sector: AssignedSector = UNASSIGNED_SECTOR
    """By what it is of its sector now: as that only ever becomes less, it tells which of a contact's moves is the last one."""


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Reattribution).decode


def decode(value: bytes) -> Reattribution:
    """Return the move of a record's value. Raises `msgspec.DecodeError`."""
    return _decode(value)


def records(before: Contact, after: Contact, contact: str) -> tuple[tuple[bytes, bytes], ...]:
    """Return the records that tell of a contact whose citizen was another one before: Kafka key, and move as JSON.

    None if the former one was told nothing that says how the contact went: most calls are somebody's once they are queued.
    And none of an erasure: nobody is named to tell of it.
    """
    if not before.stays and _only_arrived(before):  # as nearly always
        return ()
    told = () if after.is_erased else (*_tell(before),)
    if not told:
        return ()
    return (
        _record(before.citizen, WITHDRAWN, after, contact, ()),
        _record(after.citizen, ADOPTED, after, contact, told),
    )


def _only_arrived(row: Contact) -> bool:
    for told in row.case_events:  # noqa: SIM110 - a generator costs more than the loop
        if told.type != ARRIVED:
            return False
    return True


def _record(citizen: str, kind: str, after: Contact, contact: str, told: tuple[Told, ...]) -> tuple[bytes, bytes]:
    dimensions = after.dimensions
    state, outcome = after.status()
    move = Reattribution(
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
        told=told,
        assigned_sector=after.assigned_sector,
    )
    return (citizen or contact).encode(), _encode(move)


def _tell(row: Contact) -> Iterator[Told]:
    """Yield what the row's evidence says: when each thing first happened, and of what happened last when and where."""
    is_known = row.service_order >= 0  # which service has it; else only where it arrived was told
    for kind, at, service in event_times(row):
        yield kind, at, "" if is_known else service
    for event_order, service in {(row.event_order, ""), (row.service_order, row.service)}:
        if event_order >= 0:
            at, kind = read(event_order)
            yield kind, at, service
