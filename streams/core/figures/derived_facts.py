"""Facts of the derived figures of a contact's case events: lines, menu choices, callbacks, counted post, reasons for contact.

Each kind of figure has a name in place of the channel, and its own schema (`figure_schemas`).
"""

from collections.abc import Iterator
from typing import Final

from models.topics import Channel
from streams.core.contacts.case_event import CaseEvent
from streams.core.contacts.contact import REASON_BY_RULE, REASON_SET, Contact
from streams.core.figures.figure import Dimensions, Fact, Facts, bucket_start
from streams.core.figures.figure_schemas import (
    CALLBACK_CHANNEL,
    CALLBACK_SCHEMA,
    LINE_CHANNEL,
    LINE_SCHEMA,
    MENU_CHANNEL,
    MENU_SCHEMA,
    POST_CHANNEL,
    POST_SCHEMA,
    REASON_CHANNEL,
    REASON_SCHEMA,
)
from streams.core.rows import derived_dimensions

MENU_CHOSEN: Final = "call.menu_chosen"
_ARRIVAL_TYPES: Final = ("call.arrived", MENU_CHOSEN)
_REQUESTS: Final = {"call.voicemail_left": "message_left", "call.callback_requested": "callback_requested"}
"""Event type → count of the calls with such an event."""
_ARRIVED: Final = LINE_SCHEMA.index["line_arrived"]
_QUEUED: Final = LINE_SCHEMA.index["line_queued"]
_CHOSEN: Final = MENU_SCHEMA.index["menu_chosen"]
_REASON: Final = REASON_SCHEMA.index["reason_contacts"]
_ITEMS: Final = POST_SCHEMA.index["post_items"]
_COST: Final = POST_SCHEMA.index["post_cost_cents"]


def derived_facts(row: Contact) -> Iterator[tuple[Dimensions, Facts]]:
    """Yield dimensions and facts of the derived figures of `row`, each dimensions once."""
    callbacks: list[CaseEvent] = []
    reason: CaseEvent | None = None
    for event in row.case_events:
        kind, at = event.type, event.first_at
        if kind == "call.arrived":
            _, site, service, _ = event.dimensions
            start = bucket_start(at)
            facts = ((start, _ARRIVED, 0), (start, _QUEUED, 0)) if row.stays else ((start, _ARRIVED, 0),)
            yield derived_dimensions(LINE_CHANNEL, site, service, event.data.line), facts
        elif kind.startswith(MENU_CHOSEN):
            _, site, service, _ = event.dimensions
            option = kind[len(MENU_CHOSEN) + 1 :]
            yield derived_dimensions(MENU_CHANNEL, site, service, option), ((bucket_start(at), _CHOSEN, 0),)
        elif kind in _REQUESTS:
            callbacks.append(event)
        elif kind == "post.counted":
            yield _post(event)
        elif kind in (REASON_SET, REASON_BY_RULE):
            reason = reason or event  # in the order of types, the source's reason comes first
    if callbacks:
        yield _callbacks(row, callbacks)
    if reason and row.has_begun and row.channel is not Channel.FEEDBACK:
        _, site, service, _ = row.dimensions
        where = derived_dimensions(REASON_CHANNEL, site, service, f"{row.channel}:{reason.data.contact_reason}")
        yield where, ((bucket_start(row.began_at), _REASON, 0),)


def has_only_arrival_events(row: Contact) -> bool:
    """Return whether the case events are only the call's arrival and menu choices.

    Of the queue stays and SLA clocks, only the first queue stay changes the facts of such events.
    """
    for event in row.case_events:  # noqa: SIM110 - runs for every call, and a generator costs more than the loop
        if not event.type.startswith(_ARRIVAL_TYPES):
            return False
    return True


def _post(event: CaseEvent) -> tuple[Dimensions, Facts]:
    _, site, service, _ = event.dimensions
    post = event.data
    start = bucket_start(event.last_at)
    where = derived_dimensions(POST_CHANNEL, site, service, f"{post.direction}:{post.post_class}")
    return where, ((start, _ITEMS, post.items), (start, _COST, post.cost_cents))


def _callbacks(row: Contact, requests: list[CaseEvent]) -> tuple[Dimensions, Facts]:
    """Return the facts of the messages and requests of a call, and of what followed. The first one decides the queue."""
    index = CALLBACK_SCHEMA.index
    first = min(requests, key=lambda event: (event.first_at, event.type))
    facts: list[Fact] = [(bucket_start(event.first_at), index[_REQUESTS[event.type]], 0) for event in requests]
    times = {event.type: event.first_at for event in row.case_events}
    left_at, heard_at, called_at = map(times.get, ("call.voicemail_left", "call.voicemail_heard", "call.called_back"))
    if left_at is not None and heard_at is not None:
        facts.append((bucket_start(heard_at), index["message_heard"], max(0, heard_at - left_at)))
    if called_at is not None:
        facts.append((bucket_start(called_at), index["called_back"], max(0, called_at - first.first_at)))
    _, site, service, queue = first.dimensions if first.dimensions.queue else row.dimensions
    return derived_dimensions(CALLBACK_CHANNEL, site, service, queue), tuple(facts)
