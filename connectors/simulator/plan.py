"""The plan: all that will happen, in order of time, drawn from a seed."""

import heapq
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from itertools import count
from random import Random
from typing import Final, NamedTuple

from connectors.simulator.actions import Action
from connectors.simulator.office_hours import PARIS, OfficeHours, midnight
from connectors.simulator.organisation import (
    APPOINTMENTS,
    EMAILS,
    FORMS,
    LETTERS,
    MAARCH_LETTERS,
    NOTICES,
    VISITS,
    ContactKind,
)
from connectors.simulator.scenarios import Actions, ScenarioBuilder

FIRST_DAY: Final = date(2020, 1, 1)
NUMBERS_PER_DAY: Final = 10_000
"""Matters that one day can begin; the day is part of their numbers, which have eight digits at most, as real ones."""


class Beginning(NamedTuple):
    """One way in which stories begin."""

    name: str
    kind: ContactKind
    factor: float
    """Of what comes of the kind, so many begin like this."""
    tell: Callable[[ScenarioBuilder, datetime], Actions]


BEGINNINGS: Final = (
    Beginning("letter", LETTERS, 0.85, ScenarioBuilder.letter),
    Beginning("stack", LETTERS, 0.15 / 3.5, ScenarioBuilder.stack),
    Beginning("registered letter", MAARCH_LETTERS, 1.0, ScenarioBuilder.registered_letter),
    Beginning("email", EMAILS, 1.0, ScenarioBuilder.email),
    Beginning("form", FORMS, 1.0, ScenarioBuilder.form),
    Beginning("appointment", APPOINTMENTS, 1.0, ScenarioBuilder.appointment),
    Beginning("visit", VISITS, 1.0, ScenarioBuilder.visit),
    Beginning("notice", NOTICES, 1.0, ScenarioBuilder.notice),
)


class Plan(NamedTuple):
    """What happens if nobody looks; the switchboard's calls apart, which are drawn when they come."""

    seed: int
    per_year: float
    """Contacts of a year, calls among them."""
    always: bool = False
    """Whether all days and hours are like those of work: for demonstrations at any time."""

    def day(self, day: date, since: datetime) -> Iterator[Action]:
        """Yield the deeds of the stories that begin on `day`, at `since` or later: in no order, and on later days too."""
        numbers = count((day - FIRST_DAY).days * NUMBERS_PER_DAY)
        office = OfficeHours(self.always)
        for beginning in BEGINNINGS:
            often = self.per_year * beginning.kind.share * beginning.factor
            chance = Random(f"{self.seed}|{day}|{beginning.name}")  # noqa: S311 - has to be the same each time
            arrivals = beginning.kind.rhythm.arrivals(often, day, chance, always=self.always)
            for which, at in enumerate(arrivals):
                own = Random(f"{self.seed}|{day}|{beginning.name}|{which}")  # noqa: S311
                actions = beginning.tell(ScenarioBuilder(self.seed, own, office, numbers), at)
                if at >= since:
                    yield from actions
                else:
                    for _ in actions:  # so that the numbers of the others are the same
                        pass

    def actions(self, since: datetime) -> Iterator[Action]:
        """Yield the deeds of all stories that begin at `since` or later, in order, without end."""
        day = since.astimezone(PARIS).date()
        order = count()
        planned: list[tuple[datetime, int, Action]] = []
        while True:
            for action in self.day(day, since):
                heapq.heappush(planned, (action.at, next(order), action))
            day += timedelta(days=1)
            while planned and planned[0][0] < midnight(day):
                yield heapq.heappop(planned)[2]
