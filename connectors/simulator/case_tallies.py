"""What a ledger keeps of one matter: what happened to it, and how it stands."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from connectors.simulator.actions import Action, ActionKind, CitizenCase
from models.topics import Channel

FigureCounts = dict[str, int]
"""Name of a count, a stock or a sum of durations → how many; without those that are 0."""
DimensionKey = tuple[str, str, str, str]
"""Channel, site, service, queue."""

KEPT: Final = timedelta(days=35)
"""So long after its last news, what nobody has to act on is known; what is told of it later is told of nobody knows what."""
GIVEN_UP: Final = timedelta(hours=12)
"""Nobody waits at a desk, or talks there, for so long: somebody forgot to say that it was over."""


class _Rule(NamedTuple):
    """What a deed counts, and how things stand after it."""

    counts: tuple[str, ...]
    """Each but once in the life of a matter; with `value` and `amount` of the deed put in."""
    stock: str | None = None
    """Where the matter is counted from then on: nowhere if empty, where it was if None."""
    end: str = ""
    """The count of what became of it, which it is in until it goes on."""


RULES: Final = {
    ActionKind.LETTER_SCANNED: _Rule(("received", "registered"), "waiting"),
    ActionKind.LETTER_REGISTERED: _Rule(("received", "registered", "assigned"), "in_progress"),
    ActionKind.LETTER_ASSIGNED: _Rule(("assigned",), "in_progress"),
    ActionKind.LETTER_ACKNOWLEDGED: _Rule(("acknowledged",)),
    ActionKind.LETTER_ANSWERED: _Rule(("responded",), "", "closed_answered"),
    ActionKind.LETTER_CLOSED: _Rule((), "", "closed_{value}"),
    ActionKind.LETTER_SENT: _Rule(("sent_{value}",)),
    ActionKind.EMAIL_RECEIVED: _Rule(("received",), "waiting"),
    ActionKind.EMAIL_ACKNOWLEDGED: _Rule(("acknowledged",)),
    ActionKind.EMAIL_ANSWERED: _Rule(("responded",), "", "closed_answered"),
    ActionKind.FORM_SUBMITTED: _Rule(("received",), "waiting"),
    ActionKind.FORM_TAKEN_UP: _Rule(("assigned",), "in_progress"),
    ActionKind.CORRECTION_REQUESTED: _Rule(("correction_requested", "responded"), "pending_citizen"),
    ActionKind.FORM_CORRECTED: _Rule(("corrected",), "in_progress"),
    ActionKind.FORM_DECIDED: _Rule(("responded",), "", "closed_{value}"),
    ActionKind.APPOINTMENT_BOOKED: _Rule(("booked", "booked_by_{value}"), "pending_citizen"),
    ActionKind.APPOINTMENT_MOVED: _Rule(("moved",), "pending_citizen"),
    ActionKind.APPOINTMENT_CANCELLED: _Rule((), "", "cancelled_by_{value}"),
    ActionKind.CHECKED_IN: _Rule(("checked_in",), "waiting"),
    ActionKind.APPOINTMENT_ATTENDED: _Rule((), "", "attended"),
    ActionKind.APPOINTMENT_MISSED: _Rule((), "", "missed"),
    ActionKind.INVITED: _Rule(("invited",)),
    ActionKind.OPINION_GIVEN: _Rule(("given_{value}_{amount}",)),
}
STAYS: Final = frozenset(
    {ActionKind.TICKET_TAKEN, ActionKind.VISITOR_CALLED, ActionKind.VISITOR_SERVED, ActionKind.VISITOR_LEFT}
)
"""What is counted as `Stay` says."""
REOPENED: Final = frozenset({Channel.MAIL, Channel.EMAIL, Channel.FORM})
"""Channels whose matters may go on after they were closed."""
ARRIVALS: Final = frozenset({ActionKind.LETTER_SCANNED, ActionKind.LETTER_REGISTERED})
"""They tell later when a letter came."""
SINCE_RECEIVED: Final = {
    "registered": "registration",
    "assigned": "assignment",
    "acknowledged": "acknowledgement",
    "responded": "first_response",
    "closed": "resolution",
}
"""Count, its value put aside → what the time since the matter came is called there."""


class CaseTally:
    """One matter whose first deed is told. `is_news`: its beginning is not known any more, so only letters sent count."""

    def __init__(self, citizen_case: CitizenCase, first: Action, *, is_orphan: bool = False) -> None:
        self.citizen_case: Final = citizen_case
        self.place = first.place or citizen_case.place
        self.last_at = first.at
        self._since = first.effective_at if first.kind in ARRIVALS and first.effective_at else first.at
        self._is_news = is_orphan
        self._counts: FigureCounts = {}
        self._end: FigureCounts = {}
        self._stock = ""

    def record(self, action: Action) -> None:
        """Take down what happened to it."""
        rule = RULES[action.kind]
        if self._end and rule.stock and self.citizen_case.channel in REOPENED:
            self._counts["reopened"] = 1
        self.place = action.place or self.place
        self.last_at = action.at
        for name in rule.counts:
            self._counts = self._count(name, action) | self._counts  # each but once
        if rule.stock is not None:
            self._stock, self._end = rule.stock, self._count(rule.end, action) if rule.end else {}
        match action:
            case Action(kind=ActionKind.LETTER_SENT):
                self._counts |= {"postage_cents": action.amount, f"postage_cents_{action.value}": action.amount}
            case Action(kind=ActionKind.LETTER_SCANNED, effective_at=datetime() as received_at) if (
                received_at < action.at
            ):
                self._counts |= {"scanned": 1, "scan_milliseconds": _milliseconds(action.at - received_at)}
            case Action(kind=ActionKind.APPOINTMENT_BOOKED, effective_at=datetime() as slot):
                self._counts.setdefault("lead_milliseconds", _milliseconds(slot - action.at))

    def hear(self, at: datetime) -> None:
        """Take note that something was told of it that is counted elsewhere."""
        self.last_at = max(self.last_at, at)

    def is_known(self, at: datetime) -> bool:
        """Whether news of it at that time are known to be its own."""
        return bool(self._stock) or at < self.last_at + KEPT

    def dimension_key(self) -> DimensionKey:
        """Return where it is counted."""
        return (self.citizen_case.channel.value, *self.place)

    def numbers(self, at: datetime) -> FigureCounts:  # noqa: ARG002 - others depend on time
        """Return what it counts as of `at`, zeros among it."""
        if self._is_news:
            return {name: one for name, one in self._counts.items() if name.startswith(("sent_", "postage_"))}
        return self._counts | self._end | ({self._stock: 1} if self._stock else {})

    def _count(self, name: str, action: Action) -> FigureCounts:
        """Return one more of that name, and how long that took."""
        counted = {name.format(value=action.value, amount=action.amount): 1}
        if duration := SINCE_RECEIVED.get(name.partition("_")[0] if name.startswith("closed_") else name):
            counted[f"{duration}_milliseconds"] = _milliseconds(action.at - self._since)
        return counted


class VisitTally(CaseTally):
    """A visit: who is called and is no longer there was not answered; of what nobody ended, the end is given up."""

    def __init__(self, citizen_case: CitizenCase, first: Action) -> None:
        super().__init__(citizen_case, first)
        self._at: dict[ActionKind, datetime] = {}

    def record(self, action: Action) -> None:
        """Take down what happened."""
        self.last_at = self._at[action.kind] = action.at

    def is_known(self, at: datetime) -> bool:
        """Whether news at that time are known to be its own."""
        is_over = bool(self._at.keys() & {ActionKind.VISITOR_SERVED, ActionKind.VISITOR_LEFT})
        return at < self.last_at + KEPT + (timedelta() if is_over else GIVEN_UP)

    def numbers(self, at: datetime) -> FigureCounts:
        """Return what it counts as of `at`."""
        came_at, called_at = self._at[ActionKind.TICKET_TAKEN], self._at.get(ActionKind.VISITOR_CALLED)
        served_at, left_at = self._at.get(ActionKind.VISITOR_SERVED), self._at.get(ActionKind.VISITOR_LEFT)
        if left_at:
            wait = min(called_at or left_at, left_at) - came_at
            return {"offered": 1, "abandoned": 1, "abandon_wait_milliseconds": _milliseconds(wait)}
        if not called_at:
            return {"offered": 1, "left_forgotten" if at - came_at >= GIVEN_UP else "waiting": 1}
        answered = {"offered": 1, "answered": 1, "wait_milliseconds": _milliseconds(called_at - came_at)}
        if served_at:
            return answered | {"ended": 1, "handle_milliseconds": _milliseconds(served_at - called_at)}
        return answered | {"ended_forgotten" if at - called_at >= GIVEN_UP else "in_progress": 1}


class SwitchboardCall(CaseTally):
    """A call, of which the switchboard has the account: here it is known that it was, and until when."""

    def numbers(self, at: datetime) -> FigureCounts:  # noqa: ARG002 - the same
        """Return nothing."""
        return {}


class FeedbackTally(CaseTally):
    """What was asked and said about something; `about` is None if nobody knows any more what."""

    def __init__(self, citizen_case: CitizenCase, first: Action, parent: CaseTally | None) -> None:
        super().__init__(citizen_case, first)
        self._about = parent

    def record(self, action: Action) -> None:
        """Take it down, and that something was told of what it is about."""
        super().record(action)
        if {"invited", f"given_{action.value}_{action.amount}"} <= self._counts.keys():
            self._counts["invited_answered"] = 1
        if self._about and not self._is_apart:
            self._about.hear(action.at)

    def is_known(self, at: datetime) -> bool:
        """Whether it is known at that time what it is about."""
        return self._about is None or self._is_apart or self._about.is_known(at)

    def dimension_key(self) -> DimensionKey:
        """Return where it is counted: at what it is about."""
        if self._about is None:
            return Channel.FEEDBACK.value, "", "", ""
        place, channel = self._about.place, self._about.citizen_case.channel
        return Channel.FEEDBACK.value, place.site, place.service, "" if self._is_apart else channel.value

    @property
    def _is_apart(self) -> bool:
        """Online procedures are judged by a form that does not know the dossier."""
        return self._about is not None and self._about.citizen_case.channel is Channel.FORM


def _milliseconds(elapsed: timedelta) -> int:
    return round(elapsed.total_seconds() * 1000)
