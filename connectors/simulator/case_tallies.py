"""Expected counts of one case, from its actions."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from connectors.simulator.actions import Action, ActionKind, CitizenCase
from connectors.simulator.organisation import POSTAGE, find_reason
from models.topics import Channel

FigureCounts = dict[str, int]
"""Name of a count, a stock, a sum of durations or a sum of costs → value."""
DimensionKey = tuple[str, str, str, str]
"""Channel, site, service, queue; for transferred calls `transfer`, site, first queue, `call:<first queue>:<second queue>`."""

RETENTION: Final = timedelta(days=35)
"""Time that a closed case stays known after its last action. Later actions cannot be linked to it."""
FORGOTTEN_AFTER: Final = timedelta(hours=12)
"""Time until an open visit counts as forgotten: since the ticket or, once the visitor was called, since then."""


class _Rule(NamedTuple):
    """Counts of an action, and the stock of the case after it."""

    counts: tuple[str, ...]
    """Counted once per case; `{value}` and `{amount}` of the action are filled in."""
    stock: str | None = None
    """Stock of the case from then on: none if empty, unchanged if None."""
    end: str = ""
    """Count of its outcome, until the case is reopened."""


RULES: Final = {  # `VisitTally` counts the actions of visits
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
    ActionKind.FORM_IN_COMMITTEE: _Rule(()),
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
REASON_ACTIONS: Final = frozenset({ActionKind.FORM_SUBMITTED, ActionKind.EMAIL_RECEIVED})
"""Actions that set the reason for contact."""
REOPENED: Final = frozenset({Channel.MAIL, Channel.EMAIL, Channel.FORM})
"""Channels whose closed cases may be reopened."""
ARRIVALS: Final = frozenset({ActionKind.LETTER_SCANNED, ActionKind.LETTER_REGISTERED})
"""Actions that report the receipt of a letter, which was at their `effective_at`, or at their own time without one."""
SINCE_RECEIVED: Final = {
    "registered": "registration",
    "assigned": "assignment",
    "acknowledged": "acknowledgement",
    "responded": "first_response",
    "closed": "resolution",
}
"""Count → name of the duration from the receipt until it. The key `closed` applies to all counts `closed_{value}`."""


class CaseTally:
    """Counts of one case from its `first` action on. If `is_orphan`, earlier actions are unknown, and only sent letters count."""

    def __init__(self, citizen_case: CitizenCase, first: Action, *, is_orphan: bool = False) -> None:
        self.citizen_case: Final = citizen_case
        self.place = first.place or citizen_case.place
        self.last_at = first.at
        self._since = first.effective_at if first.kind in ARRIVALS and first.effective_at else first.at
        self._is_orphan = is_orphan
        self._counts: FigureCounts = {}
        self._end: FigureCounts = {}
        self._stock = ""
        self.reason = ""
        """Reason for contact; empty if none is set."""

    def record(self, action: Action) -> None:
        """Count an action, each count once per case, and update the stock, the outcome and the place of the case."""
        rule = RULES[action.kind]
        if action.kind in REASON_ACTIONS:
            self.reason = find_reason(self.citizen_case)
        if self._end and rule.stock and self.citizen_case.channel in REOPENED:
            self._counts["reopened"] = 1
        self.place = action.place or self.place
        self.last_at = action.at
        for name in rule.counts:
            self._counts = self._count(name, action) | self._counts  # only once per case
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

    def record_feedback(self, at: datetime) -> None:
        """Keep the case known for `RETENTION` after feedback at `at`. The feedback has its own tally."""
        self.last_at = max(self.last_at, at)

    def is_known(self, at: datetime) -> bool:
        """Return whether an action is still linked to this case: while it is open, and for `RETENTION` after its last action."""
        return bool(self._stock) or at < self.last_at + RETENTION

    def dimension_key(self) -> DimensionKey:
        """Return the dimensions of the case's counts: its channel, and its place after the last action."""
        return (self.citizen_case.channel.value, *self.place)

    def numbers(self, at: datetime) -> FigureCounts:  # noqa: ARG002 - other tallies depend on time
        """Return the counts as of `at`; they may contain zeros."""
        if self._is_orphan:
            return {name: number for name, number in self._counts.items() if name.startswith(("sent_", "postage_"))}
        return self._counts | self._end | ({self._stock: 1} if self._stock else {})

    def _count(self, name: str, action: Action) -> FigureCounts:
        counts = {name.format(value=action.value, amount=action.amount): 1}
        if duration := SINCE_RECEIVED.get(name.partition("_")[0] if name.startswith("closed_") else name):
            counts[f"{duration}_milliseconds"] = _milliseconds(action.at - self._since)
        return counts


class PostTally(CaseTally):
    """Items and postage of one total of outgoing post."""

    def __init__(self, citizen_case: CitizenCase, first: Action) -> None:
        super().__init__(citizen_case, first)
        self._postage_class = first.value

    def record(self, action: Action) -> None:
        """Set the items and the postage of the total."""
        self.last_at = action.at
        self._counts = {"post_items": action.amount, "post_cost_cents": action.amount * POSTAGE[action.value][0]}

    def dimension_key(self) -> DimensionKey:
        """Return `post`, site and service, and as queue the direction and the class."""
        return "post", self.place.site, self.place.service, f"outgoing:{self._postage_class}"


class VisitTally(CaseTally):
    """Counts of a visit.

    A visitor who left was not answered, even if called. Visits without an end are forgotten after `FORGOTTEN_AFTER`.
    """

    def __init__(self, citizen_case: CitizenCase, first: Action) -> None:
        super().__init__(citizen_case, first)
        self._at: dict[ActionKind, datetime] = {}

    def record(self, action: Action) -> None:
        """Record the time of an action; `numbers` derives the counts from these times."""
        self.last_at = self._at[action.kind] = action.at

    def is_known(self, at: datetime) -> bool:
        """Return whether an action is still linked to this visit: for `RETENTION`, or `FORGOTTEN_AFTER` longer without end."""
        is_over = bool(self._at.keys() & {ActionKind.VISITOR_SERVED, ActionKind.VISITOR_LEFT})
        return at < self.last_at + RETENTION + (timedelta() if is_over else FORGOTTEN_AFTER)

    def numbers(self, at: datetime) -> FigureCounts:
        """Return the counts as of `at`, which decides whether an open visit is forgotten."""
        came_at, called_at = self._at[ActionKind.TICKET_TAKEN], self._at.get(ActionKind.VISITOR_CALLED)
        served_at, left_at = self._at.get(ActionKind.VISITOR_SERVED), self._at.get(ActionKind.VISITOR_LEFT)
        if left_at:
            wait = min(called_at or left_at, left_at) - came_at
            return {"offered": 1, "abandoned": 1, "abandon_wait_milliseconds": _milliseconds(wait)}
        if not called_at:
            return {"offered": 1, "left_forgotten" if at - came_at >= FORGOTTEN_AFTER else "waiting": 1}
        answered = {"offered": 1, "answered": 1, "wait_milliseconds": _milliseconds(called_at - came_at)}
        if served_at:
            return answered | {"ended": 1, "handle_milliseconds": _milliseconds(served_at - called_at)}
        return answered | {"ended_forgotten" if at - called_at >= FORGOTTEN_AFTER else "in_progress": 1}


class FeedbackTally(CaseTally):
    """Counts of feedback about a case; without `parent` if the case is no longer known."""

    def __init__(self, citizen_case: CitizenCase, first: Action, parent: CaseTally | None) -> None:
        super().__init__(citizen_case, first)
        self._about = parent

    def record(self, action: Action) -> None:
        """Count an action, and keep the case it is about known for `RETENTION` after it, unless the feedback is anonymous."""
        super().record(action)
        if {"invited", f"given_{action.value}_{action.amount}"} <= self._counts.keys():
            self._counts["invited_answered"] = 1
        if self._about and not self._is_anonymous:
            self._about.record_feedback(action.at)

    def is_known(self, at: datetime) -> bool:
        """Return whether an action is still linked to this feedback: while the case that it is about is known.

        Always True if that case was unknown from the start, or if the feedback is anonymous.
        """
        return self._about is None or self._is_anonymous or self._about.is_known(at)

    def dimension_key(self) -> DimensionKey:
        """Return `feedback`, and site, service and, as queue, channel of the case it is about.

        All three are empty if the case is unknown; the queue is also empty if the feedback is anonymous.
        """
        if self._about is None:
            return Channel.FEEDBACK.value, "", "", ""
        place, channel = self._about.place, self._about.citizen_case.channel
        return Channel.FEEDBACK.value, place.site, place.service, "" if self._is_anonymous else channel.value

    @property
    def _is_anonymous(self) -> bool:
        """Whether the feedback form does not know which case it is about, as for online procedures."""
        return self._about is not None and self._about.citizen_case.channel is Channel.FORM


def _milliseconds(elapsed: timedelta) -> int:
    return round(elapsed.total_seconds() * 1000)
