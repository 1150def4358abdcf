"""What happened in a simulated département, fact by fact with its time: apart from its ledger, from events and from figures.

Deeds are told by the plan, calls by the lines of the `queue_log`. The sums must be the ledger's; what a ledger does not keep,
such as days, distributions and who waits longest, is counted here by the words of the documentation.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from connectors.asterisk.simulate.services import SERVICES
from connectors.simulator.actions import Action, ActionKind, CitizenCase
from connectors.simulator.case_tallies import DimensionKey, FigureCounts
from connectors.simulator.ledger import Ledger
from connectors.simulator.organisation import HEADQUARTERS
from models.topics import Channel

CALL_GIVEN_UP, VISIT_GIVEN_UP = timedelta(hours=1), timedelta(hours=12)
"""So long somebody waits, or talks at a desk, of whose end nobody told."""


class HistoryFact(NamedTuple):
    """One thing that happened, where it is counted in the end."""

    place: DimensionKey
    name: str
    at: datetime
    seconds: float | None = None
    """How long it took, if that is measured."""
    cents: int = 0


class OpenItem(NamedTuple):
    """Somebody who waits, or something that is to be done."""

    place: DimensionKey
    state: str
    since: datetime
    """When the contact came."""


class SatisfactionAnswer(NamedTuple):
    """An answer on `csat_1_5`."""

    place: DimensionKey
    at: datetime
    score: int
    longest_wait_seconds: float | None
    """In a queue, of the contact that it is about."""
    contact: str
    """Which that is, as `Life.contact`; empty if nobody knows."""


class SlaItem(NamedTuple):
    """One stay in a queue, or one letter, e-mail or form: something that somebody waits for."""

    contact: str
    """The same for all stays of one call."""
    place: DimensionKey
    """Where it is in the end."""
    came_at: datetime
    steps: Sequence[tuple[datetime, str]]
    """What happened, in its order: of a stay that ended how it did, by the name of that fact; else the deeds."""


class ActionHistory(Ledger):
    """A ledger that keeps all deeds."""

    def __init__(self) -> None:
        super().__init__()
        self._lives: dict[int, list[Action]] = {}
        self._matters: dict[int, CitizenCase] = {}

    def record(self, action: Action) -> None:
        super().record(action)
        if action.kind is not ActionKind.CALLED:
            for citizen_case in (action.citizen_case, *action.other_cases):
                self._matters[citizen_case.number] = citizen_case
                self._lives.setdefault(citizen_case.number, []).append(action)

    def tell(self, queue_log: Path, until: datetime) -> "HistorySnapshot":
        """Return all that happened by `until`."""
        stays = list(_read_stays(queue_log, until))
        story = HistorySnapshot([], [], [], [])
        for stay in stays:
            stay.tell(story, until)
        waits: defaultdict[str, list[float]] = defaultdict(list)
        for stay in stays:
            waits[stay.call].append(stay.wait_seconds(until))
        for number, actions in self._lives.items():
            life = [action for action in actions if action.at <= until]
            if not life:
                continue
            match self._matters[number]:
                case CitizenCase(channel=Channel.VISIT) as citizen_case:
                    _tell_visit(citizen_case, life, story, until)
                case CitizenCase(channel=Channel.FEEDBACK) as citizen_case:
                    self._tell_opinion(citizen_case, life, story, waits, until)
                case CitizenCase(channel=Channel.APPOINTMENT) as citizen_case:
                    _tell_appointment(citizen_case, life, story)
                case citizen_case:
                    _tell_matter(citizen_case, life, story)
        return story

    def _tell_opinion(
        self,
        citizen_case: CitizenCase,
        life: list[Action],
        story: "HistorySnapshot",
        waits: dict[str, list[float]],
        until: datetime,
    ) -> None:
        parent = citizen_case.parent
        assert parent is not None
        before = [action for action in self._lives.get(parent.number, ()) if action.at <= until]
        where = _place(parent, before)[1:3]
        place = (Channel.FEEDBACK.value, *where, "" if parent.channel is Channel.FORM else parent.channel.value)
        given = [action for action in life if action.kind is ActionKind.OPINION_GIVEN]
        for action in life:
            if action.kind is ActionKind.INVITED:
                story.facts.append(HistoryFact(place, "invited", action.at))
                story.facts.extend([HistoryFact(place, "invited_answered", action.at)] * bool(given))
        for action in given[-1:]:
            story.facts.append(HistoryFact(place, f"given_{action.value}_{action.amount}", action.at))
            if action.value == "csat_1_5":
                told = waits[parent.native] if parent.channel is Channel.CALL else _waits_of_visit(parent, before)
                contact = "" if parent.channel is Channel.FORM else _name(parent)
                story.given.append(
                    SatisfactionAnswer(place, action.at, action.amount, max(told, default=None), contact)
                )


class HistorySnapshot(NamedTuple):
    """What happened, and how things stand."""

    facts: list[HistoryFact]
    open: list[OpenItem]
    given: list[SatisfactionAnswer]
    sla_items: list[SlaItem]
    """Of all but appointments, opinions, and letters that the service sent of its own accord."""

    def numbers(self) -> dict[DimensionKey, FigureCounts]:
        """Return the sums, by the names of the ledger."""
        sums: defaultdict[DimensionKey, Counter[str]] = defaultdict(Counter)
        for fact in self.facts:
            sums[fact.place][fact.name] += 1
            if fact.seconds is not None:
                sums[fact.place][f"{MEASURED[fact.name]}_milliseconds"] += round(fact.seconds * 1000)
            if fact.cents:
                for name in ("postage_cents", fact.name.replace("sent", "postage_cents", 1)):
                    sums[fact.place][name] += fact.cents
        for one in self.open:
            sums[one.place][one.state] += 1
        return {place: told for place, one in sums.items() if (told := {name: n for name, n in one.items() if n})}


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
}
"""What happened → what the time that it took is called."""


# ----------------------------------------------------------------------------------------------------------------- calls
class _Stay:
    """A call in one queue, as the log tells it."""

    def __init__(self, call: str, queue: str, at: int) -> None:
        self.call = call
        self.place: DimensionKey = (Channel.CALL.value, HEADQUARTERS, queue, queue)
        self.entered_at = at
        self.over: tuple[str, int, float | None] | None = None
        """What ended the wait, when, and how long it was."""
        self.talked: tuple[str, int, float] | None = None
        self.to = ""
        """The queue to which it was handed on, as far as the log says."""
        self.rings: list[int] = []

    def read(self, at: int, event: str, told: Sequence[str]) -> None:
        if event in _TALKED:
            name, parameter = _TALKED[event]
            self.talked = name, at, float(told[parameter])
            self.to = _LABELS.get(told[0], "") if event == "BLINDTRANSFER" else ""
        elif event in _TURNED_AWAY:
            self.over = f"left_{event.lower()}", at, None
        elif event in _LEAVES:
            self.over = f"left_{_LEAVES[event]}", at, None
        elif event == "CONNECT":
            self.over = "answered", at, float(told[0])
        elif event == "ABANDON":
            self.over = "abandoned", at, float(told[2])
        elif event == "RINGNOANSWER":
            self.rings.append(at)

    def wait_seconds(self, until: datetime) -> float:
        """Return how long it waited, as far as is known."""
        if self.over is None:
            return 0.0 if self._is_waiting(until) else CALL_GIVEN_UP.total_seconds()
        return self.over[1] - self.entered_at if self.over[2] is None else self.over[2]

    def tell(self, story: HistorySnapshot, until: datetime) -> None:
        facts, came_at = story.facts, _moment(self.entered_at)
        facts.append(HistoryFact(self.place, "offered", came_at))
        facts += (HistoryFact(self.place, "ring_unanswered", _moment(at)) for at in self.rings)
        steps: list[tuple[datetime, str]] = []
        story.sla_items.append(SlaItem(f"call:{self.call}", self.place, came_at, steps))
        if self.over is None:
            if self._is_waiting(until):
                story.open.append(OpenItem(self.place, "waiting", came_at))
            else:
                facts.append(HistoryFact(self.place, "left_forgotten", came_at + CALL_GIVEN_UP))
                steps.append((came_at + CALL_GIVEN_UP, "left_forgotten"))
            return
        name, at, wait = self.over
        steps.append((_moment(at), name))
        facts.append(HistoryFact(self.place, name, _moment(at), wait))
        if self.talked:
            name, at, handle = self.talked
            facts.append(HistoryFact(self.place, name, _moment(at), handle))
            if name == "transferred":
                channel, *house, queue = self.place
                site, service = house
                facts.append(
                    HistoryFact(("transfer", site, service, f"{channel}:{queue}:{self.to}"), "handed_on", _moment(at))
                )
        elif name == "answered":
            story.open.append(OpenItem(self.place, "in_progress", came_at))

    def _is_waiting(self, until: datetime) -> bool:
        return until - _moment(self.entered_at) < CALL_GIVEN_UP


_LEAVES: Final = {"EXITWITHTIMEOUT": "timeout", "EXITWITHKEY": "key", "EXITEMPTY": "empty"}
_TURNED_AWAY: Final = frozenset({"CLOSED", "DIVERTED", "FULL"})
_TALKED: Final = {
    "COMPLETEAGENT": ("ended", 1),
    "COMPLETECALLER": ("ended", 1),
    "BLINDTRANSFER": ("transferred", 3),
    "ATTENDEDTRANSFER": ("transferred", 3),
}
"""Event → how a conversation ended, and which parameter says how long it was."""


_LABELS: Final = {service.queue: service.label for service in SERVICES}
"""Queue, and the extension that leads there → what it is called."""


def _read_stays(queue_log: Path, until: datetime) -> Iterable[_Stay]:
    stays: dict[tuple[str, str], _Stay] = {}
    for line in queue_log.read_text().splitlines():
        effective_at, call, queue, _, event, *told = line.split("|")
        if _moment(int(effective_at)) > until:
            break
        if event == "ENTERQUEUE" or event in _TURNED_AWAY:
            if known := stays.get((call, queue)):
                yield known  # a call that was handed on comes to a queue again
            stays[call, queue] = _Stay(call, _LABELS[queue], int(effective_at))
        if stay := stays.get((call, queue)):
            stay.read(int(effective_at), event, told)
    yield from stays.values()


# ------------------------------------------------------------------------------------------------------------ all others
def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _name(citizen_case: CitizenCase) -> str:
    return f"{citizen_case.channel.value}:{citizen_case.reference}"


def _place(citizen_case: CitizenCase, life: Sequence[Action]) -> DimensionKey:
    """Where a matter is in the end."""
    place = next((action.place for action in reversed(life) if action.place), citizen_case.place)
    return (citizen_case.channel.value, *place)


def _first(life: Iterable[Action], *action_kinds: ActionKind) -> Action | None:
    return next((action for action in life if action.kind in action_kinds), None)


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


def _tell_matter(citizen_case: CitizenCase, life: Sequence[Action], story: HistorySnapshot) -> None:
    place, facts = _place(citizen_case, life), story.facts
    facts += (
        HistoryFact(place, f"sent_{action.value}", action.at, cents=action.amount)
        for action in life
        if action.kind is ActionKind.LETTER_SENT
    )
    first = life[0]
    if first.kind is ActionKind.LETTER_SENT:
        return
    scan = first.kind is ActionKind.LETTER_SCANNED
    came_at = (
        first.effective_at
        if first.effective_at and first.kind in {ActionKind.LETTER_SCANNED, ActionKind.LETTER_REGISTERED}
        else first.at
    )
    facts.append(HistoryFact(place, "received", came_at))
    story.sla_items.append(SlaItem(_name(citizen_case), place, came_at, [(action.at, action.kind) for action in life]))
    if scan and came_at < first.at:
        facts.append(HistoryFact(place, "scanned", first.at, (first.at - came_at).total_seconds()))
    for name, action_kinds in _DONE.items():
        if action := _first(life, *action_kinds):
            facts.append(HistoryFact(place, name, action.at, (action.at - came_at).total_seconds()))
    facts += (
        HistoryFact(place, name, action.at)
        for name, action_kinds in _UNMEASURED.items()
        if (action := _first(life, *action_kinds))
    )
    closed: Action | None = None
    state, reopened_at = "", None
    for action in life:
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
        story.open.append(OpenItem(place, state, came_at))


def _tell_appointment(citizen_case: CitizenCase, life: Sequence[Action], story: HistorySnapshot) -> None:
    place, facts, booked = _place(citizen_case, life), story.facts, life[0]
    assert booked.kind is ActionKind.APPOINTMENT_BOOKED
    assert booked.effective_at is not None
    facts.append(HistoryFact(place, "booked", booked.at, (booked.effective_at - booked.at).total_seconds()))
    facts.append(HistoryFact(place, f"booked_by_{booked.value}", booked.at))
    for name, kind in (("moved", ActionKind.APPOINTMENT_MOVED), ("checked_in", ActionKind.CHECKED_IN)):
        if action := _first(life, kind):
            facts.append(HistoryFact(place, name, action.at))
    last = life[-1]
    match last.kind:
        case ActionKind.APPOINTMENT_ATTENDED:
            facts.append(HistoryFact(place, "attended", last.at))
        case ActionKind.APPOINTMENT_MISSED:
            facts.append(HistoryFact(place, "missed", last.at))
        case ActionKind.APPOINTMENT_CANCELLED:
            facts.append(HistoryFact(place, f"cancelled_by_{last.value}", last.at))
        case kind:
            story.open.append(
                OpenItem(place, "waiting" if kind is ActionKind.CHECKED_IN else "pending_citizen", booked.at)
            )


def _tell_visit(citizen_case: CitizenCase, life: Sequence[Action], story: HistorySnapshot, until: datetime) -> None:
    place, facts = _place(citizen_case, life), story.facts
    at = {action.kind: action.at for action in life}
    came_at, called_at = at[ActionKind.TICKET_TAKEN], at.get(ActionKind.VISITOR_CALLED)
    facts.append(HistoryFact(place, "offered", came_at))
    steps: list[tuple[datetime, str]] = []
    story.sla_items.append(SlaItem(_name(citizen_case), place, came_at, steps))
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
            story.open.append(OpenItem(place, "in_progress", came_at))
        else:
            facts.append(HistoryFact(place, "ended_forgotten", called_at + VISIT_GIVEN_UP))
    elif until - came_at < VISIT_GIVEN_UP:
        story.open.append(OpenItem(place, "waiting", came_at))
    else:
        facts.append(HistoryFact(place, "left_forgotten", came_at + VISIT_GIVEN_UP))
        steps.append((came_at + VISIT_GIVEN_UP, "left_forgotten"))


def _waits_of_visit(citizen_case: CitizenCase, life: Sequence[Action]) -> list[float]:
    if citizen_case.channel is not Channel.VISIT:
        return []
    at = {action.kind: action.at for action in life}
    over_at = min(at[kind] for kind in (ActionKind.VISITOR_CALLED, ActionKind.VISITOR_LEFT) if kind in at)
    return [(over_at - at[ActionKind.TICKET_TAKEN]).total_seconds()]
