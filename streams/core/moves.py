"""Moves: a contact that tells a stronger identity becomes another citizen's.

Entries are keyed by the citizen, so the former owner's partition would keep what it was told, and the new one's would lack it.
A move is told to both: the former one withdraws the contact, the new one adopts it with all that is known of it. What the
timeline shows is not concerned: it keeps a contact's entries together by itself.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from models.ids import event_id
from models.topics import Channel
from streams.core.contact import Contact
from streams.core.timeline import Entry

SOURCE: Final = "accueil/moves"
ADOPTED: Final = "contact.adopted"
WITHDRAWN: Final = "contact.withdrawn"
ARRIVED: Final = "call.arrived"
"""Says nothing of how a contact went."""
KINDS: Final = frozenset({ADOPTED, WITHDRAWN})
"""Types of entries that are no part of a timeline."""

Told = tuple[str, int, str]
"""Type of an event, when it happened in milliseconds since 1970, and the service that it told."""


class Move(Entry, gc=False):
    """An entry that tells of a contact on the whole: to `citizen`, or under the contact's own key while that is empty."""

    told: tuple[Told, ...] = ()
    """If it is adopted: what its entries under the former owner told, so far as it says how the contact went."""


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Move).decode


def decode(value: bytes) -> Move:
    """Return the move of a record's value. Raises `msgspec.DecodeError`."""
    return _decode(value)


def records(before: Contact, after: Contact, contact: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield the records that tell of a contact whose citizen was another one before: Kafka key, and move as JSON.

    None if the former one was told nothing that says how the contact went: most calls are somebody's once they are queued.
    And none of an erasure: nobody is named to tell of it.
    """
    told = () if after.is_erased else (*_of_visits(before), *_of_milestones(before))
    if told:
        yield _record(before.citizen, WITHDRAWN, after, contact, ())
        yield _record(after.citizen, ADOPTED, after, contact, told)


def _record(citizen: str, kind: str, after: Contact, contact: str, told: tuple[Told, ...]) -> tuple[bytes, bytes]:
    place = after.place
    state, outcome = after.standing()
    move = Move(
        event_id(SOURCE, f"{contact}|{kind}|{citizen}"),
        citizen,
        contact,
        after.channel,
        place.site,
        place.service,
        kind,
        datetime.fromtimestamp(after.last_at / 1000, UTC),
        state,
        outcome,
        SOURCE,
        after.sector,
        told=told,
    )
    return (citizen or contact).encode(), _encode(move)


_OF_CALLS: Final = {
    "queued_at": "call.queued",
    "answered_at": "call.answered",
    "abandoned_at": "call.abandoned",
    "left_at": "call.left_queue",
    "transferred_at": "call.transferred",
    "ended_at": "call.ended",
}
_OF_VISITORS: Final = {
    "queued_at": "visit.arrived",
    "answered_at": "visit.called",
    "abandoned_at": "visit.left",
    "ended_at": "visit.served",
}


def _of_visits(row: Contact) -> Iterator[Told]:
    for visit in row.visits:
        for field, kind in (_OF_VISITORS if visit.place.channel == Channel.VISIT else _OF_CALLS).items():
            at = getattr(visit, field)
            if at is not None:
                yield kind, at, visit.place.service


def _of_milestones(row: Contact) -> Iterator[Told]:
    if all(told.type == ARRIVED for told in row.milestones):  # as nearly always
        return
    for told in row.own:
        if told.type == ARRIVED:
            continue
        for at in {told.first_at, told.last_at}:
            yield told.type, at, told.place.service
