"""Turns: what said last how a contact went, and which service has it. Evidence that is the same in any order.

A turn is one number, the time of an event and its type: of two events of one moment the later type of the table below counts.
A contact's row and a citizen's row note it alike, so that whoever becomes a contact's citizen is told what its events told.

All times are milliseconds since 1970 UTC.
"""

import sys
from typing import Final, Protocol

from streams.core.contacts.case_event import STATE_AFTER_EVENT

_OF_QUEUES: Final = (
    *("call.transferred", "call.queued", "call.answered", "call.left_queue", "call.abandoned", "call.ended"),
    *("visit.arrived", "visit.called", "visit.left", "visit.served"),
)
"""Of those in the same moment, the later here is what it ended with."""
KINDS: Final = (*STATE_AFTER_EVENT, *_OF_QUEUES)
"""Types of events by their index in a turn, which rows keep: one may be added at the end, none may move."""
ARRIVED: Final = "call.arrived"
"""Says nothing of how a contact went."""
TYPE_INDEX: Final = {kind: index for index, kind in enumerate(KINDS) if kind != ARRIVED}
_TURNS: Final = 64


class Noted(Protocol):
    """A row that notes turns."""

    event_order: int
    """The last turn; -1: none."""
    service_order: int
    """The last turn that told a service; -1: none did."""
    service: str
    """Which one."""


def note(row: Noted, kind: str, at: int, service: str) -> bool:
    """Note in `row` that an event of this type happened `at`, and told `service`; return whether it is a turn."""
    index = TYPE_INDEX.get(kind)
    if index is None:
        return False
    event_order = at * _TURNS + index
    if event_order > row.event_order:
        row.event_order = event_order
    if service and event_order >= row.service_order and (event_order > row.service_order or service > row.service):
        row.service_order = event_order
        if service != row.service:
            row.service = sys.intern(service)
    return True


def read(event_order: int) -> tuple[int, str]:
    """Return when a turn was, and the type of its event; none has the empty one."""
    return event_order // _TURNS, KINDS[event_order % _TURNS] if event_order >= 0 else ""


def time_of_order(event_order: int) -> int:
    """Return when a turn was; before all times, if there was none."""
    return event_order // _TURNS
