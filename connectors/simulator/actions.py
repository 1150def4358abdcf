"""What happens: deeds of citizens and services, each about one matter."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from connectors.simulator.population import Citizen
from models.topics import Channel


class ActionKind(StrEnum):
    """What was done; the words of the systems that it is done in."""

    LETTER_SCANNED = "letter scanned"
    LETTER_REGISTERED = "letter registered"
    """In a program in which the services work themselves: it is assigned at once."""
    LETTER_ASSIGNED = "letter assigned"
    LETTER_ACKNOWLEDGED = "letter acknowledged"
    LETTER_ANSWERED = "letter answered"
    LETTER_CLOSED = "letter closed"
    """`value` is the outcome."""
    LETTER_SENT = "letter sent"
    """`value` is the postage, `amount` its price in euro cents."""
    EMAIL_RECEIVED = "e-mail received"
    EMAIL_ACKNOWLEDGED = "e-mail acknowledged"
    EMAIL_ANSWERED = "e-mail answered"
    FORM_SUBMITTED = "form submitted"
    FORM_TAKEN_UP = "form taken up"
    CORRECTION_REQUESTED = "correction requested"
    FORM_CORRECTED = "form corrected"
    FORM_DECIDED = "form decided"
    """`value` is the decision."""
    APPOINTMENT_BOOKED = "appointment booked"
    """`value` is who did it, `citizen` or `service`, and `when` it is to be; so for the next two."""
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
    """Somebody dials; what becomes of it, the switchboard knows."""
    INVITED = "invited"
    """Somebody is asked for an opinion."""
    OPINION_GIVEN = "opinion given"
    """`value` is the scale, `amount` the score."""


class ContactReason(StrEnum):
    """Why a citizen turned up."""

    OWN_ACCORD = "own accord"
    LETTER_UNANSWERED = "letter unanswered"
    EMAIL_UNANSWERED = "e-mail unanswered"
    CORRECTION_NEEDED = "correction needed"
    APPOINTMENT_MISSED = "appointment missed"
    INVITED_TO_COME = "invited to come"
    """At the end of a visit."""
    ANSWER = "answer"
    """It is the service that writes."""
    NOTICE = "notice"
    """The same, of its own accord."""
    ASKED_FOR_OPINION = "asked for opinion"


class Place(NamedTuple):
    """Who is turned to, as figures name it."""

    site: str
    service: str
    queue: str = ""


class CitizenCase(NamedTuple):
    """What a citizen turned up for, on one channel: one contact."""

    number: int
    """Each matter of a seed has another; less than 2³¹."""
    channel: Channel
    place: Place
    """Where it arrives."""
    citizen: Citizen
    reason: ContactReason = ContactReason.OWN_ACCORD
    parent: "CitizenCase | None" = None
    """The matter that it follows."""
    native: str = ""
    """What its system calls it, where the number does not say."""

    @property
    def reference(self) -> str:
        """What its system calls it."""
        return self.native or str(self.number)


class Action(NamedTuple):
    """One thing that happens."""

    at: datetime
    kind: ActionKind
    citizen_case: CitizenCase
    value: str = ""
    amount: int = 0
    effective_at: datetime | None = None
    """The time that it is about, if that is another."""
    place: Place | None = None
    """Where the matter goes by it."""
    other_cases: tuple[CitizenCase, ...] = ()
    """To whom else it happens by the same: letters of one stack."""
