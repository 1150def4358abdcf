"""What becomes of calls, as an Asterisk writes it to its `queue_log`: a small discrete-event simulation.

Citizens call as the rhythm of the day has it, and now and then all at once; they wait with finite patience, are answered by
agents who ring, talk, have breaks and go home, are transferred, turned away, and seldom forgotten by the switchboard.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from math import exp
from random import Random
from statistics import mean
from typing import Final

from connectors.asterisk.simulate.call_profile import HOUR, TALK_SIGMA, CallProfile
from connectors.asterisk.simulate.ledger import SHORT_SECONDS, TARGET_SECONDS, Ledger, QueueTotals
from connectors.asterisk.simulate.scheduler import Scheduler
from connectors.asterisk.simulate.services import CALLER_RANGES, SERVICES, Service

DIVERTED: Final = 0.01
WITHHELD: Final = 0.08
FORGOTTEN: Final = 0.001
IMPATIENT: Final = 0.03
PRESSES_KEY: Final = 0.02
NO_ANSWER: Final = 0.03
BLIND_TRANSFER: Final = 0.06
ATTENDED_TRANSFER: Final = 0.03
AGENT_HANGS_UP: Final = 0.3
OVERFLOWS: Final = 0.5
THROUGH_A_MENU: Final = 0.5
LEAVES_A_MESSAGE: Final = 0.3
"""How likely it is that something happens to a call; the last three, that one who waited too long is passed to the first queue,
that one comes through a voice menu, and that one who was not answered leaves a voice message."""
MESSAGE_SECONDS: Final = (8, 60)
RUSH_EVERY_SECONDS: Final = 2.5 * HOUR
"""Mean, in each queue."""
RUSH_SECONDS: Final = (420, 1020)
RUSH: Final = (2.2, 4.0)
"""How many call in a rush, for one that usually does."""
CALM: Final = 1 / (1 + mean(RUSH_SECONDS) / (RUSH_EVERY_SECONDS + mean(RUSH_SECONDS)) * (mean(RUSH) - 1))
"""How many call between rushes, so that with them it is as many as usual."""
ROSTER_SECONDS: Final = 900
"""How often somebody looks whether there are as many agents as it takes."""
UNTIL_BREAK_SECONDS: Final = (0.75 * HOUR, 2 * HOUR)
BREAK_SECONDS: Final = (300, 600)
NO_BREAK_SECONDS: Final = 300
"""How long one waits for a break when there is nobody to spare."""


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
    shifts: int = 0
    """How often the agent came: breaks of an earlier shift are void."""


class _Desk:
    """One queue, its callers and its agents."""

    def __init__(self, service: Service, tally: QueueTotals, first_agent: int) -> None:
        self.service = service
        self.tally = tally
        self.waiting: list[_Call] = []
        self.agents: list[_Agent] = []
        self.needed = 0
        """How many agents the usual calls take."""
        self.rush = 1.0
        self._numbers = count(first_agent)

    def hire(self) -> _Agent:
        """Return an agent more."""
        agent = _Agent(f"PJSIP/{next(self._numbers)}", self)
        self.agents.append(agent)
        return agent

    @property
    def staff(self) -> list[_Agent]:
        """Those who are there and stay."""
        return [agent for agent in self.agents if agent.present and not agent.leaves]


class Switchboard(Scheduler):
    """The simulation: it writes the lines of what happens when it happens."""

    def __init__(self, seed: int, write: Callable[[str], object], rhythm: CallProfile) -> None:
        super().__init__()
        self.ledger = Ledger()
        self._random = Random(seed)  # noqa: S311 - a simulation
        self._aside = Random(seed + 1)  # noqa: S311 - of what changes nothing else
        self._write = write
        self._rhythm = rhythm
        self._unique = count()
        self._until = float("inf")
        self._desks = [
            _Desk(service, self.ledger.queues[service.label], 3101 + 100 * n) for n, service in enumerate(SERVICES)
        ]

    # ------------------------------------------------------------------------------------------------ beginning and end
    def begin(self, at: float, until: float = float("inf")) -> None:
        """Begin at `at`, with those agents there that it takes then; nobody calls and nobody comes after `until`."""
        self.now, self._until = at, until
        for desk in self._desks:
            self._keep_roster(desk, late_seconds=0.0)
            self._expect_call(desk)
            self._expect_rush(desk)

    def end(self, at: float) -> None:
        """End everything at once, as a switchboard does that is shut down."""
        self.now = at
        self.clear()
        for desk in self._desks:
            for call in list(desk.waiting):
                self._abandon(desk, call)
            for agent in desk.agents:
                if agent.call is not None:
                    self._complete(agent, agent.call)
                if agent.present:
                    self._log("NONE", desk, agent, "REMOVEMEMBER", "")
                agent.present = False
        self.clear()

    def _again(self, seconds: float, happen: Callable[[_Desk], None], desk: _Desk) -> None:
        if self.now + seconds * self.pace < self._until:
            self.after(seconds, happen, desk)

    # ---------------------------------------------------------------------------------------------------------- arrivals
    def _expect_call(self, desk: _Desk) -> None:
        self._again(self._random.expovariate(self._most_calls(desk) / HOUR), self._maybe_call, desk)

    def _maybe_call(self, desk: _Desk) -> None:
        # A Poisson process of changing rate: as many as there can be are drawn, and as many as there should be are kept.
        expected = self._rhythm.calls_per_hour(self.now) * desk.service.share * desk.rush * CALM
        if self._random.random() * self._most_calls(desk) < expected:
            self._arrive(desk)
        self._expect_call(desk)

    def _most_calls(self, desk: _Desk) -> float:
        return self._rhythm.highest * desk.service.share * max(RUSH)

    def _expect_rush(self, desk: _Desk) -> None:
        self._again(self._random.expovariate(1 / RUSH_EVERY_SECONDS), self._begin_rush, desk)

    def _begin_rush(self, desk: _Desk) -> None:
        desk.rush = self._random.uniform(*RUSH)
        self._again(self._random.uniform(*RUSH_SECONDS), self._end_rush, desk)

    def _end_rush(self, desk: _Desk) -> None:
        desk.rush = 1.0
        self._expect_rush(desk)

    def _arrive(self, desk: _Desk) -> None:
        number = "" if self._random.random() < WITHHELD else self._number()
        call = _Call(f"{int(self.now)}.{next(self._unique)}", number)
        self.ledger.calls += 1
        self._log(call.id, None, None, "DID", desk.service.number)
        if self._aside.random() < THROUGH_A_MENU:
            self.ledger.menu_choices += 1
            self._log(call.id, None, None, "MENU", 1 + self._desks.index(desk))
        if not self._rhythm.is_open(desk.service, self.now):
            self._turn_away(desk, call, "CLOSED")
        elif self._random.random() < DIVERTED:
            self._turn_away(desk, call, "DIVERTED")
        else:
            self._enter(desk, call)

    # ------------------------------------------------------------------------------------------------------------ calls
    def _turn_away(self, desk: _Desk, call: _Call, event: str) -> None:
        desk.tally.offered += 1
        _add(desk.tally.left, event.lower())
        self._log(call.id, desk, None, event, "")
        if event == "CLOSED":
            self._maybe_leave_message(call)

    def _enter(self, desk: _Desk, call: _Call) -> None:
        service = desk.service
        if len(desk.waiting) >= service.capacity:
            self._turn_away(desk, call, "FULL")
            return
        desk.tally.offered += 1
        call.stays += 1
        call.entered_at, call.first_position = int(self.now), len(desk.waiting) + 1
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

        self.after(seconds, leave_if_still_there)

    def _exit(self, desk: _Desk, call: _Call) -> tuple[int, int, int]:
        """Take a call out of its queue, and return its position, its first one, and how long it waited."""
        position = desk.waiting.index(call) + 1
        desk.waiting.remove(call)
        desk.tally.waiting -= 1
        call.stays += 1
        agent, call.agent = call.agent, None
        if agent is not None:
            self._become_free(agent)
        return position, call.first_position, int(self.now) - call.entered_at

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
        else:
            self._maybe_leave_message(call)

    def _maybe_leave_message(self, call: _Call) -> None:
        if self._aside.random() < LEAVES_A_MESSAGE:
            seconds = self._aside.uniform(*MESSAGE_SECONDS)
            self.after(seconds, self._leave_message, call, int(seconds))

    def _leave_message(self, call: _Call, seconds: int) -> None:
        self.ledger.messages += 1
        self._log(call.id, None, None, "VOICEMAIL", seconds)

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
        self._log(call.id, desk, agent, "RINGNOANSWER", int(15_000 * self.pace))
        self._become_free(agent)

    def _connect(self, desk: _Desk, call: _Call) -> None:
        agent, call.agent = call.agent, None
        assert agent is not None
        _, _, wait = self._exit(desk, call)
        desk.tally.answered += 1
        desk.tally.in_progress += 1
        desk.tally.answered_in_time += wait <= TARGET_SECONDS
        desk.tally.wait_seconds += wait
        agent.connected_at = int(self.now)
        bridged = f"{int(self.now)}.{next(self._unique)}"
        self._log(call.id, desk, agent, "CONNECT", wait, bridged, min(wait, 4))
        talk = desk.service.talk_seconds * exp(self._random.gauss(0, TALK_SIGMA))
        self.after(talk, self._finish, agent, call)

    def _finish(self, agent: _Agent, call: _Call) -> None:
        chance = self._random.random()
        if chance < BLIND_TRANSFER:
            others = [desk for desk in self._desks if desk is not agent.desk]
            target = self._random.choice(others)
            self._hand_on(agent, call, target.service.label, "BLINDTRANSFER", target.service.extension, "internes")
            self._enter(target, call)
        elif chance < BLIND_TRANSFER + ATTENDED_TRANSFER:
            self._hand_on(agent, call, "", "ATTENDEDTRANSFER", "BRIDGE", f"bridge-{next(self._unique)}")
        else:
            self._complete(agent, call)
        self.after(self._random.uniform(5, 25), self._become_free, agent)

    def _hand_on(self, agent: _Agent, call: _Call, to: str, event: str, *how: object) -> None:
        tally = agent.desk.tally
        tally.transferred += 1
        tally.transferred_to[to] = tally.transferred_to.get(to, 0) + 1
        self._log(call.id, agent.desk, agent, event, *how, *self._talked(agent, call), call.first_position)

    def _complete(self, agent: _Agent, call: _Call) -> None:
        agent.desk.tally.ended += 1
        event = "COMPLETEAGENT" if self._random.random() < AGENT_HANGS_UP else "COMPLETECALLER"
        self._log(call.id, agent.desk, agent, event, *self._talked(agent, call), call.first_position)

    def _talked(self, agent: _Agent, call: _Call) -> tuple[int, int]:
        """End a conversation, and return how long the caller had waited, and talked."""
        handle = int(self.now) - agent.connected_at
        agent.call = None
        agent.desk.tally.in_progress -= 1
        agent.desk.tally.handle_seconds += handle
        return agent.connected_at - call.entered_at, handle

    def _become_free(self, agent: _Agent) -> None:
        agent.busy, agent.call, agent.free_since = False, None, self.now
        if agent.leaves:
            self._leave(agent)
        elif agent.pause_seconds:
            self._pause(agent)
        else:
            self.after(0.5, self._dispatch, agent.desk)

    def _keep_roster(self, desk: _Desk, late_seconds: float = ROSTER_SECONDS) -> None:
        """Let come, within `late_seconds`, or go as many agents as it takes until somebody looks again."""
        soon = self.now + ROSTER_SECONDS
        opens = any(self._rhythm.is_open(desk.service, at) for at in (self.now, soon))
        desk.needed = max(self._rhythm.agents(desk.service, at) for at in (self.now, soon))
        wanted = max(1, desk.needed + desk.service.spare) if opens else 0
        staff = desk.staff
        for agent in sorted(staff, key=lambda agent: (agent.busy, agent.free_since))[: max(0, len(staff) - wanted)]:
            self._leave_when_free(agent)
        away = iter([agent for agent in desk.agents if not agent.present])
        for _ in range(wanted - len(staff)):
            agent = next(away, None) or desk.hire()
            self.at(self.now + self._random.uniform(0, late_seconds), self._come, agent)
        if soon < self._until:
            self.at(soon, self._keep_roster, desk)

    def _come(self, agent: _Agent) -> None:
        agent.present, agent.leaves, agent.free_since = True, False, self.now
        agent.shifts += 1
        self.after(self._random.uniform(*UNTIL_BREAK_SECONDS), self._rest, agent, agent.shifts)
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

    def _rest(self, agent: _Agent, shift: int) -> None:
        """Let an agent have a break after the call if the others can do without; else when they can."""
        if agent.shifts != shift or not agent.present or agent.leaves:
            return
        if sum(not other.paused and not other.pause_seconds for other in agent.desk.staff) > agent.desk.needed:
            agent.pause_seconds = self._random.uniform(*BREAK_SECONDS)
            if not agent.busy:
                self._pause(agent)
            self.after(self._random.uniform(*UNTIL_BREAK_SECONDS), self._rest, agent, shift)
        else:
            self.after(NO_BREAK_SECONDS, self._rest, agent, shift)

    def _pause(self, agent: _Agent) -> None:
        agent.paused = True
        self._log("NONE", agent.desk, agent, "PAUSE", "pause")
        self.after(agent.pause_seconds, self._resume, agent)
        agent.pause_seconds = 0.0

    def _resume(self, agent: _Agent) -> None:
        agent.paused = False
        self._log("NONE", agent.desk, agent, "UNPAUSE", "")
        if agent.leaves:
            self._leave(agent)
        else:
            self._dispatch(agent.desk)

    # ---------------------------------------------------------------------------------------------------------- tools
    def _number(self) -> str:
        return f"{self._random.choice(CALLER_RANGES)}{self._random.randrange(10_000):04d}"

    def _log(self, call: str, desk: _Desk | None, agent: _Agent | None, event: str, *parameters: object) -> None:
        names = desk.service.queue if desk else "NONE", agent.name if agent else "NONE"
        self._write("|".join(map(str, (int(self.now), call, *names, event, *parameters))) + "\n")


def _add(counts: dict[str, int], name: str) -> None:
    counts[name] = counts.get(name, 0) + 1
