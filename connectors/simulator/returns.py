"""Who came back: what citizens did, contact by contact, and what that says of services, by the names in figures of citizens.

It looks at all pairs of a citizen's contacts, one after the other, and knows nothing of how they are counted.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from connectors.simulator.deeds import Deed, Matter, What
from connectors.simulator.working import PARIS
from models.topics import Channel

BEGINNINGS: Final = {
    What.LETTER_SCANNED,
    What.LETTER_REGISTERED,
    What.EMAIL_RECEIVED,
    What.FORM_SUBMITTED,
    What.APPOINTMENT_BOOKED,
    What.TICKET_TAKEN,
}
RESPONSES: Final = {
    What.LETTER_ANSWERED,
    What.LETTER_CLOSED,
    What.EMAIL_ANSWERED,
    What.CORRECTION_REQUESTED,
    What.FORM_DECIDED,
}
ENDS: Final = {
    What.LETTER_ANSWERED: "handled",
    What.LETTER_CLOSED: "handled",
    What.EMAIL_ANSWERED: "handled",
    What.FORM_DECIDED: "handled",
    What.APPOINTMENT_ATTENDED: "handled",
    What.APPOINTMENT_MISSED: "missed",
    What.APPOINTMENT_CANCELLED: "cancelled",
    What.VISITOR_SERVED: "handled",
    What.VISITOR_LEFT: "left",
}
UNANSWERED: Final = {Channel.MAIL: "letter", Channel.FORM: "form", Channel.EMAIL: "email"}
REASONABLE: Final = (Channel.CALL, Channel.VISIT, Channel.EMAIL)
"""On these one asks what became of something."""


@dataclass
class Return:
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

    def comes_after(self, other: "Return", days: int) -> bool:
        """Return whether it began after the end of the other, so many days later at most."""
        ended_at = other.ended_at
        return ended_at is not None and self.began_at > ended_at and (day(self.began_at) - day(ended_at)).days <= days


def day(at: datetime) -> date:
    """Return the civil day."""
    return at.astimezone(PARIS).date()


class Returns:
    """All contacts, as they were done; calls are told by who knows the switchboard."""

    def __init__(self) -> None:
        self.contacts: dict[int, tuple[Matter, Return]] = {}

    def note(self, deed: Deed) -> None:
        """Take down a deed."""
        for matter in (deed.matter, *deed.others):
            if deed.what in BEGINNINGS:
                began_at = (
                    deed.when if deed.what is What.LETTER_REGISTERED and deed.when else deed.at
                )  # when it was received
                self.contacts.setdefault(
                    matter.number, (matter, Return(matter.channel, matter.place.service, began_at))
                )
            if matter.number not in self.contacts:
                continue
            _, contact = self.contacts[matter.number]
            if deed.place:
                contact.service = deed.place.service
            if deed.what in RESPONSES:
                contact.responded_at = min(deed.at, contact.responded_at or deed.at)
            if deed.what in ENDS:
                contact.end, contact.ended_at = ENDS[deed.what], deed.at
            elif deed.what is What.LETTER_ASSIGNED:
                contact.end, contact.ended_at = "", None
            contact.times_assigned += deed.what in (What.LETTER_ASSIGNED, What.LETTER_REGISTERED)


Counts = dict[tuple[date, str | None], Counter[str]]
"""Day, service (None: all of them) → name of a figure → how many."""


def count(contacts: Iterable[tuple[str, Return]], days: int) -> Counts:
    """Return what figures must say of contacts, each with whose it is; empty: nobody knows."""
    found: Counts = defaultdict(Counter)
    own: defaultdict[str, list[Return]] = defaultdict(list)
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


def _by_beginning(contact: Return) -> datetime:
    return contact.began_at


def _count(own: Sequence[Return], days: int, found: Counts) -> None:
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


def _why(one: Return, before: Sequence[Return], days: int) -> str:
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


def _is_last(former: Return, before: Sequence[Return]) -> bool:
    """Return whether nothing of `before` began after `former` was given up."""
    return not any(former.ended_at and between.began_at > former.ended_at for between in before)
