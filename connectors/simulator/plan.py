"""Plan of all actions in order of time, derived from a seed."""

import heapq
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from itertools import count
from random import Random
from typing import Final, NamedTuple

from connectors.simulator.actions import Action
from connectors.simulator.office_hours import PARIS, WORKING_DAYS, WORKING_DAYS_PER_YEAR, OfficeHours, midnight
from connectors.simulator.organisation import (
    APPOINTMENTS,
    EMAILS,
    FORMS,
    FRANKED_SHARE,
    ILLISA_FORMS,
    LETTERS,
    MAARCH_LETTERS,
    NOTICES,
    VISITS,
    ContactKind,
)
from connectors.simulator.scenarios import Actions, ScenarioBuilder

FIRST_DAY: Final = date(2020, 1, 1)
FRANKED_AFTER: Final = timedelta(hours=17, minutes=15)
"""Time of the franking machine's totals, after the start of the day."""
NUMBERS_PER_DAY: Final = 10_000
"""Number of cases that one day can begin. Case numbers contain the day and have at most eight digits, like real ones."""


class Beginning(NamedTuple):
    """One way in which scenarios begin."""

    name: str
    kind: ContactKind
    factor: float
    """Number of scenarios that begin in this way, per contact of the kind. A stack counts for 3.5 contacts, its mean size."""
    build: Callable[[ScenarioBuilder, datetime], Actions]


BEGINNINGS: Final = (
    Beginning("letter", LETTERS, 0.85, ScenarioBuilder.letter),
    Beginning("stack", LETTERS, 0.15 / 3.5, ScenarioBuilder.stack),
    Beginning("registered letter", MAARCH_LETTERS, 1.0, ScenarioBuilder.registered_letter),
    Beginning("email", EMAILS, 1.0, ScenarioBuilder.email),
    Beginning("form", FORMS, 1.0, ScenarioBuilder.form),
    Beginning("appointment", APPOINTMENTS, 1.0, ScenarioBuilder.appointment),
    Beginning("visit", VISITS, 1.0, ScenarioBuilder.visit),
    Beginning("notice", NOTICES, 1.0, ScenarioBuilder.notice),
    Beginning("Illisa form", ILLISA_FORMS, 1.0, ScenarioBuilder.illisa_form),
)


class Plan(NamedTuple):
    """All planned actions, except calls, which are drawn during the run."""

    seed: int
    per_year: float
    """Contacts per year, including calls."""
    always: bool = False
    """Whether all days and hours count as working time, for demonstrations."""

    def day(self, day: date, since: datetime) -> Iterator[Action]:
        """Yield the actions, unordered, of scenarios that begin on `day`, at `since` or later; some are on later days."""
        numbers = count((day - FIRST_DAY).days * NUMBERS_PER_DAY)
        office = OfficeHours(self.always)
        for beginning in BEGINNINGS:
            per_year = self.per_year * beginning.kind.share * beginning.factor
            arrival_random = Random(f"{self.seed}|{day}|{beginning.name}")  # noqa: S311 - must be reproducible
            arrivals = beginning.kind.rhythm.arrivals(per_year, day, arrival_random, always=self.always)
            for index, at in enumerate(arrivals):
                random = Random(f"{self.seed}|{day}|{beginning.name}|{index}")  # noqa: S311
                actions = beginning.build(ScenarioBuilder(self.seed, random, office, numbers), at)
                if at >= since:
                    yield from actions
                else:
                    for _ in actions:  # consumes case numbers, so that other cases keep theirs
                        pass
        franked_at = midnight(day) + FRANKED_AFTER
        if (self.always or day.weekday() in WORKING_DAYS) and franked_at >= since:
            random = Random(f"{self.seed}|{day}|franked post")  # noqa: S311
            per_day = self.per_year * FRANKED_SHARE / WORKING_DAYS_PER_YEAR
            yield from ScenarioBuilder(self.seed, random, office, numbers).franked_post(franked_at, per_day)

    def actions(self, since: datetime) -> Iterator[Action]:
        """Yield the actions of all scenarios that begin at `since` or later, in order of time, without end."""
        day = since.astimezone(PARIS).date()
        order = count()
        planned: list[tuple[datetime, int, Action]] = []
        while True:
            for action in self.day(day, since):
                heapq.heappush(planned, (action.at, next(order), action))
            day += timedelta(days=1)
            while planned and planned[0][0] < midnight(day):
                yield heapq.heappop(planned)[2]
