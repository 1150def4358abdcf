"""Simulated dossiers with their steps, drawn from a seed.

A scenario depends only on the seed, the rate and its first hour, so that the state at any time can be computed without storage.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Final, NamedTuple

PROCEDURES: Final = {48210: "transport-adapte", 48211: "arretes-voirie", 48212: "subventions-agricoles"}
CITIZENS: Final = 3_000
SUNDAY: Final = 6
PER_HOUR: Final = 100
"""Most dossiers per hour; dossier numbers are computed from it."""
DECISIONS: Final = {"accepte": 80, "refuse": 12, "classe_sans_suite": 8}
CORRECTED: Final = 0.3
DELETED: Final = 0.04


class DossierScenario(NamedTuple):
    """All steps of a dossier."""

    number: int
    procedure: int
    email: str
    steps: tuple[tuple[str, datetime], ...]
    asked_at: datetime | None
    """Time of the correction request."""
    resolved_at: datetime | None
    deleted_at: datetime | None

    def changed_at(self, now: datetime) -> datetime | None:
        """Return the time of the last change by `now`, apart from the deletion; None before the first step."""
        times = (*(at for _, at in self.steps), self.asked_at, self.resolved_at)
        return max((at for at in times if at and at <= now), default=None)

    def happened(self, now: datetime) -> Iterator[str]:
        """Yield the types of the events that the connector must publish by `now`."""
        kinds = {"depose": "form.submitted", "passe_en_instruction": "form.taken_up"}
        deleted_at = self.deleted_at or now
        events: list[tuple[str, datetime | None]] = [(kinds.get(step, "form.decided"), at) for step, at in self.steps]
        events += [("form.correction_requested", self.asked_at), ("form.corrected", self.resolved_at)]
        yield from (kind for kind, at in events if at and at <= min(now, deleted_at))
        if self.deleted_at and self.deleted_at <= now:
            yield "personal_data.erased"


@lru_cache(maxsize=4096)
def draw_scenarios(seed: int, hour: int, per_hour: float) -> Sequence[DossierScenario]:
    """Return the scenarios that begin in `hour`, in hours since 1970.

    `per_hour` is the average number; fewer begin at night and on Sundays.
    """
    random = Random(f"{seed}|{hour}|{per_hour}")  # noqa: S311 - must be reproducible
    begin = datetime.fromtimestamp(hour * 3600, UTC)
    busy = (1.6 if 7 <= begin.hour < 19 else 0.4) * (0.4 if begin.weekday() == SUNDAY else 1.0)
    count = min(int(per_hour * busy + random.random()), PER_HOUR)
    return [_draw(random, hour * PER_HOUR + index, begin) for index in range(count)]


def _draw(random: Random, number: int, begin: datetime) -> DossierScenario:
    def later(start: datetime, hours: float) -> datetime:
        return (start + timedelta(hours=random.expovariate(1 / hours))).replace(microsecond=0)

    submitted_at = (begin + timedelta(seconds=random.uniform(0, 3600))).replace(microsecond=0)
    asked_at = later(submitted_at, 12) if random.random() < CORRECTED else None
    resolved_at = later(asked_at, 40) if asked_at else None
    taken_up_at = later(resolved_at or submitted_at, 20)
    decision = random.choices([*DECISIONS], [*DECISIONS.values()])[0]
    decided_at = later(taken_up_at, 90)
    return DossierScenario(
        number,
        random.choice([*PROCEDURES]),
        f"usager{random.randrange(CITIZENS)}@example.org",
        (("depose", submitted_at), ("passe_en_instruction", taken_up_at), (decision, decided_at)),
        asked_at,
        resolved_at,
        later(decided_at + timedelta(days=1), 48) if random.random() < DELETED else None,
    )
