"""When citizens call, when they are answered, and how many agents that takes."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import exp
from typing import Final
from zoneinfo import ZoneInfo

from connectors.asterisk.simulate.services import Service

ZONE: Final = ZoneInfo("Europe/Paris")
HOUR: Final = 3600
WORKING_DAYS: Final = range(5)
WEEKDAYS: Final = (1.35, 1.10, 0.95, 1.00, 0.90, 0.03, 0.02)
"""How many call, Monday to Sunday, next to a usual day."""
CURVE: Final = (
    *((0, 0.0), (7, 0.02), (8, 0.1), (8.5, 0.8), (9.5, 1.5), (11, 1.4), (12, 0.7), (13, 0.45), (14, 1.3), (15.5, 1.2)),
    *((17, 0.6), (17.5, 0.1), (19, 0.02), (24, 0.0)),
)
"""How many call, by hour of the day; straight lines between."""
BUSIEST: Final = max(height for _, height in CURVE)
USUAL_HOURS: Final = 9
"""A usual day's calls would take so long if they came evenly."""
QUIET: Final = 0.65
"""Of a switchboard that never closes, at the least: 0.6 times a usual hour."""
WRAP_UP_SECONDS: Final = 20
"""What rings and notes take, about, beside the conversation."""
TRANSFERS: Final = 1.08
"""How many calls there are in a queue for one that came from outside."""
ANSWERED_IN_TIME: Final = 0.9
WITHIN_SECONDS: Final = 15
"""The aim of those who plan: so many are to be answered so soon."""
_AREA: Final = sum((end - start) * (low + high) / 2 for (start, low), (end, high) in pairwise(CURVE))


@dataclass(frozen=True, slots=True)
class CallProfile:
    """The days of a switchboard with about `calls` calls on a usual one.

    One that is `always` open has calls at night and on Sundays too, and none of its days is another than usual.
    """

    calls: float
    always: bool = False

    @property
    def highest(self) -> float:
        """More calls per hour than this never come, on any day."""
        return self.calls / _AREA * BUSIEST * max(WEEKDAYS)

    def calls_per_hour(self, at: float) -> float:
        """Return how many call at `at`, seconds since 1970."""
        weekday, _ = _clock(at)
        return self.usual_calls_per_hour(at) * (1 if self.always else WEEKDAYS[weekday])

    def usual_calls_per_hour(self, at: float) -> float:
        """Return how many call at that time of a usual day."""
        _, hour = _clock(at)
        return self.calls / _AREA * max(_height(hour), QUIET if self.always else 0.0)

    def is_open(self, service: Service, at: float) -> bool:
        """Return whether `service` takes calls at `at`."""
        weekday, hour = _clock(at)
        return self.always or (
            weekday in WORKING_DAYS and any(opens <= hour < closes for opens, closes in service.openings)
        )

    def agents(self, service: Service, at: float) -> int:
        """Return how many agents the calls of `service` take that come at that time of a usual day: on Mondays too few."""
        handle_seconds = service.talk_seconds * MEAN_TALK + WRAP_UP_SECONDS
        return agents_for(
            self.usual_calls_per_hour(at) * service.share * TRANSFERS * handle_seconds / HOUR, handle_seconds
        )


TALK_SIGMA: Final = 0.7
MEAN_TALK: Final = exp(TALK_SIGMA**2 / 2)
"""Mean of a conversation for a median of one."""


def agents_for(load: float, handle_seconds: float) -> int:
    """Return how many agents answer in time as they aim to, by Erlang's formula C; `load` is how many talk on average."""
    agents, blocked = 0, 1.0
    while True:
        agents += 1
        blocked = load * blocked / (agents + load * blocked)  # Erlang's formula B
        if agents > load:
            waits = blocked / (1 - load / agents * (1 - blocked))
            if waits * exp(-(agents - load) * WITHIN_SECONDS / handle_seconds) <= 1 - ANSWERED_IN_TIME:
                return agents


def _clock(at: float) -> tuple[int, float]:
    # Wall-clock time: on the days when clocks change, a service opens at half past eight all the same.
    there = datetime.fromtimestamp(at, ZONE)
    return there.weekday(), there.hour + there.minute / 60 + there.second / HOUR


def _height(hour: float) -> float:
    place = min(bisect_right(CURVE, hour, key=lambda point: point[0]), len(CURVE) - 1)
    (start, low), (end, high) = CURVE[place - 1], CURVE[place]
    return low + (high - low) * (hour - start) / (end - start)
