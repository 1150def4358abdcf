"""Seeded simulation of callers and agents."""

import heapq
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, Final

from connectors.freeswitch.simulate.callcenter import AVAILABLE, LOGGED_OUT, ON_BREAK, Callcenter, Tables
from connectors.freeswitch.simulate.server import PASSWORD
from connectors.sdk.simulation.cli_options import HOST

QUEUES: Final = {
    "accueil": ("0199000010", "600"),
    "mdph": ("0199000020", "610"),
    "rsa": ("0199000030", "620"),
    "pmi": ("0199000040", "630"),
}
"""Queue → number that citizens dial, and extension for transfers to the queue."""
AGENTS_PER_QUEUE: Final = 4
PATIENCE_SECONDS: Final = 240
TIMEOUT_SECONDS: Final = 300
TALK_SECONDS: Final = 150
MISSED_SECONDS: Final = 20
RANGES: Final = ("063998", "019900", "026191", "035301", "046571", "053649")
"""Prefixes of numbers reserved for fiction in France; four digits follow."""


class CallSimulation:
    """Simulation from `begin` on. `ledger` counts the true figures, such as `queued`, `answered` and `abandoned`."""

    def __init__(self, callcenter: Callcenter, *, seed: int, calls_per_hour: float, begin: float) -> None:
        self.ledger = Counter[str]()
        self._callcenter = callcenter
        self._random = Random(seed)  # noqa: S311 - a simulation
        self._interval_seconds = 3_600 / calls_per_hour
        self._planned: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = 0
        self._free = {queue: list(names) for queue, names in agents().items()}
        self._waiting: dict[str, list[str]] = {queue: [] for queue in QUEUES}
        self._open = True
        for names in agents().values():
            for index, name in enumerate(names):
                self._in(begin, 0.1 + index, lambda at, name=name: self._callcenter.set_status(at, name, AVAILABLE))  # type: ignore[misc]
        self._in(begin, 10.0, self._call_comes)

    @property
    def next_at(self) -> float:
        """Time of the next action, in seconds since 1970; infinite if none is left."""
        return self._planned[0][0] if self._planned else float("inf")

    def step(self) -> None:
        """Run the next action."""
        at, _, action = heapq.heappop(self._planned)
        action(at)

    def close(self, at: float) -> None:
        """Accept no more calls and log all agents out. Current calls continue to their end."""
        self._open = False
        for names in agents().values():
            for name in names:
                self._callcenter.set_status(at, name, LOGGED_OUT)

    def _in(self, now: float, seconds: float, action: Callable[[float], None]) -> None:
        self._number += 1
        heapq.heappush(self._planned, (now + seconds, self._number, action))

    def _call_comes(self, at: float) -> None:
        if not self._open:
            return
        self._in(at, self._random.expovariate(1 / self._interval_seconds), self._call_comes)
        queue = self._random.choice([*QUEUES])
        caller = f"{self._random.choice(RANGES)}{self._random.randrange(10_000):04d}"
        withheld = self._random.random() < 0.05
        call = self._callcenter.arrive(at, caller="anonymous" if withheld else caller, dialled=QUEUES[queue][0])
        self._in(at, 8.0, lambda later: self._wait(later, call, queue))

    def _wait(self, at: float, call: str, queue: str) -> None:
        self.ledger["queued"] += 1
        self._callcenter.enter(at, call, queue)
        self._waiting[queue].append(call)
        patience = self._random.expovariate(1 / PATIENCE_SECONDS)
        leave, name = (self._callcenter.give_up, "abandoned")
        if patience > TIMEOUT_SECONDS:
            patience, leave, name = TIMEOUT_SECONDS, self._callcenter.time_out, "left"
        elif self._random.random() < 0.1:
            leave, name = self._callcenter.press_key, "left"
        self._in(at, patience, lambda later: self._leave(later, call, queue, leave, name))
        self._in(at, 2.0, lambda later: self._serve(later, queue))

    def _leave(self, at: float, call: str, queue: str, leave: Callable[[float, str], None], name: str) -> None:
        if call in self._waiting[queue]:
            self._waiting[queue].remove(call)
            self.ledger[name] += 1
            leave(at, call)

    def _serve(self, at: float, queue: str) -> None:
        free, waiting = self._free[queue], self._waiting[queue]
        if not (free and waiting and self._open):
            return
        agent, call = free.pop(0), waiting[0]
        if self._random.random() < 0.08:
            self.ledger["rings"] += 1
            self._callcenter.ring_out(at, call, agent)
            self._in(at, MISSED_SECONDS, lambda later: self._is_free(later, agent, queue))
            self._in(at, 1.0, lambda later: self._serve(later, queue))
            return
        waiting.remove(call)
        if self._random.random() < 0.02:
            self.ledger["abandoned"] += 1
            self._callcenter.pick_up(at, call, agent)
            self._in(at, 0.1, lambda later: self._callcenter.miss(later, call))
            self._in(at, 5.0, lambda later: self._is_free(later, agent, queue))
            return
        self.ledger["answered"] += 1
        self._callcenter.answer(at, call, agent)
        self._in(
            at,
            5 + self._random.lognormvariate(0, 0.6) * TALK_SECONDS,
            lambda later: self._part(later, call, agent, queue),
        )

    def _part(self, at: float, call: str, agent: str, queue: str) -> None:
        draw = self._random.random()
        if draw < 0.1:
            target = self._random.choice([other for other in QUEUES if other != queue])
            self.ledger["transferred"] += 1
            self._callcenter.transfer(at, call, QUEUES[target][1])
            if self._open:
                self._in(at, 1.0, lambda later: self._wait(later, call, target))
        else:
            self.ledger["ended"] += 1
            self._callcenter.hang_up(at, call, by_agent=draw < 0.4)
        if self._open and draw > 0.95:
            self._callcenter.set_status(at + 1, agent, ON_BREAK)
            self._in(at, 300.0, lambda later: self._come_back(later, agent, queue))
        else:
            self._in(at, 10.0, lambda later: self._is_free(later, agent, queue))

    def _come_back(self, at: float, agent: str, queue: str) -> None:
        if self._open:
            self._callcenter.set_status(at, agent, AVAILABLE)
            self._is_free(at, agent, queue)

    def _is_free(self, at: float, agent: str, queue: str) -> None:
        self._free[queue].append(agent)
        self._serve(at, queue)


def agents() -> dict[str, list[str]]:
    """Return the names of the agents of each queue."""
    return {
        queue: [f"{1001 + 100 * index + number}@default" for number in range(AGENTS_PER_QUEUE)]
        for index, queue in enumerate(QUEUES)
    }


def tables() -> Tables:
    """Return the initial tables of the callcenter."""
    return Tables([*QUEUES], {name: [queue] for queue, names in agents().items() for name in names})


def configuration(port: int, password: str = PASSWORD) -> dict[str, Any]:
    """Return the connector options to read the event socket at `port`."""
    return {
        "host": HOST,
        "port": port,
        "password": password,
        "sector": "demonstration",
        "site": "annexe",
        "queues": {queue: {"service": queue, "extensions": [extension]} for queue, (_, extension) in QUEUES.items()},
        "dids": {dialled: {"line": queue, "service": queue} for queue, (dialled, _) in QUEUES.items()},
    }
