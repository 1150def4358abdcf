"""A switchboard that does not exist: a seeded day, or an endless one as of now, as native `queue_log` lines.

A small discrete-event simulation. Citizens call (Mondays more, at noon less), wait with finite patience, are answered by agents
who ring, talk, pause and eat, are transferred, turned away, and now and then forgotten by the switchboard. What really happened
is kept in a `Ledger`, against which figures made from the log can be checked.
"""

import heapq
import json
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from itertools import count, pairwise
from math import exp
from pathlib import Path
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

ZONE: Final = ZoneInfo("Europe/Paris")
SHORT_SECONDS: Final = 10
"""Who hangs up within this time is a short abandon."""
HOUR: Final = 3600
WORKING_DAYS: Final = range(5)
WEEKDAYS: Final = (1.35, 1.10, 0.95, 1.00, 0.90, 0.03, 0.02)
"""How many call, Monday to Sunday, next to a usual day."""
CURVE: Final = (
    *((0, 0.0), (7, 0.02), (8, 0.1), (8.5, 0.8), (9.5, 1.5), (11, 1.4), (12, 0.7), (13, 0.45), (14, 1.3), (15.5, 1.2)),
    *((17, 0.6), (17.5, 0.1), (19, 0.02), (24, 0.0)),
)
"""How many call, by hour of the day; straight lines between."""
USUAL_HOURS: Final = 9
"""A usual day's calls would take so long if they came evenly."""
CALLER_RANGES: Final = ("063998", "019900", "026191", "035301", "046571", "053649")
"""Numbers that France reserves for fiction; the last four digits follow."""

DIVERTED: Final = 0.01
WITHHELD: Final = 0.08
FORGOTTEN: Final = 0.004
IMPATIENT: Final = 0.03
PRESSES_KEY: Final = 0.02
NO_ANSWER: Final = 0.05
BLIND_TRANSFER: Final = 0.06
ATTENDED_TRANSFER: Final = 0.03
AGENT_HANGS_UP: Final = 0.3
OVERFLOWS: Final = 0.5
"""How likely it is that something happens to a call; the last, that one who waited too long is passed to the first queue."""


@dataclass(frozen=True, slots=True)
class Service:
    """One queue of the simulated switchboard and those who answer it."""

    queue: str
    label: str
    extension: str
    number: str
    share: float
    """Of all calls."""
    agents: int
    talk_seconds: float
    """Median; conversations are distributed log-normally."""
    patience_seconds: float = 240
    """Mean; exponential."""
    timeout_seconds: float = 420
    capacity: int = 12
    openings: tuple[tuple[float, float], ...] = ((8.5, 17.0),)
    """Hours of the day."""


SERVICES: Final = (
    Service("600", "accueil", "600", "0199000010", 0.32, 5, 95),
    Service("610", "action-sociale", "610", "0199000020", 0.24, 8, 260, patience_seconds=420),
    Service("620", "autonomie", "620", "0199000030", 0.17, 5, 230, patience_seconds=360),
    Service("630", "transports-scolaires", "630", "0199000040", 0.14, 3, 150),
    Service("640", "routes", "640", "0199000050", 0.08, 2, 120, capacity=6),
    Service("650", "archives", "650", "0199000060", 0.05, 1, 180, capacity=3, openings=((9.0, 12.0), (13.5, 17.0))),
)


def configuration(path: Path) -> dict[str, Any]:
    """Return the options of the connector that reads the simulated log at `path`."""
    return {
        "path": str(path),
        "sector": "demonstration",
        "site": "siege",
        "queues": {
            service.queue: {"label": service.label, "service": service.label, "extensions": [service.extension]}
            for service in SERVICES
        },
        "dids": {service.number: {"line": service.label, "service": service.label} for service in SERVICES},
        "custom_events": {"FULL": "full", "CLOSED": "closed", "DIVERTED": "diverted"},
    }


@dataclass(slots=True)
class Tally:
    """What happened in one queue. offered = answered + abandoned + all that left + forgotten + waiting."""

    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    short_abandoned: int = 0
    left: dict[str, int] = field(default_factory=dict)
    """Reason → how many left without an answer, neither giving up nor forgotten."""
    forgotten: int = 0
    waiting: int = 0
    transferred: int = 0
    ended: int = 0
    in_progress: int = 0
    ring_unanswered: int = 0
    wait_seconds: int = 0
    """Of the answered, as logged."""
    abandon_wait_seconds: int = 0
    handle_seconds: int = 0
    """Of those whose conversation is over, as logged."""


@dataclass(slots=True)
class Ledger:
    """What really happened, by queue."""

    calls: int = 0
    """How many reached the switchboard."""
    queues: dict[str, Tally] = field(default_factory=lambda: {service.label: Tally() for service in SERVICES})

    def to_json(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self), indent=2)


@dataclass(slots=True, eq=False)
class _Call:
    id: str
    number: str
    first_position: int = 0
    entered_at: int = 0
    agent: "_Agent | None" = None
    """Who it rings at, or talks to."""
    stays: int = 0
    """How many stays in queues began or ended: what was planned for an earlier one is void."""


@dataclass(slots=True, eq=False)
class _Agent:
    name: str
    desk: "_Desk"
    present: bool = False
    paused: bool = False
    call: _Call | None = None
    connected_at: int = 0
    """When the conversation began; 0 while it rings."""
    busy: bool = False
    """With a call, or the notes after it."""
    free_since: float = 0.0
    pause_seconds: float = 0.0
    """How long the pause will be that is to begin after the call."""
    leaves: bool = False


class _Desk:
    """One queue, its callers and its agents."""

    def __init__(self, service: Service, tally: Tally, first_agent: int) -> None:
        self.service = service
        self.tally = tally
        self.waiting: list[_Call] = []
        self.agents = [_Agent(f"PJSIP/{first_agent + n}", self) for n in range(service.agents)]


class Switchboard:
    """The simulation: `step` does what is due at `next_at`, seconds since 1970, and writes the lines of it.

    Everything takes `pace` times as long as it would.
    """

    def __init__(self, seed: int, write: Callable[[str], object], pace: float = 1.0) -> None:
        self.ledger = Ledger()
        self._random = Random(seed)  # noqa: S311 - a simulation
        self._write = write
        self._pace = pace
        self._plan: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = count()
        self._unique = count()
        self._now = 0.0
        self._desks = [
            _Desk(service, self.ledger.queues[service.label], 3101 + 100 * n) for n, service in enumerate(SERVICES)
        ]

    @property
    def next_at(self) -> float | None:
        """When something happens next; None if nothing does any more."""
        return self._plan[0][0] if self._plan else None

    def step(self) -> None:
        """Let the next thing happen."""
        self._now, _, happen, about = heapq.heappop(self._plan)
        happen(*about)

    # -------------------------------------------------------------------------------------------------- how it begins
    def plan_day(self, day: date, calls: int) -> None:
        """Plan a day of about `calls` calls, were it a usual one, and the hours of those who answer them."""
        area = sum((end - start) * (low + high) / 2 for (start, low), (end, high) in pairwise(CURVE))
        for (start, low), (end, high) in pairwise(CURVE):
            expected = calls * WEEKDAYS[day.weekday()] * (end - start) * (low + high) / 2 / area
            for hour in self._hours(start, low, end, high, expected):
                desk = self._any_desk()
                is_open = any(opens <= hour < closes for opens, closes in desk.service.openings)
                self._at(_clock(day, hour), self._arrive, desk, is_open)
        if day.weekday() in WORKING_DAYS:
            for desk in self._desks:
                for agent in desk.agents:
                    self._plan_shifts(day, agent)

    def live_until(self, at: float, calls_per_hour: float) -> None:
        """Let the day of `at` happen until then, as a working day with so many calls at its usual hours; then end it."""
        pace, self._pace = self._pace, 1.0
        day = datetime.fromtimestamp(at, ZONE).date()
        self.plan_day(day, round(calls_per_hour * USUAL_HOURS / WEEKDAYS[day.weekday()]))
        while (due_at := self.next_at) is not None and due_at < at:
            self.step()
        self.end(at)
        self._pace = pace

    def plan_endless(self, start_at: float, calls_per_hour: float) -> None:
        """Plan a switchboard that is busy from `start_at` on, and never closes."""
        self._now = start_at
        for desk in self._desks:
            for agent in desk.agents:
                self._at(start_at, self._come, agent)
                self._after(self._random.expovariate(1 / HOUR), self._rest_again, agent)
            for _ in range(desk.service.agents + desk.service.capacity // 4):
                self._at(start_at + self._random.uniform(0, 5), self._arrive, desk)
        self._after(0, self._arrive_again, HOUR / calls_per_hour)

    def end(self, at: float) -> None:
        """End everything at once, as a switchboard does that is shut down."""
        self._now = at
        for desk in self._desks:
            for call in list(desk.waiting):
                self._abandon(desk, call)
            for agent in desk.agents:
                if agent.call is not None:
                    self._complete(agent, agent.call)
                if agent.present:
                    self._log("NONE", desk, agent, "REMOVEMEMBER", "")
                agent.present = agent.paused = agent.busy = agent.leaves = False
                agent.pause_seconds = 0.0
        self._plan.clear()

    def _plan_shifts(self, day: date, agent: _Agent) -> None:
        shifts = agent.desk.service.openings
        for opens, closes in shifts:
            self._at(_clock(day, opens) - self._random.uniform(0, 900), self._come, agent)
            self._at(_clock(day, closes), self._leave_when_free, agent)
            for hour in (opens + self._random.uniform(1, 2), closes - self._random.uniform(1, 2)):
                self._at(_clock(day, hour), self._rest, agent, self._random.uniform(5, 12) * 60)
        if len(shifts) == 1:
            self._at(_clock(day, self._random.uniform(11.6, 13.4)), self._rest, agent, 45 * 60)

    def _hours(self, start: float, low: float, end: float, high: float, expected: float) -> list[float]:
        """Return the hours of calls whose frequency goes from `low` to `high` in a straight line: a Poisson process."""
        hours = []
        left = expected
        while (left := left - self._random.expovariate(1)) > 0:
            place = self._random.random()
            # Accepted in proportion to the frequency there; else the other end is as likely as this one is not.
            here = low + (high - low) * place
            if self._random.random() * (low + high) > here:
                place = 1 - place
            hours.append(start + (end - start) * place)
        return hours

    # ---------------------------------------------------------------------------------------------------------- calls
    def _arrive_again(self, mean_seconds: float) -> None:
        self._arrive(self._any_desk())
        self._after(self._random.expovariate(1 / mean_seconds), self._arrive_again, mean_seconds)

    def _arrive(self, desk: _Desk, is_open: bool = True) -> None:  # noqa: FBT001, FBT002 - planned, so positional
        number = "" if self._random.random() < WITHHELD else self._number()
        call = _Call(f"{int(self._now)}.{next(self._unique)}", number)
        self.ledger.calls += 1
        self._log(call.id, None, None, "DID", desk.service.number)
        if not is_open:
            self._turn_away(desk, call, "CLOSED")
        elif self._random.random() < DIVERTED:
            self._turn_away(desk, call, "DIVERTED")
        else:
            self._enter(desk, call)

    def _turn_away(self, desk: _Desk, call: _Call, event: str) -> None:
        desk.tally.offered += 1
        _add(desk.tally.left, event.lower())
        self._log(call.id, desk, None, event, "")

    def _enter(self, desk: _Desk, call: _Call) -> None:
        service = desk.service
        if len(desk.waiting) >= service.capacity:
            self._turn_away(desk, call, "FULL")
            return
        desk.tally.offered += 1
        call.stays += 1
        call.entered_at, call.first_position = int(self._now), len(desk.waiting) + 1
        self._log(call.id, desk, None, "ENTERQUEUE", "", call.number, call.first_position)
        if self._random.random() < FORGOTTEN:
            desk.tally.forgotten += 1
            return
        desk.tally.waiting += 1
        desk.waiting.append(call)
        patience = 5 if self._random.random() < IMPATIENT else service.patience_seconds
        self._plan_exit(self._random.expovariate(1 / patience), self._abandon, desk, call)
        self._plan_exit(service.timeout_seconds, self._time_out, desk, call)
        if self._random.random() < PRESSES_KEY:
            self._plan_exit(self._random.uniform(5, 60), self._press_key, desk, call)
        if not any(agent.present for agent in desk.agents):
            self._plan_exit(1, self._find_nobody, desk, call)
        self._dispatch(desk)

    def _plan_exit(self, seconds: float, leave: Callable[[_Desk, _Call], None], desk: _Desk, call: _Call) -> None:
        stay = call.stays

        def leave_if_still_there() -> None:
            if call.stays == stay and call in desk.waiting:
                leave(desk, call)

        self._after(seconds, leave_if_still_there)

    def _exit(self, desk: _Desk, call: _Call) -> tuple[int, int, int]:
        """Take a call out of its queue, and return its position, its first one, and how long it waited."""
        position = desk.waiting.index(call) + 1
        desk.waiting.remove(call)
        desk.tally.waiting -= 1
        call.stays += 1
        if call.agent is not None:
            self._become_free(call.agent)
        return position, call.first_position, int(self._now) - call.entered_at

    def _abandon(self, desk: _Desk, call: _Call) -> None:
        position, first, wait = self._exit(desk, call)
        desk.tally.abandoned += 1
        desk.tally.short_abandoned += wait <= SHORT_SECONDS
        desk.tally.abandon_wait_seconds += wait
        self._log(call.id, desk, None, "ABANDON", position, first, wait)

    def _time_out(self, desk: _Desk, call: _Call) -> None:
        _add(desk.tally.left, "timeout")
        self._log(call.id, desk, None, "EXITWITHTIMEOUT", *self._exit(desk, call))
        if desk is not self._desks[0] and self._random.random() < OVERFLOWS:
            self._enter(self._desks[0], call)

    def _press_key(self, desk: _Desk, call: _Call) -> None:
        _add(desk.tally.left, "key")
        self._log(call.id, desk, None, "EXITWITHKEY", 1, *self._exit(desk, call))

    def _find_nobody(self, desk: _Desk, call: _Call) -> None:
        _add(desk.tally.left, "empty")
        self._log(call.id, desk, None, "EXITEMPTY", *self._exit(desk, call))

    # --------------------------------------------------------------------------------------------------------- agents
    def _dispatch(self, desk: _Desk) -> None:
        """Let the calls that wait ring at the agents who are free, the one free for the longest first."""
        free = sorted(
            (agent for agent in desk.agents if agent.present and not agent.paused and not agent.busy),
            key=lambda agent: agent.free_since,
        )
        for agent, call in zip(free, [call for call in desk.waiting if call.agent is None], strict=False):
            agent.busy, agent.call, agent.connected_at, call.agent = True, call, 0, agent
            if self._random.random() < NO_ANSWER:
                self._plan_exit(15, self._ring_out, desk, call)
            else:
                self._plan_exit(self._random.uniform(2, 7), self._connect, desk, call)

    def _ring_out(self, desk: _Desk, call: _Call) -> None:
        agent, call.agent = call.agent, None
        assert agent is not None
        desk.tally.ring_unanswered += 1
        self._log(call.id, desk, agent, "RINGNOANSWER", int(15_000 * self._pace))
        self._become_free(agent)

    def _connect(self, desk: _Desk, call: _Call) -> None:
        agent, call.agent = call.agent, None
        assert agent is not None
        _, _, wait = self._exit(desk, call)
        desk.tally.answered += 1
        desk.tally.in_progress += 1
        desk.tally.wait_seconds += wait
        agent.connected_at = int(self._now)
        bridged = f"{int(self._now)}.{next(self._unique)}"
        self._log(call.id, desk, agent, "CONNECT", wait, bridged, min(wait, 4))
        talk = desk.service.talk_seconds * exp(self._random.gauss(0, 0.7))
        self._after(talk, self._finish, agent, call)

    def _finish(self, agent: _Agent, call: _Call) -> None:
        chance = self._random.random()
        if chance < BLIND_TRANSFER:
            others = [desk for desk in self._desks if desk is not agent.desk]
            target = self._random.choice(others)
            self._hand_on(agent, call, "BLINDTRANSFER", target.service.extension, "internes")
            self._enter(target, call)
        elif chance < BLIND_TRANSFER + ATTENDED_TRANSFER:
            self._hand_on(agent, call, "ATTENDEDTRANSFER", "BRIDGE", f"bridge-{next(self._unique)}")
        else:
            self._complete(agent, call)
        self._after(self._random.uniform(5, 25), self._become_free, agent)

    def _hand_on(self, agent: _Agent, call: _Call, event: str, *how: object) -> None:
        agent.desk.tally.transferred += 1
        self._log(call.id, agent.desk, agent, event, *how, *self._talked(agent, call), call.first_position)

    def _complete(self, agent: _Agent, call: _Call) -> None:
        agent.desk.tally.ended += 1
        event = "COMPLETEAGENT" if self._random.random() < AGENT_HANGS_UP else "COMPLETECALLER"
        self._log(call.id, agent.desk, agent, event, *self._talked(agent, call), call.first_position)

    def _talked(self, agent: _Agent, call: _Call) -> tuple[int, int]:
        """End a conversation, and return how long the caller had waited, and talked."""
        handle = int(self._now) - agent.connected_at
        agent.call = None
        agent.desk.tally.in_progress -= 1
        agent.desk.tally.handle_seconds += handle
        return agent.connected_at - call.entered_at, handle

    def _become_free(self, agent: _Agent) -> None:
        agent.busy, agent.call, agent.free_since = False, None, self._now
        if agent.leaves:
            self._leave(agent)
        elif agent.pause_seconds:
            self._pause(agent)
        else:
            self._after(0.5, self._dispatch, agent.desk)

    def _come(self, agent: _Agent) -> None:
        agent.present, agent.leaves, agent.free_since = True, False, self._now
        self._log("MANAGER", agent.desk, agent, "ADDMEMBER", "")
        self._dispatch(agent.desk)

    def _leave_when_free(self, agent: _Agent) -> None:
        agent.leaves = True
        if not agent.busy:
            self._leave(agent)

    def _leave(self, agent: _Agent) -> None:
        agent.present = agent.leaves = False
        self._log("MANAGER", agent.desk, agent, "REMOVEMEMBER", "")
        if not any(other.present for other in agent.desk.agents):
            for call in list(agent.desk.waiting):
                self._find_nobody(agent.desk, call)

    def _rest_again(self, agent: _Agent) -> None:
        self._rest(agent, self._random.uniform(3, 10) * 60)
        self._after(self._random.uniform(0.5, 2) * HOUR, self._rest_again, agent)

    def _rest(self, agent: _Agent, seconds: float) -> None:
        agent.pause_seconds = seconds
        if agent.present and not agent.busy and not agent.paused:
            self._pause(agent)

    def _pause(self, agent: _Agent) -> None:
        agent.paused = True
        self._log("NONE", agent.desk, agent, "PAUSE", "pause")
        self._after(agent.pause_seconds, self._resume, agent)
        agent.pause_seconds = 0.0

    def _resume(self, agent: _Agent) -> None:
        agent.paused = False
        self._log("NONE", agent.desk, agent, "UNPAUSE", "")
        if agent.leaves:
            self._leave(agent)
        else:
            self._dispatch(agent.desk)

    # ---------------------------------------------------------------------------------------------------------- tools
    def _at(self, at: float, happen: Callable[..., None], *about: Any) -> None:
        heapq.heappush(self._plan, (at, next(self._order), happen, about))

    def _after(self, seconds: float, happen: Callable[..., None], *about: Any) -> None:
        self._at(self._now + seconds * self._pace, happen, *about)

    def _any_desk(self) -> _Desk:
        return self._random.choices(self._desks, [desk.service.share for desk in self._desks])[0]

    def _number(self) -> str:
        return f"{self._random.choice(CALLER_RANGES)}{self._random.randrange(10_000):04d}"

    def _log(self, call: str, desk: _Desk | None, agent: _Agent | None, event: str, *parameters: object) -> None:
        names = desk.service.queue if desk else "NONE", agent.name if agent else "NONE"
        self._write("|".join(map(str, (int(self._now), call, *names, event, *parameters))) + "\n")


def simulate_day(into: Path, *, day: date, seed: int, calls: int = 1_500) -> Ledger:
    """Append the log of `day`, Paris time, to the file `into`, and return what really happened.

    The same day, seed and number of calls give the same bytes.
    """
    with into.open("a", encoding="ascii") as log:
        switchboard = Switchboard(seed, log.write)
        switchboard.plan_day(day, calls)
        while switchboard.next_at is not None:
            switchboard.step()
    return switchboard.ledger


def simulate_live(
    into: Path,
    stop: threading.Event,
    *,
    seed: int,
    calls_per_hour: float = 300,
    speed: float = 1,
    catch_up: bool = False,
) -> Ledger:
    """Append the log of a busy switchboard to `into` as things happen, until `stop` is set; then end all calls.

    At twice the `speed`, calls come twice as often and everything takes half the time. To `catch_up` is to write first, at
    once, what happened today until now. Returns what really happened.
    """
    with into.open("ab", buffering=0) as log:
        switchboard = Switchboard(seed, lambda line: log.write(line.encode("ascii")), pace=1 / speed)
        if catch_up:
            switchboard.live_until(time.time(), calls_per_hour)
        switchboard.plan_endless(time.time(), calls_per_hour)
        while not stop.is_set() and (due_at := switchboard.next_at) is not None:
            pause = due_at - time.time()
            if pause <= 0:
                switchboard.step()
            else:
                stop.wait(pause)
        switchboard.end(time.time())
    return switchboard.ledger


def _clock(day: date, hour: float) -> float:
    # Wall-clock time: on the days when clocks change, a service opens at half past eight all the same.
    opening = datetime(day.year, day.month, day.day, tzinfo=ZONE) + timedelta(hours=hour)
    return opening.timestamp()


def _add(counts: dict[str, int], name: str) -> None:
    counts[name] = counts.get(name, 0) + 1


@click.command("asterisk", short_help="A switchboard's queue_log · le queue_log d'un standard")
@click.option(
    "--into", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The queue_log to append to."
)
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Write this whole day at once.")
@click.option("--live", is_flag=True, help="Write as things happen, until stopped.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same day.")
@click.option("--calls", type=int, default=1_500, show_default=True, help="Calls of a usual day.")
@click.option("--rate", type=float, default=300, show_default=True, help="Calls per hour, live.")
@click.option("--speed", type=float, default=1, show_default=True, help="How much faster than life, live.")
@click.option("--catch-up", is_flag=True, help="Live: write first what happened today until now.")
@click.option("--ledger", type=click.Path(dir_okay=False, path_type=Path), help="Where to write what really happened.")
def command(
    *,
    into: Path,
    day: datetime | None,
    live: bool,
    seed: int,
    calls: int,
    rate: float,
    speed: float,
    catch_up: bool,
    ledger: Path | None,
) -> None:
    """Write the queue_log of an Asterisk that does not exist."""
    if live == (day is not None):
        raise click.UsageError("either --day or --live")
    if day is not None:
        truth = simulate_day(into, day=day.date(), seed=seed, calls=calls)
    else:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        truth = simulate_live(into, stop, seed=seed, calls_per_hour=rate, speed=speed, catch_up=catch_up)
    if ledger:
        ledger.write_text(truth.to_json(), encoding="utf-8")
