"""Who came back: what citizens did, contact by contact, and what that says of services, by the names in figures of citizens.

It looks at all pairs of a citizen's contacts, one after the other, and knows nothing of how they are counted.
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
"""On these one asks what became of something."""


@dataclass
class CitizenContact:
    """One contact of a citizen with a service."""

    channel: Channel
    service: str
    began_at: datetime
    responded_at: datetime | None = None
    end: str = ""
    """`handled`, `missed`, `cancelled`, `left`, `given up`; empty while it goes on."""
    ended_at: datetime | None = None
    times_assigned: int = 0
    """How often it was given to somebody: more than once if it was taken up again."""

    def comes_after(self, other: "CitizenContact", days: int) -> bool:
        """Return whether it began after the end of the other, so many days later at most."""
        ended_at = other.ended_at
        return ended_at is not None and self.began_at > ended_at and (day(self.began_at) - day(ended_at)).days <= days


def day(at: datetime) -> date:
    """Return the civil day."""
    return at.astimezone(PARIS).date()


class CitizenContacts:
    """All contacts, as they were done; calls are told by who knows the switchboard."""

    def __init__(self) -> None:
        self.contacts: dict[int, tuple[CitizenCase, CitizenContact]] = {}

    def record(self, action: Action) -> None:
        """Take down a deed."""
        for citizen_case in (action.citizen_case, *action.other_cases):
            if action.kind in BEGINNINGS:
                began_at = (
                    action.effective_at
                    if action.kind is ActionKind.LETTER_REGISTERED and action.effective_at
                    else action.at
                )  # when it was received
                self.contacts.setdefault(
                    citizen_case.number,
                    (citizen_case, CitizenContact(citizen_case.channel, citizen_case.place.service, began_at)),
                )
            if citizen_case.number not in self.contacts:
                continue
            _, contact = self.contacts[citizen_case.number]
            if action.place:
                contact.service = action.place.service
            if action.kind in RESPONSES:
                contact.responded_at = min(action.at, contact.responded_at or action.at)
            if action.kind in ENDS:
                contact.end, contact.ended_at = ENDS[action.kind], action.at
            elif action.kind is ActionKind.LETTER_ASSIGNED:
                contact.end, contact.ended_at = "", None
            contact.times_assigned += action.kind in (ActionKind.LETTER_ASSIGNED, ActionKind.LETTER_REGISTERED)


Counts = dict[tuple[date, str | None], Counter[str]]
"""Day, service (None: all of them) → name of a figure → how many."""


def count(contacts: Iterable[tuple[str, CitizenContact]], days: int) -> Counts:
    """Return what figures must say of contacts, each with whose it is; empty: nobody knows."""
    found: Counts = defaultdict(Counter)
    own: defaultdict[str, list[CitizenContact]] = defaultdict(list)
    for whose, contact in contacts:
        if whose:
            own[whose].append(contact)
        else:
            found[day(contact.began_at), contact.service][f"unidentified_{contact.channel}"] += 1
    for several in own.values():
        for on in {day(contact.began_at) for contact in several}:
            found[on, None]["active"] += 1
        for service in {contact.service for contact in several}:
            _count(sorted((one for one in several if one.service == service), key=_by_beginning), days, found)
    return found


def _by_beginning(contact: CitizenContact) -> datetime:
    return contact.began_at


def _count(own: Sequence[CitizenContact], days: int, found: Counts) -> None:
    for on in {day(one.began_at) for one in own}:
        found[on, own[0].service]["active"] += 1
    for number, one in enumerate(own):
        before, after = own[:number], own[number + 1 :]
        counts = found[day(one.began_at), one.service]
        reason = _why(one, before, days)
        counts[f"began_{one.channel}_{reason}"] += 1
        is_near = bool(before) and (day(one.began_at) - day(before[-1].began_at)).days <= days
        counts[f"hop_{before[-1].channel if is_near else 'none'}_{one.channel}"] += 1
        if one.end == "handled" and one.ended_at:
            again = reason != "other" or any(
                former.end == "handled" and one.comes_after(former, days) for former in before
            )
            followed = any(later.channel is not Channel.APPOINTMENT and later.comes_after(one, days) for later in after)
            name = f"{'again' if again else 'first'}_{'followed' if followed else 'alone'}"
            found[day(one.ended_at), one.service][f"handled_{one.channel}_{name}"] += 1


def _why(one: CitizenContact, before: Sequence[CitizenContact], days: int) -> str:
    """Return why somebody who turns up need not have."""
    if one.channel not in REASONABLE:
        return "other"
    for channel, name in UNANSWERED.items():
        for former in before:
            if former.channel is channel and not (former.responded_at and former.responded_at <= one.began_at):
                return f"{name}_unanswered"
    if one.channel is not Channel.EMAIL and any(
        former.end == "missed" and one.comes_after(former, days) for former in before
    ):
        return "no_show"
    if one.channel is Channel.CALL and any(
        former.end == "given up" and one.comes_after(former, days) and _is_last(former, before) for former in before
    ):
        return "abandoned"
    return "other"


def _is_last(former: CitizenContact, before: Sequence[CitizenContact]) -> bool:
    """Return whether nothing of `before` began after `former` was given up."""
    return not any(former.ended_at and between.began_at > former.ended_at for between in before)
