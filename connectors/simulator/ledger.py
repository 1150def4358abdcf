"""The ledger of what was done: number for number what figures must say, by their names. It knows nothing of how they count."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from connectors.asterisk.simulate import Ledger as CallLedger
from connectors.asterisk.simulate import Tally
from connectors.simulator.deeds import Deed, Matter, Place, What
from connectors.simulator.house import HEADQUARTERS
from models.topics import Channel

Numbers = dict[str, int]
"""Name of a count, a stock or a sum of durations → how many; without those that are 0."""
Where = tuple[str, str, str, str]
"""Channel, site, service, queue."""


class _Rule(NamedTuple):
    """What a deed counts, and how things stand after it."""

    counts: tuple[str, ...]
    """With `value` and `amount` of the deed put in."""
    stock: str | None = None
    """Where the matter is counted from then on: nowhere if empty, where it was if None."""


RULES: Final = {
    What.LETTER_SCANNED: _Rule(("received", "registered"), "waiting"),
    What.LETTER_REGISTERED: _Rule(("received", "registered", "assigned"), "in_progress"),
    What.LETTER_ASSIGNED: _Rule(("assigned",), "in_progress"),
    What.LETTER_ACKNOWLEDGED: _Rule(("acknowledged",)),
    What.LETTER_ANSWERED: _Rule(("responded", "closed_answered"), ""),
    What.LETTER_CLOSED: _Rule(("closed_{value}",), ""),
    What.LETTER_SENT: _Rule(("sent_{value}",)),
    What.EMAIL_RECEIVED: _Rule(("received",), "waiting"),
    What.EMAIL_ACKNOWLEDGED: _Rule(("acknowledged",)),
    What.EMAIL_ANSWERED: _Rule(("responded", "closed_answered"), ""),
    What.FORM_SUBMITTED: _Rule(("received",), "waiting"),
    What.FORM_TAKEN_UP: _Rule(("assigned",), "in_progress"),
    What.CORRECTION_REQUESTED: _Rule(("correction_requested", "responded"), "pending_citizen"),
    What.FORM_CORRECTED: _Rule(("corrected",), "in_progress"),
    What.FORM_DECIDED: _Rule(("responded", "closed_{value}"), ""),
    What.APPOINTMENT_BOOKED: _Rule(("booked", "booked_by_{value}"), "pending_citizen"),
    What.APPOINTMENT_MOVED: _Rule(("moved",), "pending_citizen"),
    What.APPOINTMENT_CANCELLED: _Rule(("cancelled_by_{value}",), ""),
    What.CHECKED_IN: _Rule(("checked_in",), "waiting"),
    What.APPOINTMENT_ATTENDED: _Rule(("attended",), ""),
    What.APPOINTMENT_MISSED: _Rule(("missed",), ""),
    What.TICKET_TAKEN: _Rule(("offered",), "waiting"),
    What.VISITOR_CALLED: _Rule(("answered",), "in_progress"),
    What.VISITOR_SERVED: _Rule(("ended",), ""),
    What.VISITOR_LEFT: _Rule(("abandoned",), ""),
    What.INVITED: _Rule(("invited",)),
    What.OPINION_GIVEN: _Rule(("given_{value}_{amount}",)),
}
ARRIVALS: Final = frozenset({What.LETTER_SCANNED, What.LETTER_REGISTERED})
"""They tell later when a letter came."""
SINCE_RECEIVED: Final = {
    "registered": "registration",
    "assigned": "assignment",
    "acknowledged": "acknowledgement",
    "responded": "first_response",
    "closed": "resolution",
    "answered": "wait",
    "abandoned": "abandon_wait",
}
"""Count, its value put aside → what the time since the matter came is called there."""


@dataclass
class _Account:
    """What is known of one matter."""

    matter: Matter
    place: Place
    since: datetime
    """When it came, or when it was taken up by those who are with it now."""
    counts: dict[str, int] = field(default_factory=dict)
    stock: str = ""

    def note(self, deed: Deed) -> None:
        rule = RULES[deed.what]
        self.place = deed.place or self.place
        self.stock = self.stock if rule.stock is None else rule.stock
        for name in rule.counts:
            count = name.format(value=deed.value, amount=deed.amount)
            if count not in self.counts:  # each but once in the life of a matter
                self.counts[count] = 1
                if duration := SINCE_RECEIVED.get(name.partition("_{")[0].removesuffix("_answered")):
                    self._add(duration, deed.at - self.since)
        match deed:
            case Deed(what=What.LETTER_SENT):
                self.counts["postage_cents"] = deed.amount
            case Deed(what=What.APPOINTMENT_BOOKED, when=datetime() as slot):
                self._add("lead", slot - deed.at)
                self.counts |= {f"booked_by_{deed.value}": 1}
            case Deed(what=What.VISITOR_CALLED):
                self.since = deed.at
            case Deed(what=What.VISITOR_SERVED):
                self._add("handle", deed.at - self.since)

    def _add(self, duration: str, elapsed: timedelta) -> None:
        self.counts[f"{duration}_milliseconds"] = round(elapsed.total_seconds() * 1000)


class Ledger:
    """All that was done."""

    def __init__(self) -> None:
        self._accounts: dict[int, _Account] = {}
        self.calls = CallLedger()
        """What the switchboard knows of its calls."""

    def note(self, deed: Deed) -> None:
        """Take down a deed; calls are told by `calls`."""
        if deed.what is What.CALLED:
            return
        for matter in (deed.matter, *deed.others):
            account = self._accounts.get(matter.number)
            if account is None:
                came_at = deed.when if deed.what in ARRIVALS else None
                account = self._accounts[matter.number] = _Account(matter, matter.place, came_at or deed.at)
            account.note(deed)

    def numbers(self) -> dict[Where, Numbers]:
        """Return what figures must say, by place."""
        found: defaultdict[Where, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        for account in self._accounts.values():
            at = found[self._where(account)]
            for name, number in account.counts.items():
                at[name] += number
            if account.stock:
                at[account.stock] += 1
        told = {place: dict(numbers) for place, numbers in found.items()}
        for queue, tally in self.calls.queues.items():
            told[Channel.CALL.value, HEADQUARTERS, queue, queue] = _names(tally)
        counted = ((place, {name: one for name, one in numbers.items() if one}) for place, numbers in told.items())
        return {place: numbers for place, numbers in counted if numbers}

    def to_json(self) -> str:
        """Return it as JSON: a list of places, each with its numbers."""
        places = [
            dict(zip(("channel", "site", "service", "queue"), place, strict=True), numbers=numbers)
            for place, numbers in sorted(self.numbers().items())
        ]
        return json.dumps(places, indent=2)

    def _where(self, account: _Account) -> Where:
        about = account.matter.about
        if account.matter.channel is not Channel.FEEDBACK or about is None:
            return (account.matter.channel.value, *account.place)
        known = self._accounts.get(about.number)
        place = known.place if known else about.place
        # Online procedures are judged by a form that does not know the dossier.
        queue = "" if about.channel is Channel.FORM else about.channel.value
        return Channel.FEEDBACK.value, place.site, place.service, queue


def _names(tally: Tally) -> Numbers:
    """Return a queue's tally by the names of figures."""
    return {
        "offered": tally.offered,
        "answered": tally.answered,
        "abandoned": tally.abandoned,
        **{f"left_{reason}": number for reason, number in tally.left.items()},
        "left_forgotten": tally.forgotten,
        "waiting": tally.waiting,
        "transferred": tally.transferred,
        "ended": tally.ended,
        "in_progress": tally.in_progress,
        "ring_unanswered": tally.ring_unanswered,
        "wait_milliseconds": tally.wait_seconds * 1000,
        "abandon_wait_milliseconds": tally.abandon_wait_seconds * 1000,
        "handle_milliseconds": tally.handle_seconds * 1000,
    }
