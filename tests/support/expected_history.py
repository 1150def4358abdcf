"""Expected history of a simulated département: each fact with its time, independent of ledger, events and figures.

Actions come from the plan, calls from the lines of the `queue_log`. The sums must equal the ledger. Days, distributions
and the longest waits, which the ledger does not contain, are counted here as the documentation defines them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from connectors.sdk.simulation.call_profile import SERVICES
from connectors.simulator.actions import Action, ActionKind, CitizenCase
from connectors.simulator.case_tallies import DimensionKey, FigureCounts
from connectors.simulator.ledger import Ledger
from connectors.simulator.organisation import HEADQUARTERS, POSTAGE, find_reason
from models.topics import Channel
from tests.support.expected_log_facts import moment, read_facts_outside_queues, read_lines

CALL_GIVEN_UP, VISIT_GIVEN_UP = timedelta(hours=1), timedelta(hours=12)
"""Time after which an open wait or conversation counts as forgotten: of a call, of a visit."""


class HistoryFact(NamedTuple):
    """One fact, at its final place."""

    place: DimensionKey
    name: str
    at: datetime
    seconds: float | None = None
    """Duration, if measured."""
    cents: int = 0
    number: int = 1
    """Number of times that the fact counts: items of a total."""


class OpenItem(NamedTuple):
    """A waiting contact or open case."""

    place: DimensionKey
    state: str
    since: datetime
    """Time of arrival of the contact."""


class SatisfactionAnswer(NamedTuple):
    """An answer on `csat_1_5`."""

    place: DimensionKey
    at: datetime
    score: int
    longest_wait_seconds: float | None
    """Longest wait in a queue of the contact that the answer is about."""
    contact: str
    """That contact, as `SlaItem.contact`; empty if unknown."""


class SlaItem(NamedTuple):
    """One queue stay, letter, e-mail or form that waits for a service."""

    contact: str
    """The same for all queue stays of one call."""
    place: DimensionKey
    """Final place."""
    came_at: datetime
    steps: Sequence[tuple[datetime, str]]
    """Times and names of its steps, in order: of a queue stay only its end; otherwise the actions."""


class ActionHistory(Ledger):
    """A ledger that keeps all actions."""

    def __init__(self) -> None:
        super().__init__()
        self._actions: dict[int, list[Action]] = {}
        self._cases: dict[int, CitizenCase] = {}

    def record(self, action: Action) -> None:
        super().record(action)
        if action.kind is not ActionKind.CALLED:
            for citizen_case in (action.citizen_case, *action.other_cases):
                self._cases[citizen_case.number] = citizen_case
                self._actions.setdefault(citizen_case.number, []).append(action)

    def snapshot(self, queue_log: Path, until: datetime) -> "HistorySnapshot":
        """Return the history up to `until`."""
        stays = list(_read_stays(queue_log, until))
        last_queues = {stay.call: stay.place[3] for stay in sorted(stays, key=lambda stay: stay.entered_at)}
        facts = [HistoryFact(*fact) for fact in read_facts_outside_queues(queue_log, until, last_queues)]
        snapshot = HistorySnapshot(facts, [], [], [])
        for stay in stays:
            stay.snapshot(snapshot, until)
        waits: defaultdict[str, list[float]] = defaultdict(list)
        for stay in stays:
            waits[stay.call].append(stay.wait_seconds(until))
        for number, actions in self._actions.items():
            actions = [action for action in actions if action.at <= until]
            if not actions:
                continue
            match self._cases[number]:
                case CitizenCase(channel=Channel.VISIT) as citizen_case:
                    _add_visit(citizen_case, actions, snapshot, until)
                case CitizenCase(channel=Channel.FEEDBACK) as citizen_case:
                    self._add_opinion(citizen_case, actions, snapshot, waits, until)
                case CitizenCase(channel=Channel.APPOINTMENT) as citizen_case:
                    _add_appointment(citizen_case, actions, snapshot)
                case citizen_case if actions[0].kind is ActionKind.POST_FRANKED:
                    _add_franked(citizen_case, actions[0], snapshot)
                case citizen_case:
                    _add_request(citizen_case, actions, snapshot)
                    _add_reason(citizen_case, actions, snapshot)
        return snapshot

    def _add_opinion(
        self,
        citizen_case: CitizenCase,
        actions: list[Action],
        snapshot: "HistorySnapshot",
        waits: dict[str, list[float]],
        until: datetime,
    ) -> None:
        parent = citizen_case.parent
        assert parent is not None
        parent_actions = [action for action in self._actions.get(parent.number, ()) if action.at <= until]
        place_parts = _place(parent, parent_actions)[1:3]
        place = (Channel.FEEDBACK.value, *place_parts, "" if parent.channel is Channel.FORM else parent.channel.value)
        given = [action for action in actions if action.kind is ActionKind.OPINION_GIVEN]
        for action in actions:
            if action.kind is ActionKind.INVITED:
                snapshot.facts.append(HistoryFact(place, "invited", action.at))
                snapshot.facts.extend([HistoryFact(place, "invited_answered", action.at)] * bool(given))
        for action in given[-1:]:
            snapshot.facts.append(HistoryFact(place, f"given_{action.value}_{action.amount}", action.at))
            if action.value == "csat_1_5":
                waits_of_contact = (
                    waits[parent.native] if parent.channel is Channel.CALL else _waits_of_visit(parent, parent_actions)
                )
                contact = "" if parent.channel is Channel.FORM else _name(parent)
                snapshot.given.append(
                    SatisfactionAnswer(place, action.at, action.amount, max(waits_of_contact, default=None), contact)
                )


class HistorySnapshot(NamedTuple):
    """All facts up to a time, and the state at that time."""

    facts: list[HistoryFact]
    open: list[OpenItem]
    given: list[SatisfactionAnswer]
    sla_items: list[SlaItem]
    """All contacts except appointments, opinions, and letters sent without a request."""

    def numbers(self) -> dict[DimensionKey, FigureCounts]:
        sums: defaultdict[DimensionKey, Counter[str]] = defaultdict(Counter)
        for fact in self.facts:
            sums[fact.place][fact.name] += fact.number
            if fact.seconds is not None:
                sums[fact.place][f"{MEASURED[fact.name]}_milliseconds"] += round(fact.seconds * 1000)
            if fact.name == "post_items":
                sums[fact.place]["post_cost_cents"] += fact.cents
            elif fact.cents:
                for name in ("postage_cents", fact.name.replace("sent", "postage_cents", 1)):
                    sums[fact.place][name] += fact.cents
        for item in self.open:
            sums[item.place][item.state] += 1
        return {
            place: numbers for place, item in sums.items() if (numbers := {name: n for name, n in item.items() if n})
        }


MEASURED: Final = {
    "answered": "wait",
    "abandoned": "abandon_wait",
    "transferred": "handle",
    "ended": "handle",
    "scanned": "scan",
    "registered": "registration",
    "assigned": "assignment",
    "acknowledged": "acknowledgement",
    "responded": "first_response",
    **{
        f"closed_{outcome}": "resolution"
        for outcome in ("answered", "resolved", "rejected", "duplicate", "redirected", "no_action", "accepted")
    },
    "booked": "lead",
    "message_heard": "message_hearing",
    "called_back": "callback",
}
"""Fact → name of its duration."""


# ----------------------------------------------------------------------------------------------------------------- calls
class _Stay:
    """A queue stay of a call, from the log."""

    def __init__(self, call: str, queue: str, at: int) -> None:
        self.call = call
        self.place: DimensionKey = (Channel.CALL.value, HEADQUARTERS, queue, queue)
        self.entered_at = at
        self.exit: tuple[str, int, float | None] | None = None
        """End of the wait: name, time, wait in seconds."""
        self.conversation: tuple[str, int, float] | None = None
        self.target = ""
        """Target queue of a transfer, if logged."""
        self.rings: list[int] = []

    def read(self, at: int, event: str, parameters: Sequence[str]) -> None:
        if event in _TALKED:
            name, parameter = _TALKED[event]
            self.conversation = name, at, float(parameters[parameter])
            self.target = _LABELS.get(parameters[0], "") if event == "BLINDTRANSFER" else ""
        elif event in _TURNED_AWAY:
            self.exit = f"left_{event.lower()}", at, None
        elif event in _LEAVES:
            self.exit = f"left_{_LEAVES[event]}", at, None
        elif event == "CONNECT":
            self.exit = "answered", at, float(parameters[0])
        elif event == "ABANDON":
            self.exit = "abandoned", at, float(parameters[2])
        elif event == "RINGNOANSWER":
            self.rings.append(at)

    def wait_seconds(self, until: datetime) -> float:
        """Return the wait, as far as known."""
        if self.exit is None:
            return 0.0 if self._is_waiting(until) else CALL_GIVEN_UP.total_seconds()
        return self.exit[1] - self.entered_at if self.exit[2] is None else self.exit[2]

    def snapshot(self, snapshot: HistorySnapshot, until: datetime) -> None:
        facts, came_at = snapshot.facts, moment(self.entered_at)
        facts.append(HistoryFact(self.place, "offered", came_at))
        facts += (HistoryFact(self.place, "ring_unanswered", moment(at)) for at in self.rings)
        steps: list[tuple[datetime, str]] = []
        snapshot.sla_items.append(SlaItem(f"call:{self.call}", self.place, came_at, steps))
        if self.exit is None:
            if self._is_waiting(until):
                snapshot.open.append(OpenItem(self.place, "waiting", came_at))
            else:
                facts.append(HistoryFact(self.place, "left_forgotten", came_at + CALL_GIVEN_UP))
                steps.append((came_at + CALL_GIVEN_UP, "left_forgotten"))
            return
        name, at, wait = self.exit
        steps.append((moment(at), name))
        facts.append(HistoryFact(self.place, name, moment(at), wait))
        if self.conversation:
            name, at, handle = self.conversation
            facts.append(HistoryFact(self.place, name, moment(at), handle))
            if name == "transferred":
                channel, site, service, queue = self.place
                facts.append(
                    HistoryFact(
                        ("transfer", site, service, f"{channel}:{queue}:{self.target}"), "handed_on", moment(at)
                    )
                )
        elif name == "answered":
            snapshot.open.append(OpenItem(self.place, "in_progress", came_at))

    def _is_waiting(self, until: datetime) -> bool:
        return until - moment(self.entered_at) < CALL_GIVEN_UP


_LEAVES: Final = {"EXITWITHTIMEOUT": "timeout", "EXITWITHKEY": "key", "EXITEMPTY": "empty"}
_TURNED_AWAY: Final = frozenset({"CLOSED", "DIVERTED", "FULL"})
_TALKED: Final = {
    "COMPLETEAGENT": ("ended", 1),
    "COMPLETECALLER": ("ended", 1),
    "BLINDTRANSFER": ("transferred", 3),
    "ATTENDEDTRANSFER": ("transferred", 3),
}
"""Event → end of a conversation, and index of the parameter with its duration."""
_LABELS: Final = {service.queue: service.label for service in SERVICES}
"""Queue or extension → label."""


def _read_stays(queue_log: Path, until: datetime) -> Iterable[_Stay]:
    stays: dict[tuple[str, str], _Stay] = {}
    for effective_at, call, queue, event, parameters in read_lines(queue_log, until):
        if event == "ENTERQUEUE" or event in _TURNED_AWAY:
            if stay := stays.get((call, queue)):
                yield stay  # a transferred call returns to a queue
            stays[call, queue] = _Stay(call, _LABELS[queue], effective_at)
        if stay := stays.get((call, queue)):
            stay.read(effective_at, event, parameters)
    yield from stays.values()


# ------------------------------------------------------------------------------------------------------------ all others
def _name(citizen_case: CitizenCase) -> str:
    return f"{citizen_case.channel.value}:{citizen_case.reference}"


def _place(citizen_case: CitizenCase, actions: Sequence[Action]) -> DimensionKey:
    place = next((action.place for action in reversed(actions) if action.place), citizen_case.place)
    return (citizen_case.channel.value, *place)


def _first(actions: Iterable[Action], *action_kinds: ActionKind) -> Action | None:
    return next((action for action in actions if action.kind in action_kinds), None)


_DONE: Final = {
    "registered": (ActionKind.LETTER_SCANNED, ActionKind.LETTER_REGISTERED),
    "assigned": (ActionKind.LETTER_ASSIGNED, ActionKind.LETTER_REGISTERED, ActionKind.FORM_TAKEN_UP),
    "acknowledged": (ActionKind.LETTER_ACKNOWLEDGED, ActionKind.EMAIL_ACKNOWLEDGED),
    "responded": (
        ActionKind.LETTER_ANSWERED,
        ActionKind.EMAIL_ANSWERED,
        ActionKind.FORM_DECIDED,
        ActionKind.CORRECTION_REQUESTED,
    ),
}
_UNMEASURED: Final = {
    "correction_requested": (ActionKind.CORRECTION_REQUESTED,),
    "corrected": (ActionKind.FORM_CORRECTED,),
}
CLOSES: Final = frozenset(
    {ActionKind.LETTER_ANSWERED, ActionKind.LETTER_CLOSED, ActionKind.EMAIL_ANSWERED, ActionKind.FORM_DECIDED}
)
GOES_ON: Final = {
    ActionKind.LETTER_ASSIGNED: "in_progress",
    ActionKind.LETTER_REGISTERED: "in_progress",
    ActionKind.LETTER_SCANNED: "waiting",
    ActionKind.EMAIL_RECEIVED: "waiting",
    ActionKind.FORM_SUBMITTED: "waiting",
    ActionKind.FORM_TAKEN_UP: "in_progress",
    ActionKind.FORM_CORRECTED: "in_progress",
    ActionKind.CORRECTION_REQUESTED: "pending_citizen",
}


def _add_franked(citizen_case: CitizenCase, action: Action, snapshot: HistorySnapshot) -> None:
    place = ("post", HEADQUARTERS, citizen_case.place.service, f"outgoing:{action.value}")
    cents = action.amount * POSTAGE[action.value][0]
    snapshot.facts.append(HistoryFact(place, "post_items", action.at, cents=cents, number=action.amount))


def _add_reason(citizen_case: CitizenCase, actions: Sequence[Action], snapshot: HistorySnapshot) -> None:
    if reason := find_reason(citizen_case):
        channel, site, service, _ = _place(citizen_case, actions)
        place = ("reason", site, service, f"{channel}:{reason}")
        snapshot.facts.append(HistoryFact(place, "reason_contacts", actions[0].at))


def _add_request(citizen_case: CitizenCase, actions: Sequence[Action], snapshot: HistorySnapshot) -> None:
    place, facts = _place(citizen_case, actions), snapshot.facts
    facts += (
        HistoryFact(place, f"sent_{action.value}", action.at, cents=action.amount)
        for action in actions
        if action.kind is ActionKind.LETTER_SENT
    )
    first = actions[0]
    if first.kind is ActionKind.LETTER_SENT:
        return
    scan = first.kind is ActionKind.LETTER_SCANNED
    came_at = (
        first.effective_at
        if first.effective_at and first.kind in {ActionKind.LETTER_SCANNED, ActionKind.LETTER_REGISTERED}
        else first.at
    )
    facts.append(HistoryFact(place, "received", came_at))
    snapshot.sla_items.append(
        SlaItem(_name(citizen_case), place, came_at, [(action.at, action.kind) for action in actions])
    )
    if scan and came_at < first.at:
        facts.append(HistoryFact(place, "scanned", first.at, (first.at - came_at).total_seconds()))
    for name, action_kinds in _DONE.items():
        if action := _first(actions, *action_kinds):
            facts.append(HistoryFact(place, name, action.at, (action.at - came_at).total_seconds()))
    facts += (
        HistoryFact(place, name, action.at)
        for name, action_kinds in _UNMEASURED.items()
        if (action := _first(actions, *action_kinds))
    )
    closed: Action | None = None
    state, reopened_at = "", None
    for action in actions:
        if action.kind in CLOSES:
            closed = action
        elif action.kind in GOES_ON:
            reopened_at = reopened_at or (action.at if closed else None)
            closed, state = None, GOES_ON[action.kind]
    if reopened_at:
        facts.append(HistoryFact(place, "reopened", reopened_at))
    if closed:
        outcome = closed.value or "answered"
        facts.append(HistoryFact(place, f"closed_{outcome}", closed.at, (closed.at - came_at).total_seconds()))
    else:
        snapshot.open.append(OpenItem(place, state, came_at))


def _add_appointment(citizen_case: CitizenCase, actions: Sequence[Action], snapshot: HistorySnapshot) -> None:
    place, facts, booked = _place(citizen_case, actions), snapshot.facts, actions[0]
    assert booked.kind is ActionKind.APPOINTMENT_BOOKED
    assert booked.effective_at is not None
    facts.append(HistoryFact(place, "booked", booked.at, (booked.effective_at - booked.at).total_seconds()))
    facts.append(HistoryFact(place, f"booked_by_{booked.value}", booked.at))
    for name, kind in (("moved", ActionKind.APPOINTMENT_MOVED), ("checked_in", ActionKind.CHECKED_IN)):
        if action := _first(actions, kind):
            facts.append(HistoryFact(place, name, action.at))
    last = actions[-1]
    match last.kind:
        case ActionKind.APPOINTMENT_ATTENDED:
            facts.append(HistoryFact(place, "attended", last.at))
        case ActionKind.APPOINTMENT_MISSED:
            facts.append(HistoryFact(place, "missed", last.at))
        case ActionKind.APPOINTMENT_CANCELLED:
            facts.append(HistoryFact(place, f"cancelled_by_{last.value}", last.at))
        case kind:
            snapshot.open.append(
                OpenItem(place, "waiting" if kind is ActionKind.CHECKED_IN else "pending_citizen", booked.at)
            )


def _add_visit(
    citizen_case: CitizenCase, actions: Sequence[Action], snapshot: HistorySnapshot, until: datetime
) -> None:
    place, facts = _place(citizen_case, actions), snapshot.facts
    at = {action.kind: action.at for action in actions}
    came_at, called_at = at[ActionKind.TICKET_TAKEN], at.get(ActionKind.VISITOR_CALLED)
    facts.append(HistoryFact(place, "offered", came_at))
    steps: list[tuple[datetime, str]] = []
    snapshot.sla_items.append(SlaItem(_name(citizen_case), place, came_at, steps))
    if left_at := at.get(ActionKind.VISITOR_LEFT):
        gone_at = min(called_at or left_at, left_at)
        facts.append(HistoryFact(place, "abandoned", gone_at, (gone_at - came_at).total_seconds()))
        steps.append((gone_at, "abandoned"))
    elif called_at:
        facts.append(HistoryFact(place, "answered", called_at, (called_at - came_at).total_seconds()))
        steps.append((called_at, "answered"))
        if served_at := at.get(ActionKind.VISITOR_SERVED):
            facts.append(HistoryFact(place, "ended", served_at, (served_at - called_at).total_seconds()))
        elif until - called_at < VISIT_GIVEN_UP:
            snapshot.open.append(OpenItem(place, "in_progress", came_at))
        else:
            facts.append(HistoryFact(place, "ended_forgotten", called_at + VISIT_GIVEN_UP))
    elif until - came_at < VISIT_GIVEN_UP:
        snapshot.open.append(OpenItem(place, "waiting", came_at))
    else:
        facts.append(HistoryFact(place, "left_forgotten", came_at + VISIT_GIVEN_UP))
        steps.append((came_at + VISIT_GIVEN_UP, "left_forgotten"))


def _waits_of_visit(citizen_case: CitizenCase, actions: Sequence[Action]) -> list[float]:
    if citizen_case.channel is not Channel.VISIT:
        return []
    at = {action.kind: action.at for action in actions}
    over_at = min(at[kind] for kind in (ActionKind.VISITOR_CALLED, ActionKind.VISITOR_LEFT) if kind in at)
    return [(over_at - at[ActionKind.TICKET_TAKEN]).total_seconds()]
