"""Actions of citizens and services, each about one case."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from connectors.simulator.population import Citizen
from models.topics import Channel


class ActionKind(StrEnum):
    """Kinds of actions, in the words of the systems; `value`, `amount` and `effective_at` are fields of `Action`."""

    LETTER_SCANNED = "letter scanned"
    """`amount` is the number of pages of each letter, `effective_at` the time of receipt, if it was earlier."""
    LETTER_REGISTERED = "letter registered"
    """In a system where the services register letters themselves; assigned immediately. `effective_at` is the time of receipt."""
    LETTER_ASSIGNED = "letter assigned"
    LETTER_ACKNOWLEDGED = "letter acknowledged"
    LETTER_ANSWERED = "letter answered"
    LETTER_CLOSED = "letter closed"
    """`value` is the outcome."""
    LETTER_SENT = "letter sent"
    """`value` is the postage class, `amount` the price in euro cents."""
    POST_FRANKED = "post franked"
    """A total of outgoing post, which is no case of a citizen. `value` is the postage class, `amount` the number of items."""
    EMAIL_RECEIVED = "e-mail received"
    EMAIL_ACKNOWLEDGED = "e-mail acknowledged"
    EMAIL_ANSWERED = "e-mail answered"
    FORM_SUBMITTED = "form submitted"
    FORM_TAKEN_UP = "form taken up"
    CORRECTION_REQUESTED = "correction requested"
    FORM_CORRECTED = "form corrected"
    FORM_IN_COMMITTEE = "form in committee"
    """The service waits for its committee. It gives no event."""
    FORM_DECIDED = "form decided"
    """`value` is the decision."""
    APPOINTMENT_BOOKED = "appointment booked"
    """`value` is the acting party, `citizen` or `service`; `effective_at` is the slot. Also for moves and cancellations."""
    APPOINTMENT_MOVED = "appointment moved"
    APPOINTMENT_CANCELLED = "appointment cancelled"
    CHECKED_IN = "checked in"
    APPOINTMENT_ATTENDED = "appointment attended"
    APPOINTMENT_MISSED = "appointment missed"
    TICKET_TAKEN = "ticket taken"
    VISITOR_CALLED = "visitor called"
    VISITOR_SERVED = "visitor served"
    VISITOR_LEFT = "visitor left"
    CALLED = "called"
    """A citizen calls; the switchboard decides what happens."""
    INVITED = "invited"
    """A citizen is invited to a survey."""
    OPINION_GIVEN = "opinion given"
    """`value` is the scale, `amount` the score."""


class Place(NamedTuple):
    """Site, service and queue of a contact, as in figures."""

    site: str
    service: str
    queue: str = ""


class CitizenCase(NamedTuple):
    """One contact of a citizen on one channel."""

    number: int
    """Unique for a seed, except by a collision among calls; less than 2³¹."""
    channel: Channel
    place: Place
    """Place where the contact begins."""
    citizen: Citizen
    parent: "CitizenCase | None" = None
    """Case that led to this one."""
    native: str = ""
    """Id in its system; empty if it is the number or derived from it."""

    @property
    def reference(self) -> str:
        """Id in its system: `native`, or else the number."""
        return self.native or str(self.number)


class Action(NamedTuple):
    """One action at a given time."""

    at: datetime
    kind: ActionKind
    citizen_case: CitizenCase
    value: str = ""
    amount: int = 0
    effective_at: datetime | None = None
    """Time that the action concerns, if different: a slot, or the time of receipt."""
    place: Place | None = None
    """New place of the case; None if it stays."""
    other_cases: tuple[CitizenCase, ...] = ()
    """Further cases of the same action: letters scanned in one stack."""
