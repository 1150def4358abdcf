"""Simulated opinions; those of an hour depend only on the seed, the rate and the hour."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final, NamedTuple

FORMS: Final = {7001: "transport-adapte", 7002: "accueil-cdas"}
BUTTONS: Final = {7001: (910,), 7002: (921, 922)}
SATISFACTION: Final = {"good": 68, "medium": 19, "bad": 13}
VERBATIMS: Final = 0.3
CHANGED: Final = 0.05


class Opinion(NamedTuple):
    """Opinion of a citizen, with an optional later change."""

    form: int
    button: int
    at: datetime
    satisfaction: str
    verbatim: str
    changed_at: datetime | None
    changed_to: str


def opinions(seed: int, since: datetime, until: datetime, per_hour: float) -> Iterator[Opinion]:
    """Yield the opinions from `since` to before `until`, in order: about `per_hour` on average, more by day."""
    for hour in range(int(since.timestamp()) // 3600, int(until.timestamp()) // 3600 + 1):
        yield from (opinion for opinion in _draw(seed, hour, per_hour) if since <= opinion.at < until)


def _draw(seed: int, hour: int, per_hour: float) -> list[Opinion]:
    random = Random(f"{seed}|{hour}|{per_hour}")  # noqa: S311 - must be reproducible
    begin = datetime.fromtimestamp(hour * 3600, UTC)
    count = int(per_hour * (1.6 if 7 <= begin.hour < 21 else 0.2) + random.random())
    drawn = (_draw_one(random, begin) for _ in range(count))
    return sorted(drawn, key=lambda opinion: opinion.at)


def _draw_one(random: Random, begin: datetime) -> Opinion:
    form = random.choice([*FORMS])
    at = begin + timedelta(milliseconds=random.randrange(3_600_000))
    satisfaction, other = random.choices([*SATISFACTION], [*SATISFACTION.values()], k=2)
    return Opinion(
        form,
        random.choice(BUTTONS[form]),
        at,
        satisfaction,
        "Un avis inventé" if random.random() < VERBATIMS else "",
        at + timedelta(minutes=random.uniform(1, 59)) if random.random() < CHANGED else None,
        other,
    )
