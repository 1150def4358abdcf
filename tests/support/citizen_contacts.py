"""Expected figures of citizens: repeated contacts, first contact resolution, and reasons for contacts.

All pairs of a citizen's contacts are compared directly, independently of the product's code.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from connectors.simulator.actions import Action, ActionKind, CitizenCase
from connectors.simulator.office_hours import PARIS
from models.topics import Channel

BEGINNINGS: Final = {
    ActionKind.LETTER_SCANNED,
    ActionKind.LETTER_REGISTERED,
    ActionKind.EMAIL_RECEIVED,
    ActionKind.FORM_SUBMITTED,
    ActionKind.APPOINTMENT_BOOKED,
    ActionKind.TICKET_TAKEN,
}
RESPONSES: Final = {
    ActionKind.LETTER_ANSWERED,
    ActionKind.LETTER_CLOSED,
    ActionKind.EMAIL_ANSWERED,
    ActionKind.CORRECTION_REQUESTED,
    ActionKind.FORM_DECIDED,
}
ENDS: Final = {
    ActionKind.LETTER_ANSWERED: "handled",
    ActionKind.LETTER_CLOSED: "handled",
    ActionKind.EMAIL_ANSWERED: "handled",
    ActionKind.FORM_DECIDED: "handled",
    ActionKind.APPOINTMENT_ATTENDED: "handled",
    ActionKind.APPOINTMENT_MISSED: "missed",
    ActionKind.APPOINTMENT_CANCELLED: "cancelled",
    ActionKind.VISITOR_SERVED: "handled",
    ActionKind.VISITOR_LEFT: "left",
}
UNANSWERED: Final = {Channel.MAIL: "letter", Channel.FORM: "form", Channel.EMAIL: "email"}
REASONABLE: Final = (Channel.CALL, Channel.VISIT, Channel.EMAIL)
"""Channels used to ask about an unanswered request."""


@dataclass
class CitizenContact:
    channel: Channel
    service: str
    began_at: datetime
    responded_at: datetime | None = None
    end: str = ""
    """`handled`, `missed`, `cancelled`, `left` or `given up`; empty while open."""
    ended_at: datetime | None = None
    times_assigned: int = 0
    """Number of assignments; more than one if the contact was reopened."""

    def comes_after(self, other: "CitizenContact", days: int) -> bool:
        """Return whether this contact began after the end of the other, and at most `days` days later."""
        ended_at = other.ended_at
        return ended_at is not None and self.began_at > ended_at and (day(self.began_at) - day(ended_at)).days <= days


def day(at: datetime) -> date:
    return at.astimezone(PARIS).date()


Contacts = dict[int, tuple[CitizenCase, CitizenContact]]
"""Case number → case and contact."""


def contacts_of(actions: Iterable[Action]) -> Contacts:
    """Return the contacts that begin and go on in `actions`, except calls."""
    contacts: Contacts = {}
    for action in actions:
        for case in (action.citizen_case, *action.other_cases):
            if action.kind in BEGINNINGS:
                is_registered = action.kind is ActionKind.LETTER_REGISTERED
                began_at = action.effective_at if is_registered and action.effective_at else action.at
                contact = CitizenContact(case.channel, case.place.service, began_at)
                contacts.setdefault(case.number, (case, contact))
            if case.number not in contacts:
                continue
            _, contact = contacts[case.number]
            if action.place:
                contact.service = action.place.service
            if action.kind in RESPONSES:
                contact.responded_at = min(action.at, contact.responded_at or action.at)
            if action.kind in ENDS:
                contact.end, contact.ended_at = ENDS[action.kind], action.at
            elif action.kind is ActionKind.LETTER_ASSIGNED:
                contact.end, contact.ended_at = "", None
            contact.times_assigned += action.kind in (ActionKind.LETTER_ASSIGNED, ActionKind.LETTER_REGISTERED)
    return contacts


Counts = dict[tuple[date, str | None], Counter[str]]
"""Day and service (None: all services) → name of a figure → count."""


def count(contacts: Iterable[tuple[str, CitizenContact]], days: int) -> Counts:
    """Return the expected figures of contacts, each given with its citizen; empty string: citizen unknown.

    `days` is the longest interval between related contacts, in calendar days; an unanswered request has no limit.
    """
    counts: Counts = defaultdict(Counter)
    contacts_of: defaultdict[str, list[CitizenContact]] = defaultdict(list)
    for citizen, contact in contacts:
        if citizen:
            contacts_of[citizen].append(contact)
        else:
            counts[day(contact.began_at), contact.service][f"unidentified_{contact.channel}"] += 1
    for own_contacts in contacts_of.values():
        for on in {day(contact.began_at) for contact in own_contacts}:
            counts[on, None]["active"] += 1
        for service in {contact.service for contact in own_contacts}:
            _count(
                sorted((contact for contact in own_contacts if contact.service == service), key=_by_beginning),
                days,
                counts,
            )
    return counts


def _by_beginning(contact: CitizenContact) -> datetime:
    return contact.began_at


def _count(contacts: Sequence[CitizenContact], days: int, counts: Counts) -> None:
    for on in {day(contact.began_at) for contact in contacts}:
        counts[on, contacts[0].service]["active"] += 1
    for number, contact in enumerate(contacts):
        before, after = contacts[:number], contacts[number + 1 :]
        day_counts = counts[day(contact.began_at), contact.service]
        reason = _contact_reason(contact, before, days)
        day_counts[f"began_{contact.channel}_{reason}"] += 1
        is_near = bool(before) and (day(contact.began_at) - day(before[-1].began_at)).days <= days
        day_counts[f"hop_{before[-1].channel if is_near else 'none'}_{contact.channel}"] += 1
        if contact.end == "handled" and contact.ended_at:
            again = reason != "other" or any(
                earlier.end == "handled" and contact.comes_after(earlier, days) for earlier in before
            )
            followed = any(
                later.channel is not Channel.APPOINTMENT and later.comes_after(contact, days) for later in after
            )
            name = f"{'again' if again else 'first'}_{'followed' if followed else 'alone'}"
            counts[day(contact.ended_at), contact.service][f"handled_{contact.channel}_{name}"] += 1


def _contact_reason(contact: CitizenContact, before: Sequence[CitizenContact], days: int) -> str:
    """Return the avoidable reason of a contact; `other` if none."""
    if contact.channel not in REASONABLE:
        return "other"
    for channel, name in UNANSWERED.items():
        for earlier in before:
            if earlier.channel is channel and not (earlier.responded_at and earlier.responded_at <= contact.began_at):
                return f"{name}_unanswered"
    if contact.channel is not Channel.EMAIL and any(
        earlier.end == "missed" and contact.comes_after(earlier, days) for earlier in before
    ):
        return "no_show"
    if contact.channel is Channel.CALL and any(
        earlier.end == "given up" and contact.comes_after(earlier, days) and _is_last(earlier, before)
        for earlier in before
    ):
        return "abandoned"
    return "other"


def _is_last(earlier: CitizenContact, before: Sequence[CitizenContact]) -> bool:
    return not any(earlier.ended_at and between.began_at > earlier.ended_at for between in before)
