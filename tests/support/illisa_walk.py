"""Random walks of Illisa's cases through the states of their procedures, at any times. The same seed gives the same changes."""

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final, NamedTuple

from connectors.simulator.illisa.platform import Illisa
from connectors.simulator.illisa.procedures import PROCEDURES, Procedure, Step
from connectors.simulator.population import CITIZENS, citizen

ENDS: Final = frozenset({Step.ACCEPTED, Step.REJECTED, Step.NO_ACTION})

NEXT: Final[dict[Step, Sequence[tuple[Step, float, float]]]] = {
    Step.SUBMITTED: ((Step.TAKEN_UP, 0.96, 30.0), (Step.NO_ACTION, 0.04, 20.0)),
    Step.TAKEN_UP: (
        *((Step.IN_COMMITTEE, 0.35, 60.0), (Step.CORRECTION_REQUESTED, 0.3, 24.0)),
        *((Step.ACCEPTED, 0.25, 72.0), (Step.REJECTED, 0.08, 72.0), (Step.NO_ACTION, 0.02, 96.0)),
    ),
    Step.CORRECTION_REQUESTED: ((Step.CORRECTED, 0.85, 90.0), (Step.NO_ACTION, 0.15, 400.0)),
    Step.CORRECTED: ((Step.TAKEN_UP, 1.0, 16.0),),
    Step.IN_COMMITTEE: ((Step.ACCEPTED, 0.8, 100.0), (Step.REJECTED, 0.15, 100.0), (Step.TAKEN_UP, 0.05, 48.0)),
}
"""Step → next steps, their probabilities, and the mean time until them in hours."""
SHORTEST: Final = timedelta(seconds=1)
"""Shortest time between two changes of a case: the tables have whole seconds."""


class Change(NamedTuple):
    """A change of a case's state."""

    at: datetime
    procedure: str
    number: int
    step: Step

    def apply(self, platform: Illisa) -> None:
        """Make the change on the platform."""
        if self.step is Step.SUBMITTED:
            platform.submit(self.procedure, self.number, self.at, citizen(1, self.number % CITIZENS))
        else:
            platform.advance(self.procedure, self.number, self.step, self.at)


def changes(seed: int, start: datetime) -> Iterator[Change]:
    """Yield the changes of all cases submitted since `start`, in order, without end."""
    # An entry: time, procedure, number, kind of entry, step. Kind 0 is a new case, kind 1 a step of a known one.
    pending: list[tuple[datetime, str, int, int, Step]] = []
    arrivals = {name: Random(f"{seed}|{name}") for name in PROCEDURES}
    cases: dict[tuple[str, int], Random] = {}
    for name, procedure in PROCEDURES.items():
        heapq.heappush(pending, (start + _until_next(procedure, arrivals[name]), name, 1, 0, Step.SUBMITTED))
    while True:
        at, name, number, kind, step = heapq.heappop(pending)
        yield Change(at, name, number, step)
        if kind == 0:
            cases[name, number] = Random(f"{seed}|{name}|{number}")
            following = at + _until_next(PROCEDURES[name], arrivals[name])
            heapq.heappush(pending, (following, name, number + 1, 0, Step.SUBMITTED))
        if step in ENDS:
            del cases[name, number]
            continue
        next_step, wait = _draw(step, cases[name, number])
        heapq.heappush(pending, (at + wait, name, number, 1, next_step))


def _until_next(procedure: Procedure, random: Random) -> timedelta:
    days = random.expovariate(procedure.weight)  # as many cases per day as the weight
    return max(SHORTEST, timedelta(seconds=round(days * 86_400)))


def _draw(step: Step, random: Random) -> tuple[Step, timedelta]:
    steps = NEXT[step]
    chosen = random.choices(steps, [weight for _step, weight, _hours in steps])[0]
    return chosen[0], max(SHORTEST, timedelta(seconds=round(random.expovariate(1 / chosen[2]) * 3600)))
