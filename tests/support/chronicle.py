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
from connectors.simulator.accounts import Numbers, Where
from connectors.simulator.deeds import Deed, Matter, What
from connectors.simulator.house import HEADQUARTERS
from connectors.simulator.ledger import Ledger
from models.topics import Channel

CALL_GIVEN_UP, VISIT_GIVEN_UP = timedelta(hours=1), timedelta(hours=12)
"""So long somebody waits, or talks at a desk, of whose end nobody told."""


class Fact(NamedTuple):
    """One thing that happened, where it is counted in the end."""

    place: Where
    name: str
    at: datetime
    seconds: float | None = None
    """How long it took, if that is measured."""
    cents: int = 0


class Open(NamedTuple):
    """Somebody who waits, or something that is to be done."""

    place: Where
    state: str
    since: datetime
    """When the contact came."""


class Given(NamedTuple):
    """An answer on `csat_1_5`."""

    place: Where
    at: datetime
    score: int
    longest_wait_seconds: float | None
    """In a queue, of the contact that it is about."""
    contact: str
    """Which that is, as `Life.contact`; empty if nobody knows."""


class Life(NamedTuple):
    """One stay in a queue, or one letter, e-mail or form: something that somebody waits for."""

    contact: str
    """The same for all stays of one call."""
    place: Where
    """Where it is in the end."""
    came_at: datetime
    steps: Sequence[tuple[datetime, str]]
    """What happened, in its order: of a stay that ended how it did, by the name of that fact; else the deeds."""


class Chronicle(Ledger):
    """A ledger that keeps all deeds."""

    def __init__(self) -> None:
        super().__init__()
        self._lives: dict[int, list[Deed]] = {}
        self._matters: dict[int, Matter] = {}

    def note(self, deed: Deed) -> None:
        super().note(deed)
        if deed.what is not What.CALLED:
            for matter in (deed.matter, *deed.others):
                self._matters[matter.number] = matter
                self._lives.setdefault(matter.number, []).append(deed)

    def tell(self, queue_log: Path, until: datetime) -> "Story":
        """Return all that happened by `until`."""
        stays = list(_read_stays(queue_log, until))
        story = Story([], [], [], [])
        for stay in stays:
            stay.tell(story, until)
        waits: defaultdict[str, list[float]] = defaultdict(list)
        for stay in stays:
            waits[stay.call].append(stay.wait_seconds(until))
        for number, deeds in self._lives.items():
            life = [deed for deed in deeds if deed.at <= until]
            if not life:
                continue
            match self._matters[number]:
                case Matter(channel=Channel.VISIT) as matter:
                    _tell_visit(matter, life, story, until)
                case Matter(channel=Channel.FEEDBACK) as matter:
                    self._tell_opinion(matter, life, story, waits, until)
                case Matter(channel=Channel.APPOINTMENT) as matter:
                    _tell_appointment(matter, life, story)
                case matter:
                    _tell_matter(matter, life, story)
        return story

    def _tell_opinion(
        self, matter: Matter, life: list[Deed], story: "Story", waits: dict[str, list[float]], until: datetime
    ) -> None:
        about = matter.about
        assert about is not None
        before = [deed for deed in self._lives.get(about.number, ()) if deed.at <= until]
        where = _place(about, before)[1:3]
        place = (Channel.FEEDBACK.value, *where, "" if about.channel is Channel.FORM else about.channel.value)
        given = [deed for deed in life if deed.what is What.OPINION_GIVEN]
        for deed in life:
            if deed.what is What.INVITED:
                story.facts.append(Fact(place, "invited", deed.at))
                story.facts.extend([Fact(place, "invited_answered", deed.at)] * bool(given))
        for deed in given[-1:]:
            story.facts.append(Fact(place, f"given_{deed.value}_{deed.amount}", deed.at))
            if deed.value == "csat_1_5":
                told = waits[about.native] if about.channel is Channel.CALL else _waits_of_visit(about, before)
                contact = "" if about.channel is Channel.FORM else _name(about)
                story.given.append(Given(place, deed.at, deed.amount, max(told, default=None), contact))


class Story(NamedTuple):
    """What happened, and how things stand."""

    facts: list[Fact]
    open: list[Open]
    given: list[Given]
    lives: list[Life]
    """Of all but appointments, opinions, and letters that the service sent of its own accord."""

    def numbers(self) -> dict[Where, Numbers]:
        """Return the sums, by the names of the ledger."""
        sums: defaultdict[Where, Counter[str]] = defaultdict(Counter)
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
        self.place: Where = (Channel.CALL.value, HEADQUARTERS, queue, queue)
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

    def tell(self, story: Story, until: datetime) -> None:
        facts, came_at = story.facts, _moment(self.entered_at)
        facts.append(Fact(self.place, "offered", came_at))
        facts += (Fact(self.place, "ring_unanswered", _moment(at)) for at in self.rings)
        steps: list[tuple[datetime, str]] = []
        story.lives.append(Life(f"call:{self.call}", self.place, came_at, steps))
        if self.over is None:
            if self._is_waiting(until):
                story.open.append(Open(self.place, "waiting", came_at))
            else:
                facts.append(Fact(self.place, "left_forgotten", came_at + CALL_GIVEN_UP))
                steps.append((came_at + CALL_GIVEN_UP, "left_forgotten"))
            return
        name, at, wait = self.over
        steps.append((_moment(at), name))
        facts.append(Fact(self.place, name, _moment(at), wait))
        if self.talked:
            name, at, handle = self.talked
            facts.append(Fact(self.place, name, _moment(at), handle))
            if name == "transferred":
                channel, *house, queue = self.place
                site, service = house
                facts.append(
                    Fact(("transfer", site, service, f"{channel}:{queue}:{self.to}"), "handed_on", _moment(at))
                )
        elif name == "answered":
            story.open.append(Open(self.place, "in_progress", came_at))

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
        when, call, queue, _, event, *told = line.split("|")
        if _moment(int(when)) > until:
            break
        if event == "ENTERQUEUE" or event in _TURNED_AWAY:
            if known := stays.get((call, queue)):
                yield known  # a call that was handed on comes to a queue again
            stays[call, queue] = _Stay(call, _LABELS[queue], int(when))
        if stay := stays.get((call, queue)):
            stay.read(int(when), event, told)
    yield from stays.values()


# ------------------------------------------------------------------------------------------------------------ all others
def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _name(matter: Matter) -> str:
    return f"{matter.channel.value}:{matter.reference}"


def _place(matter: Matter, life: Sequence[Deed]) -> Where:
    """Where a matter is in the end."""
    place = next((deed.place for deed in reversed(life) if deed.place), matter.place)
    return (matter.channel.value, *place)


def _first(life: Iterable[Deed], *whats: What) -> Deed | None:
    return next((deed for deed in life if deed.what in whats), None)


_DONE: Final = {
    "registered": (What.LETTER_SCANNED, What.LETTER_REGISTERED),
    "assigned": (What.LETTER_ASSIGNED, What.LETTER_REGISTERED, What.FORM_TAKEN_UP),
    "acknowledged": (What.LETTER_ACKNOWLEDGED, What.EMAIL_ACKNOWLEDGED),
    "responded": (What.LETTER_ANSWERED, What.EMAIL_ANSWERED, What.FORM_DECIDED, What.CORRECTION_REQUESTED),
}
_UNMEASURED: Final = {
    "correction_requested": (What.CORRECTION_REQUESTED,),
    "corrected": (What.FORM_CORRECTED,),
}
CLOSES: Final = frozenset({What.LETTER_ANSWERED, What.LETTER_CLOSED, What.EMAIL_ANSWERED, What.FORM_DECIDED})
GOES_ON: Final = {
    What.LETTER_ASSIGNED: "in_progress",
    What.LETTER_REGISTERED: "in_progress",
    What.LETTER_SCANNED: "waiting",
    What.EMAIL_RECEIVED: "waiting",
    What.FORM_SUBMITTED: "waiting",
    What.FORM_TAKEN_UP: "in_progress",
    What.FORM_CORRECTED: "in_progress",
    What.CORRECTION_REQUESTED: "pending_citizen",
}


def _tell_matter(matter: Matter, life: Sequence[Deed], story: Story) -> None:
    place, facts = _place(matter, life), story.facts
    facts += (
        Fact(place, f"sent_{deed.value}", deed.at, cents=deed.amount) for deed in life if deed.what is What.LETTER_SENT
    )
    first = life[0]
    if first.what is What.LETTER_SENT:
        return
    scan = first.what is What.LETTER_SCANNED
    came_at = first.when if first.when and first.what in {What.LETTER_SCANNED, What.LETTER_REGISTERED} else first.at
    facts.append(Fact(place, "received", came_at))
    story.lives.append(Life(_name(matter), place, came_at, [(deed.at, deed.what) for deed in life]))
    if scan and came_at < first.at:
        facts.append(Fact(place, "scanned", first.at, (first.at - came_at).total_seconds()))
    for name, whats in _DONE.items():
        if deed := _first(life, *whats):
            facts.append(Fact(place, name, deed.at, (deed.at - came_at).total_seconds()))
    facts += (Fact(place, name, deed.at) for name, whats in _UNMEASURED.items() if (deed := _first(life, *whats)))
    closed: Deed | None = None
    state, reopened_at = "", None
    for deed in life:
        if deed.what in CLOSES:
            closed = deed
        elif deed.what in GOES_ON:
            reopened_at = reopened_at or (deed.at if closed else None)
            closed, state = None, GOES_ON[deed.what]
    if reopened_at:
        facts.append(Fact(place, "reopened", reopened_at))
    if closed:
        outcome = closed.value or "answered"
        facts.append(Fact(place, f"closed_{outcome}", closed.at, (closed.at - came_at).total_seconds()))
    else:
        story.open.append(Open(place, state, came_at))


def _tell_appointment(matter: Matter, life: Sequence[Deed], story: Story) -> None:
    place, facts, booked = _place(matter, life), story.facts, life[0]
    assert booked.what is What.APPOINTMENT_BOOKED
    assert booked.when is not None
    facts.append(Fact(place, "booked", booked.at, (booked.when - booked.at).total_seconds()))
    facts.append(Fact(place, f"booked_by_{booked.value}", booked.at))
    for name, what in (("moved", What.APPOINTMENT_MOVED), ("checked_in", What.CHECKED_IN)):
        if deed := _first(life, what):
            facts.append(Fact(place, name, deed.at))
    last = life[-1]
    match last.what:
        case What.APPOINTMENT_ATTENDED:
            facts.append(Fact(place, "attended", last.at))
        case What.APPOINTMENT_MISSED:
            facts.append(Fact(place, "missed", last.at))
        case What.APPOINTMENT_CANCELLED:
            facts.append(Fact(place, f"cancelled_by_{last.value}", last.at))
        case what:
            story.open.append(Open(place, "waiting" if what is What.CHECKED_IN else "pending_citizen", booked.at))


def _tell_visit(matter: Matter, life: Sequence[Deed], story: Story, until: datetime) -> None:
    place, facts = _place(matter, life), story.facts
    at = {deed.what: deed.at for deed in life}
    came_at, called_at = at[What.TICKET_TAKEN], at.get(What.VISITOR_CALLED)
    facts.append(Fact(place, "offered", came_at))
    steps: list[tuple[datetime, str]] = []
    story.lives.append(Life(_name(matter), place, came_at, steps))
    if left_at := at.get(What.VISITOR_LEFT):
        gone_at = min(called_at or left_at, left_at)
        facts.append(Fact(place, "abandoned", gone_at, (gone_at - came_at).total_seconds()))
        steps.append((gone_at, "abandoned"))
    elif called_at:
        facts.append(Fact(place, "answered", called_at, (called_at - came_at).total_seconds()))
        steps.append((called_at, "answered"))
        if served_at := at.get(What.VISITOR_SERVED):
            facts.append(Fact(place, "ended", served_at, (served_at - called_at).total_seconds()))
        elif until - called_at < VISIT_GIVEN_UP:
            story.open.append(Open(place, "in_progress", came_at))
        else:
            facts.append(Fact(place, "ended_forgotten", called_at + VISIT_GIVEN_UP))
    elif until - came_at < VISIT_GIVEN_UP:
        story.open.append(Open(place, "waiting", came_at))
    else:
        facts.append(Fact(place, "left_forgotten", came_at + VISIT_GIVEN_UP))
        steps.append((came_at + VISIT_GIVEN_UP, "left_forgotten"))


def _waits_of_visit(matter: Matter, life: Sequence[Deed]) -> list[float]:
    if matter.channel is not Channel.VISIT:
        return []
    at = {deed.what: deed.at for deed in life}
    over_at = min(at[what] for what in (What.VISITOR_CALLED, What.VISITOR_LEFT) if what in at)
    return [(over_at - at[What.TICKET_TAKEN]).total_seconds()]
