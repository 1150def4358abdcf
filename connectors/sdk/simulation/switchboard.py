"""Discrete-event simulation of calls and agents. It reports each fact as a `queue_log` record.

Call volume follows the time of day, with occasional rushes. Callers have finite patience. Agents ring, talk, take breaks
and go home. Calls may be transferred, refused or, rarely, never ended in the log.

One file, since each rule changes calls, agents and queues together.
"""

import heapq
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from math import exp
from random import Random
from statistics import mean
from typing import Any, ClassVar, Final

from connectors.sdk.simulation.call_ledger import SHORT_SECONDS, TARGET_SECONDS, Ledger, QueueTotals
from connectors.sdk.simulation.call_profile import CALLER_RANGES, HOUR, SERVICES, TALK_SIGMA, CallProfile, Service

FIRST_AGENT: Final = 3101
MAX_AGENTS: Final = 100
"""Distance between the first agent numbers of two queues. `FIRST_AGENT` is the first number in the first queue."""
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
"""Probabilities from `DIVERTED` to here: per call, ring or conversation to which they apply. After a timeout, a call `OVERFLOWS`
into the first queue."""
MESSAGE_SECONDS: Final = (8, 60)
RUSH_EVERY_SECONDS: Final = 2.5 * HOUR
"""Mean interval between rushes in one queue."""
RUSH_SECONDS: Final = (420, 1020)
RUSH: Final = (2.2, 4.0)
"""Lowest and highest call volume in a rush, relative to that between rushes."""
CALM: Final = 1 / (1 + mean(RUSH_SECONDS) / (RUSH_EVERY_SECONDS + mean(RUSH_SECONDS)) * (mean(RUSH) - 1))
"""Call volume between rushes, relative to the usual one, such that the mean volume is the usual one."""
ROSTER_SECONDS: Final = 900  # between adjustments of the number of agents
UNTIL_BREAK_SECONDS: Final = (0.75 * HOUR, 2 * HOUR)
BREAK_SECONDS: Final = (300, 600)
NO_BREAK_SECONDS: Final = 300  # until a refused break is requested again


@dataclass(slots=True, eq=False)
class Call:
    """A call from outside."""

    id: str
    number: str
    first_position: int = 0
    entered_at: int = 0
    agent: "Agent | None" = None
    """Agent whose phone rings; None if no phone rings."""
    stays: int = 0
    """Number of starts and ends of queue stays; actions planned for an earlier stay are void."""


@dataclass(slots=True, eq=False)
class Agent:
    """An agent of one queue."""

    name: str
    queue: "Queue"
    present: bool = False
    paused: bool = False
    call: Call | None = None
    connected_at: int = 0
    """Start of the conversation; 0 while the phone rings."""
    busy: bool = False
    """True while the agent has a call, also one that still rings, or wraps it up."""
    free_since: float = 0.0
    pause_seconds: float = 0.0
    """Duration of the pause that follows the current call; 0 if none does."""
    leaves: bool = False
    shifts: int = 0
    """Number of logins; breaks of an earlier shift are void."""


class Queue:
    """A queue with its callers and agents."""

    def __init__(self, service: Service, totals: QueueTotals, first_agent: int) -> None:
        self.service = service
        self.totals = totals
        self.waiting: list[Call] = []
        self.agents: list[Agent] = []
        self.needed = 0
        """Agents required for the usual calls until the next adjustment."""
        self.rush = 1.0
        """Call volume relative to that between rushes."""
        self.first_agent = first_agent

    def add_agent(self) -> Agent:
        """Add an agent with the next number, not logged in yet, and return it."""
        self.agents.append(Agent(f"PJSIP/{self.first_agent + len(self.agents)}", self))
        return self.agents[-1]

    @property
    def staff(self) -> list[Agent]:
        """Agents who are logged in and not about to leave."""
        return [agent for agent in self.agents if agent.present and not agent.leaves]


class Switchboard(ABC):
    """Simulated switchboard. `record` reports what happens. Times are seconds since 1970."""

    forgotten_share: ClassVar = FORGOTTEN

    def __init__(self, seed: int, profile: CallProfile) -> None:
        self.ledger = Ledger()
        self.now = 0.0
        self._plan: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = count()
        self._random = Random(seed)  # noqa: S311 - a simulation
        self._side_random = Random(seed + 1)  # noqa: S311 - a simulation; separate, so that menus and messages do not change the calls
        self._profile = profile
        self._unique = count()
        self._until = float("inf")
        self._queues = [
            Queue(service, self.ledger.queues[service.label], FIRST_AGENT + MAX_AGENTS * n)
            for n, service in enumerate(SERVICES)
        ]

    @abstractmethod
    def record(
        self, call: Call | None, queue: Queue | None, agent: Agent | None, event: str, *parameters: object
    ) -> None:
        """Report what happens now. Events and parameters are those of `queue_log`.

        The dialplan also logs `DID`, `MENU`, `CLOSED`, `DIVERTED`, `FULL` and `VOICEMAIL`.
        """

    @property
    def next_at(self) -> float:
        """Time of the next planned action; infinite if none is planned."""
        return self._plan[0][0] if self._plan else float("inf")

    def run_until(self, at: float) -> None:
        """Run all actions due at `at` or earlier, each with `now` as its own time."""
        while self._plan and self.next_at <= at:
            self.now, _, action, arguments = heapq.heappop(self._plan)
            action(*arguments)

    def at(self, at: float, action: Callable[..., None], *arguments: Any) -> None:
        """Plan an action for the time `at`."""
        heapq.heappush(self._plan, (at, next(self._order), action, arguments))

    def after(self, seconds: float, action: Callable[..., None], *arguments: Any) -> None:
        """Plan an action `seconds` from now."""
        self.at(self.now + seconds, action, *arguments)

    # ------------------------------------------------------------------------------------------------ beginning and end
    def begin(self, at: float, until: float = float("inf")) -> None:
        """Start at `at` with the agents required then. After `until`, no new calls and no new agents come."""
        self.now, self._until = at, until
        for queue in self._queues:
            self._keep_roster(queue, late_seconds=0.0)
            self._schedule_call(queue)
            self._schedule_rush(queue)

    def end(self, at: float) -> None:
        """End all calls and log all agents out, like a shutdown."""
        self.now = at
        self._plan.clear()
        for queue in self._queues:
            for call in list(queue.waiting):
                self._abandon(queue, call)
            for agent in queue.agents:
                if agent.call is not None:
                    self._complete(agent, agent.call)
                if agent.present:
                    self.record(None, queue, agent, "REMOVEMEMBER", "")
                agent.present = False
        self._plan.clear()

    def _schedule(self, seconds: float, action: Callable[..., None], queue: Queue) -> None:
        if self.now + seconds < self._until:
            self.after(seconds, action, queue)

    # ---------------------------------------------------------------------------------------------------------- arrivals
    def _schedule_call(self, queue: Queue) -> None:
        self._schedule(self._random.expovariate(self._most_calls(queue) / HOUR), self._maybe_call, queue)

    def _maybe_call(self, queue: Queue) -> None:
        # Thinning of a Poisson process: calls are drawn at the peak rate, and accepted with the ratio of the current rate.
        expected = self._profile.calls_per_hour(self.now) * queue.service.share * queue.rush * CALM
        if self._random.random() * self._most_calls(queue) < expected:
            self._arrive(queue)
        self._schedule_call(queue)

    def _most_calls(self, queue: Queue) -> float:
        return self._profile.peak_calls_per_hour * queue.service.share * max(RUSH)

    def _schedule_rush(self, queue: Queue) -> None:
        self._schedule(self._random.expovariate(1 / RUSH_EVERY_SECONDS), self._begin_rush, queue)

    def _begin_rush(self, queue: Queue) -> None:
        queue.rush = self._random.uniform(*RUSH)
        self._schedule(self._random.uniform(*RUSH_SECONDS), self._end_rush, queue)

    def _end_rush(self, queue: Queue) -> None:
        queue.rush = 1.0
        self._schedule_rush(queue)

    def _arrive(self, queue: Queue) -> None:
        number = "" if self._random.random() < WITHHELD else self._number()
        call = Call(f"{int(self.now)}.{next(self._unique)}", number)
        queue.totals.dialled += 1
        self.record(call, None, None, "DID", queue.service.number)
        if self._side_random.random() < THROUGH_A_MENU:
            queue.totals.chosen += 1
            self.record(call, None, None, "MENU", 1 + self._queues.index(queue))
        if not self._profile.is_open(queue.service, self.now):
            self._turn_away(queue, call, "CLOSED")
        elif self._random.random() < DIVERTED:
            self._turn_away(queue, call, "DIVERTED")
        else:
            self._enter(queue, call)

    # ------------------------------------------------------------------------------------------------------------ calls
    def _turn_away(self, queue: Queue, call: Call, event: str) -> None:
        queue.totals.offered += 1
        queue.totals.left[event.lower()] += 1
        self.record(call, queue, None, event, "")
        if event == "CLOSED":
            self._maybe_leave_message(queue, call)

    def _enter(self, queue: Queue, call: Call) -> None:
        service = queue.service
        if len(queue.waiting) >= service.capacity:
            self._turn_away(queue, call, "FULL")
            return
        queue.totals.offered += 1
        call.stays += 1
        call.entered_at, call.first_position = int(self.now), len(queue.waiting) + 1
        self.record(call, queue, None, "ENTERQUEUE", "", call.number, call.first_position)
        if self._random.random() < self.forgotten_share:
            queue.totals.forgotten += 1
            return
        queue.totals.waiting += 1
        queue.waiting.append(call)
        patience = 5 if self._random.random() < IMPATIENT else service.patience_seconds
        self._plan_exit(self._random.expovariate(1 / patience), self._abandon, queue, call)
        self._plan_exit(service.timeout_seconds, self._time_out, queue, call)
        if self._random.random() < PRESSES_KEY:
            self._plan_exit(self._random.uniform(5, 60), self._press_key, queue, call)
        if not any(agent.present for agent in queue.agents):
            self._plan_exit(1, self._leave_unstaffed, queue, call)
        self._dispatch(queue)

    def _plan_exit(self, seconds: float, leave: Callable[[Queue, Call], None], queue: Queue, call: Call) -> None:
        stay = call.stays

        def leave_if_still_there() -> None:
            if call.stays == stay and call in queue.waiting:
                leave(queue, call)

        self.after(seconds, leave_if_still_there)

    def _exit(self, queue: Queue, call: Call) -> tuple[int, int, int]:
        """Remove a call from its queue, and stop its ringing. Return its position, first position and wait in seconds."""
        position = queue.waiting.index(call) + 1
        queue.waiting.remove(call)
        queue.totals.waiting -= 1
        call.stays += 1
        agent, call.agent = call.agent, None
        if agent is not None:
            self._become_free(agent)
        return position, call.first_position, int(self.now) - call.entered_at

    def _abandon(self, queue: Queue, call: Call) -> None:
        position, first, wait = self._exit(queue, call)
        queue.totals.abandoned += 1
        queue.totals.short_abandoned += wait <= SHORT_SECONDS
        queue.totals.abandon_wait_seconds += wait
        self.record(call, queue, None, "ABANDON", position, first, wait)

    def _time_out(self, queue: Queue, call: Call) -> None:
        queue.totals.left["timeout"] += 1
        self.record(call, queue, None, "EXITWITHTIMEOUT", *self._exit(queue, call))
        if queue is not self._queues[0] and self._random.random() < OVERFLOWS:
            self._enter(self._queues[0], call)
        else:
            self._maybe_leave_message(queue, call)

    def _maybe_leave_message(self, queue: Queue, call: Call) -> None:
        if self._side_random.random() < LEAVES_A_MESSAGE:
            seconds = self._side_random.uniform(*MESSAGE_SECONDS)
            self.after(seconds, self._leave_message, queue, call, int(seconds))

    def _leave_message(self, queue: Queue, call: Call, seconds: int) -> None:
        queue.totals.messages += 1
        self.record(call, None, None, "VOICEMAIL", seconds)

    def _press_key(self, queue: Queue, call: Call) -> None:
        queue.totals.left["key"] += 1
        self.record(call, queue, None, "EXITWITHKEY", 1, *self._exit(queue, call))

    def _leave_unstaffed(self, queue: Queue, call: Call) -> None:
        queue.totals.left["empty"] += 1
        self.record(call, queue, None, "EXITEMPTY", *self._exit(queue, call))

    # --------------------------------------------------------------------------------------------------------- agents
    def _dispatch(self, queue: Queue) -> None:
        free = sorted(
            (agent for agent in queue.agents if agent.present and not agent.paused and not agent.busy),
            key=lambda agent: agent.free_since,
        )
        for agent, call in zip(free, [call for call in queue.waiting if call.agent is None], strict=False):
            agent.busy, agent.call, agent.connected_at, call.agent = True, call, 0, agent
            if self._random.random() < NO_ANSWER:
                self._plan_exit(15, self._ring_out, queue, call)
            else:
                self._plan_exit(self._random.uniform(2, 7), self._connect, queue, call)

    def _ring_out(self, queue: Queue, call: Call) -> None:
        agent, call.agent = call.agent, None
        assert agent is not None
        queue.totals.ring_unanswered += 1
        self.record(call, queue, agent, "RINGNOANSWER", 15_000)
        self._become_free(agent)

    def _connect(self, queue: Queue, call: Call) -> None:
        agent, call.agent = call.agent, None
        assert agent is not None
        _, _, wait = self._exit(queue, call)
        queue.totals.answered += 1
        queue.totals.in_progress += 1
        queue.totals.answered_in_time += wait <= TARGET_SECONDS
        queue.totals.wait_seconds += wait
        agent.connected_at = int(self.now)
        bridged = f"{int(self.now)}.{next(self._unique)}"
        self.record(call, queue, agent, "CONNECT", wait, bridged, min(wait, 4))
        talk = queue.service.talk_seconds * exp(self._random.gauss(0, TALK_SIGMA))
        self.after(talk, self._finish, agent, call)

    def _finish(self, agent: Agent, call: Call) -> None:
        chance = self._random.random()
        if chance < BLIND_TRANSFER:
            other_queues = [queue for queue in self._queues if queue is not agent.queue]
            target = self._random.choice(other_queues)
            self._hand_on(agent, call, target.service.label, "BLINDTRANSFER", target.service.queue, "internes")
            self._enter(target, call)
        elif chance < BLIND_TRANSFER + ATTENDED_TRANSFER:
            self._hand_on(agent, call, "", "ATTENDEDTRANSFER", "BRIDGE", f"bridge-{next(self._unique)}")
        else:
            self._complete(agent, call)
        self.after(self._random.uniform(5, 25), self._become_free, agent)

    def _hand_on(self, agent: Agent, call: Call, target_label: str, event: str, *details: object) -> None:
        totals = agent.queue.totals
        totals.transferred += 1
        totals.transferred_to[target_label] += 1
        self.record(call, agent.queue, agent, event, *details, *self._talked(agent, call), call.first_position)

    def _complete(self, agent: Agent, call: Call) -> None:
        agent.queue.totals.ended += 1
        event = "COMPLETEAGENT" if self._random.random() < AGENT_HANGS_UP else "COMPLETECALLER"
        self.record(call, agent.queue, agent, event, *self._talked(agent, call), call.first_position)

    def _talked(self, agent: Agent, call: Call) -> tuple[int, int]:
        """Count the end of a conversation. Return the wait before it and its duration in seconds."""
        handle = int(self.now) - agent.connected_at
        agent.call = None
        agent.queue.totals.in_progress -= 1
        agent.queue.totals.handle_seconds += handle
        return agent.connected_at - call.entered_at, handle

    def _become_free(self, agent: Agent) -> None:
        agent.busy, agent.call, agent.free_since = False, None, self.now
        if agent.leaves:
            self._leave(agent)
        elif agent.pause_seconds:
            self._pause(agent)
        else:
            self.after(0.5, self._dispatch, agent.queue)

    def _keep_roster(self, queue: Queue, late_seconds: float = ROSTER_SECONDS) -> None:
        """Plan logins within `late_seconds` and logouts to reach the required number of agents, then the next adjustment."""
        soon = self.now + ROSTER_SECONDS
        opens = any(self._profile.is_open(queue.service, at) for at in (self.now, soon))
        queue.needed = max(self._profile.agents(queue.service, at) for at in (self.now, soon))
        wanted = max(1, queue.needed + queue.service.spare) if opens else 0
        staff = queue.staff
        for agent in sorted(staff, key=lambda agent: (agent.busy, agent.free_since))[: max(0, len(staff) - wanted)]:
            self._leave_when_free(agent)
        away = iter([agent for agent in queue.agents if not agent.present])
        for _ in range(wanted - len(staff)):
            agent = next(away, None) or queue.add_agent()
            self.at(self.now + self._random.uniform(0, late_seconds), self._come, agent)
        if soon < self._until:
            self.at(soon, self._keep_roster, queue)

    def _come(self, agent: Agent) -> None:
        agent.present, agent.leaves, agent.free_since = True, False, self.now
        agent.shifts += 1
        self.after(self._random.uniform(*UNTIL_BREAK_SECONDS), self._rest, agent, agent.shifts)
        self.record(None, agent.queue, agent, "ADDMEMBER", "")
        self._dispatch(agent.queue)

    def _leave_when_free(self, agent: Agent) -> None:
        agent.leaves = True
        if not agent.busy:
            self._leave(agent)

    def _leave(self, agent: Agent) -> None:
        agent.present = agent.leaves = False
        self.record(None, agent.queue, agent, "REMOVEMEMBER", "")
        if not any(other.present for other in agent.queue.agents):
            for call in list(agent.queue.waiting):
                self._leave_unstaffed(agent.queue, call)

    def _rest(self, agent: Agent, shift: int) -> None:
        """Start a break after the current call if enough other agents are available; otherwise try again later."""
        if agent.shifts != shift or not agent.present or agent.leaves:
            return
        if sum(not other.paused and not other.pause_seconds for other in agent.queue.staff) > agent.queue.needed:
            agent.pause_seconds = self._random.uniform(*BREAK_SECONDS)
            if not agent.busy:
                self._pause(agent)
            self.after(self._random.uniform(*UNTIL_BREAK_SECONDS), self._rest, agent, shift)
        else:
            self.after(NO_BREAK_SECONDS, self._rest, agent, shift)

    def _pause(self, agent: Agent) -> None:
        agent.paused = True
        self.record(None, agent.queue, agent, "PAUSE", "pause")
        self.after(agent.pause_seconds, self._resume, agent)
        agent.pause_seconds = 0.0

    def _resume(self, agent: Agent) -> None:
        agent.paused = False
        self.record(None, agent.queue, agent, "UNPAUSE", "")
        if agent.leaves:
            self._leave(agent)
        else:
            self._dispatch(agent.queue)

    def _number(self) -> str:  # overridden where callers are citizens of a population
        return f"{self._random.choice(CALLER_RANGES)}{self._random.randrange(10_000):04d}"
