"""Event order: one number per event from its time and type, which identifies the latest event and the service in charge.

For simultaneous events, the later type in the table below counts as the later event. Rows of contacts and of citizens store event
orders in the same way, so a contact can be reattributed to another citizen without its events.

All times are milliseconds since 1970 UTC.
"""

import sys
from typing import Final, Protocol

from streams.core.contacts.case_event import STATE_AFTER_EVENT

_QUEUE_TYPES: Final = (
    *("call.transferred", "call.queued", "call.answered", "call.left_queue", "call.abandoned", "call.ended"),
    *("visit.arrived", "visit.called", "visit.left", "visit.served"),
)
"""Event types of queue stays, in the order that counts for simultaneous events."""
KINDS: Final = (*STATE_AFTER_EVENT, *_QUEUE_TYPES)
"""Event types by their index in an event order. Rows store it: types may be added at the end, but must not move."""
ARRIVED: Final = "call.arrived"
"""The only type of `KINDS` without an event order: it does not show how the contact continued."""
TYPE_INDEX: Final = {kind: index for index, kind in enumerate(KINDS) if kind != ARRIVED}
_TYPES: Final = 64
"""Number of type indexes that fit into an event order."""


class HasEventOrder(Protocol):
    """A row that stores its latest event order, and the latest one whose event names a service."""

    event_order: int
    """Order of the latest event; -1 without one."""
    service_order: int
    """Order of the latest event that names a service; -1 without one."""
    service: str
    """The service that the event of `service_order` names."""


def add_event_order(row: HasEventOrder, kind: str, at: int, service: str) -> bool:
    """Set the row's orders and service from an event of type `kind`, if it is later. Return whether its type has an order."""
    index = TYPE_INDEX.get(kind)
    if index is None:
        return False
    event_order = at * _TYPES + index
    if event_order > row.event_order:
        row.event_order = event_order
    if service and event_order >= row.service_order and (event_order > row.service_order or service > row.service):
        row.service_order = event_order
        if service != row.service:
            row.service = sys.intern(service)
    return True


def decode_event_order(event_order: int) -> tuple[int, str]:
    """Return the time and type of an event order; the type of -1 is empty."""
    return event_order // _TYPES, KINDS[event_order % _TYPES] if event_order >= 0 else ""


def time_of_order(event_order: int) -> int:
    """Return the time of an event order; -1 for the event order -1."""
    return event_order // _TYPES
