"""Entries of `citizen.timeline.v1`: one per event, for the timeline of the citizen whom it concerns."""

from datetime import datetime
from typing import Final

import msgspec

from models.events import Event
from models.topics import Channel
from streams.core.contact import Contact, State


class Entry(msgspec.Struct):
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
    state: State
    outcome: str
    """What became of the contact, in one word; empty while that is open."""
    source: str


_encode: Final = msgspec.json.Encoder().encode


def entry(event: Event, after: Contact) -> bytes:
    """Return the entry for `event`, which made the contact `after`, as JSON."""
    state, outcome = after.standing()
    return _encode(
        Entry(
            event.id,
            after.citizen,
            event.subject,
            event.channel,
            event.site,
            event.service,
            event.type,
            event.time,
            state,
            outcome,
            event.source,
        )
    )


def key(event: Event, after: Contact) -> bytes:
    """Return the Kafka key of the entry: the citizen, or the contact while no identity is known."""
    return (after.citizen or event.subject).encode()
