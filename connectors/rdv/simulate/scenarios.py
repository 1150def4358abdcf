"""Simulated appointments with their changes, drawn from a seed."""

import heapq
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Final, NamedTuple

from connectors.rdv.simulate.service import Citizen, RdvService

ORGANISATIONS: Final = (11, 12, 13)
MOTIFS: Final = {101: 1, 102: 1, 201: 2, 202: 2, 301: 3}
"""Service number by motif number (PMI, RSA, CDAS)."""
LIEUX: Final = (31, 32, 33)
CITIZENS: Final = 2_000
FAMILY_NAMES: Final = ("Exemple", "Modele", "Fictif", "Essai", "Imaginaire")
MOVED: Final = 0.12
CANCELLED: Final = 0.14
DELETED: Final = 0.01
MISSED: Final = 0.11
NOT_FILLED_IN: Final = 0.08


class PlannedAction(NamedTuple):
    """Action planned for a time, sortable by time."""

    at: datetime
    order: int
    name: str
    rdv: int = 0


class AppointmentScenarios:
    """Generator of appointments in `service` from `begin` on, reproducible from the seed.

    `per_hour` is the average number of new appointments.
    """

    def __init__(self, service: RdvService, seed: int, begin: datetime, per_hour: float) -> None:
        self._service = service
        self._random = Random(seed)  # noqa: S311 - must be reproducible
        self._per_hour = per_hour
        self._numbers = count()
        self._agenda: list[PlannedAction] = []
        self._plan(begin, "book")

    def run(self, now: datetime) -> None:
        """Execute all actions due by `now`."""
        while self._agenda[0].at <= now:
            self._execute(heapq.heappop(self._agenda))
        self._service.elapse(now)

    def _plan(self, at: datetime, name: str, rdv: int = 0) -> None:
        heapq.heappush(self._agenda, PlannedAction(at.replace(microsecond=0), next(self._numbers), name, rdv))

    def _execute(self, action: PlannedAction) -> None:
        random, at = self._random, action.at
        match action.name:
            case "book":
                self._plan(at + timedelta(hours=random.expovariate(self._per_hour)), "book")
                self._book(at)
            case "move":
                starts_at = self._slot(at)
                self._service.move(at, action.rdv, starts_at)
                self._plan_end(at, starts_at, action.rdv)
            case "excused" | "revoked":
                self._service.cancel(at, action.rdv, "citizen" if action.name == "excused" else "service")
            case "delete":
                self._service.delete(at, action.rdv)
            case "seen":
                self._service.attend(at, action.rdv)
            case _:
                self._service.miss(at, action.rdv)

    def _book(self, at: datetime) -> None:
        random = self._random
        starts_at, motif = self._slot(at), random.choice([*MOTIFS])
        rdv = self._service.book(
            at,
            starts_at,
            [citizen(random.randrange(CITIZENS))],
            organisation=random.choice(ORGANISATIONS),
            motif=motif,
            service=MOTIFS[motif],
            lieu=random.choice(LIEUX),
            by=random.choices(["User", "Agent", "Prescripteur"], [5, 4, 1])[0],
        )
        if random.random() < MOVED:
            self._plan(at + (starts_at - at) * random.uniform(0.1, 0.8), "move", rdv)
        else:
            self._plan_end(at, starts_at, rdv)

    def _plan_end(self, at: datetime, starts_at: datetime, rdv: int) -> None:
        random, drawn = self._random, self._random.random()
        before = at + (starts_at - at) * random.uniform(0.1, 0.95)
        after = starts_at + timedelta(hours=random.uniform(0.5, 30))
        if drawn < DELETED:
            self._plan(before, "delete", rdv)
        elif drawn < CANCELLED:
            self._plan(before, random.choice(["excused", "excused", "revoked"]), rdv)
        elif drawn < CANCELLED + MISSED:
            self._plan(after, "noshow", rdv)
        elif drawn < 1 - NOT_FILLED_IN:
            self._plan(after, "seen", rdv)

    def _slot(self, at: datetime) -> datetime:
        """Return a time in working hours, some days after `at`."""
        day = at + timedelta(days=1 + self._random.expovariate(1 / 8))
        day += timedelta(days=max(0, day.weekday() - 4) and 7 - day.weekday())
        return day.replace(
            hour=self._random.randrange(8, 17), minute=self._random.choice([0, 30]), second=0, microsecond=0
        )


def citizen(number: int) -> Citizen:
    """Return the citizen with this number, always the same."""
    name = FAMILY_NAMES[number % len(FAMILY_NAMES)]
    return Citizen(
        5_000 + number,
        "Camille",
        name,
        f"camille.{number}@example.org",
        f"06 39 98 {number // 100:02d} {number % 100:02d}",
    )
