"""Simulated letters with their steps, drawn from a seed and executed in a simulated Maarch at their times."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from random import Random
from typing import Final

from connectors.maarch.simulate.maarch import SimulatedMaarch

ENTITIES: Final = {"DAS": "action-sociale", "DEF": "enfance", "DRT": "routes", "DEC": "colleges"}
POSTAGE: Final = {"Lettre verte": "1.39", "Recommandé": "5.74", "Recommandé avec avis": "6.94"}
CLASS_FIELD: Final = 1
COST_FIELD: Final = 2
CITIZENS: Final = 3_000
SUNDAY: Final = 6
HOUR: Final = timedelta(hours=1)
APART: Final = 4 * HOUR
"""Shortest time between two steps of a letter, so that a connector that polls more often sees each step."""

Step = Callable[[datetime], Counter[str]]
"""Action at a given time; returns the expected events by type."""


class LetterScenario:
    """Steps of one letter from its registration on, drawn on creation."""

    def __init__(self, maarch: SimulatedMaarch, random: Random, admitted_at: datetime) -> None:
        self._maarch = maarch
        self._admitted_at = admitted_at
        self._citizen = random.randrange(CITIZENS)
        self._entity, self._next_entity = random.sample([*ENTITIES], 2)
        self._number = 0
        self.steps = [*self._draw(random, admitted_at)]
        """Times and actions of the letter."""

    def _draw(self, random: Random, admitted_at: datetime) -> Iterator[tuple[datetime, Step]]:
        at = admitted_at + HOUR * random.uniform(0.2, 3)
        yield at, self._register
        answered = random.random() < 0.8
        for hours, step, chance in (
            (10, self._redirect, 0.15),
            (20, self._acknowledge, 0.7),
            (20, self._take_up, 1.0),
            (120, self._answer, float(answered)),
            (20, self._close if answered else self._drop, 1.0),
            (100, self._annotate, 0.1),
        ):
            if random.random() < chance:
                at += APART + timedelta(hours=random.expovariate(1 / hours))
                yield at, step

    def _register(self, at: datetime) -> Counter[str]:
        self._number = self._maarch.register(
            at,
            self._entity,
            admitted_at=self._admitted_at,
            name=f"Citoyen Exemple-{self._citizen}",
            email=f"usager{self._citizen}@example.org",
            phone=f"06 39 98 {self._citizen // 100:02} {self._citizen % 100:02}",
            subject="Courrier fictif",
        )
        return Counter(("letter.arrived", "letter.registered", "letter.assigned"))

    def _redirect(self, at: datetime) -> Counter[str]:
        self._maarch.assign(self._number, at, self._next_entity)
        return Counter(("letter.assigned",))

    def _acknowledge(self, at: datetime) -> Counter[str]:
        self._maarch.acknowledge(self._number, at)
        return Counter(("letter.acknowledged",))

    def _take_up(self, at: datetime) -> Counter[str]:
        self._maarch.take_up(self._number, at)
        return Counter()

    def _answer(self, at: datetime) -> Counter[str]:
        self._maarch.answer(self._number, at)
        return Counter(("letter.answered",))

    def _close(self, at: datetime) -> Counter[str]:
        self._maarch.close(self._number, at)
        return Counter(("letter.closed",))

    def _drop(self, at: datetime) -> Counter[str]:
        self._maarch.close(self._number, at, "SSUITE")
        return Counter(("letter.closed",))

    def _annotate(self, at: datetime) -> Counter[str]:
        self._maarch.annotate(self._number, at)
        return Counter()


class LetterSimulation:
    """Simulation of letters received at `since` or later, reproducible from the seed.

    `per_hour` is the average number of letters; fewer arrive at night and on Sundays.
    """

    def __init__(self, maarch: SimulatedMaarch, seed: int, since: datetime, per_hour: float) -> None:
        self._maarch = maarch
        self._random = Random(seed)  # noqa: S311 - must be reproducible
        self._per_hour = per_hour
        self._hour = since.replace(minute=0, second=0, microsecond=0)
        self._order = count()
        self._agenda: list[tuple[datetime, int, Step]] = []
        self.ledger: Counter[str] = Counter()
        """Expected number of events by type, for a connector that polls often enough."""

    def advance(self, now: datetime) -> None:
        """Execute all steps due by `now`."""
        while self._hour <= now:
            self._draw(self._hour)
            self._hour += HOUR
        while self._agenda and self._agenda[0][0] <= now:
            at, _, step = heapq.heappop(self._agenda)
            self.ledger += step(at)

    def _draw(self, hour: datetime) -> None:
        random = self._random
        busy = (1.8 if 7 <= hour.hour < 17 else 0.1) * (0.05 if hour.weekday() == SUNDAY else 1.0)
        for _ in range(int(self._per_hour * busy + random.random())):
            at = hour + HOUR * random.random()
            for step_at, step in LetterScenario(self._maarch, random, at).steps:
                self._plan(step_at, step)
            if random.random() < 0.3:
                self._plan(at, partial(self._send, random.choice([*ENTITIES]), random.choice([*POSTAGE])))

    def _plan(self, at: datetime, step: Step) -> None:
        heapq.heappush(self._agenda, (at.replace(microsecond=0), next(self._order), step))

    def _send(self, entity: str, postage: str, at: datetime) -> Counter[str]:
        fields = {str(CLASS_FIELD): postage, str(COST_FIELD): POSTAGE[postage]}
        self._maarch.send(at, destination=entity, custom_fields=fields)
        return Counter(("letter.sent",))
