"""Queues of the simulated switchboard of a département, their call volume, and the agents required for it."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import exp
from typing import Final
from zoneinfo import ZoneInfo

CALLER_RANGES: Final = ("063998", "019900", "026191", "035301", "046571", "053649")
"""Prefixes of numbers reserved for fiction in France; four digits follow."""


@dataclass(frozen=True, slots=True)
class Service:
    """One queue and its parameters."""

    queue: str
    """Name, and extension for transfers."""
    label: str
    number: str
    share: float
    """Share of all calls from outside; the shares of `SERVICES` add up to 1."""
    talk_seconds: float
    """Median duration of conversations, which follow a log-normal distribution."""
    spare: int = 1
    """Agents in addition to those required, to allow breaks; negative: vacant posts."""
    patience_seconds: float = 240
    """Mean patience of callers, exponentially distributed."""
    timeout_seconds: float = 300
    capacity: int = 12
    openings: tuple[tuple[float, float], ...] = ((8.5, 17.0),)
    """Opening hours on working days: pairs of beginning and end, as hours of the day."""


SERVICES: Final = (
    Service("600", "accueil", "0199000010", 0.30, 80),
    Service("610", "mdph", "0199000020", 0.21, 210, patience_seconds=420),
    Service("620", "rsa", "0199000030", 0.17, 190, spare=-1, patience_seconds=360),
    Service("630", "pmi", "0199000040", 0.11, 150, spare=-1),
    Service("640", "transports-scolaires", "0199000050", 0.10, 120),
    Service("650", "routes", "0199000060", 0.07, 100, capacity=6),
    Service("660", "archives", "0199000070", 0.04, 150, capacity=3, openings=((9.0, 12.0), (13.5, 17.0))),
)
ZONE: Final = ZoneInfo("Europe/Paris")
HOUR: Final = 3600
WORKING_DAYS: Final = range(5)
WEEKDAYS: Final = (1.35, 1.10, 0.95, 1.00, 0.90, 0.03, 0.02)
"""Call volume from Monday to Sunday, as multiples of `CallProfile.calls`, the calls of a usual day."""
CURVE: Final = (
    *((0, 0.0), (7, 0.02), (8, 0.1), (8.5, 0.8), (9.5, 1.5), (11, 1.4), (12, 0.7), (13, 0.45), (14, 1.3), (15.5, 1.2)),
    *((17, 0.6), (17.5, 0.1), (19, 0.02), (24, 0.0)),
)
"""Points of hour of the day and relative call volume; interpolated linearly."""
PEAK: Final = max(height for _, height in CURVE)
USUAL_HOURS: Final = 9
"""Calls of a usual day, relative to those of a usual hour."""
MIN_SHARE: Final = 0.65
"""Lowest value of the curve for a switchboard that never closes; corresponds to 0.6 times a usual hour."""
WRAP_UP_SECONDS: Final = 20
"""Approximate ring and wrap-up time added to each conversation."""
TRANSFERS: Final = 1.08
"""Calls in queues per call from outside, because of transfers."""
ANSWERED_IN_TIME: Final = 0.9
ANSWER_SECONDS: Final = 15
"""Staffing target: the share `ANSWERED_IN_TIME` of calls is answered within this time, in seconds."""
_AREA: Final = sum((end - start) * (low + high) / 2 for (start, low), (end, high) in pairwise(CURVE))


@dataclass(frozen=True, slots=True)
class CallProfile:
    """Call volume of a switchboard with about `calls` calls on a usual day.

    With `always`, every day is a usual one and nights are busy too, so the day has more than `calls` calls.
    """

    calls: float
    always: bool = False

    @property
    def peak_calls_per_hour(self) -> float:
        """Maximum call volume per hour, over all days."""
        return self.calls / _AREA * PEAK * max(WEEKDAYS)

    def calls_per_hour(self, at: float) -> float:
        """Return the call volume per hour at `at`, in seconds since 1970."""
        weekday, _ = _local_time(at)
        return self.usual_calls_per_hour(at) * (1 if self.always else WEEKDAYS[weekday])

    def usual_calls_per_hour(self, at: float) -> float:
        """Return the call volume per hour at this time of a usual day."""
        _, hour = _local_time(at)
        return self.calls / _AREA * max(_height(hour), MIN_SHARE if self.always else 0.0)

    def is_open(self, service: Service, at: float) -> bool:
        """Return whether `service` takes calls at `at`, in seconds since 1970."""
        weekday, hour = _local_time(at)
        return self.always or (
            weekday in WORKING_DAYS and any(opens <= hour < closes for opens, closes in service.openings)
        )

    def agents(self, service: Service, at: float) -> int:
        """Return the agents required for `service` at this time of a usual day. On Mondays, this number is too low."""
        handle_seconds = service.talk_seconds * MEAN_TALK + WRAP_UP_SECONDS
        return agents_for(
            self.usual_calls_per_hour(at) * service.share * TRANSFERS * handle_seconds / HOUR, handle_seconds
        )


TALK_SIGMA: Final = 0.7
MEAN_TALK: Final = exp(TALK_SIGMA**2 / 2)
"""Mean duration of conversations, relative to the median."""


def agents_for(load: float, handle_seconds: float) -> int:
    """Return the agents required to reach the staffing target, by the Erlang C formula. `load` is in erlangs."""
    agents, blocked = 0, 1.0
    while True:
        agents += 1
        blocked = load * blocked / (agents + load * blocked)  # Erlang B formula
        if agents > load:
            waits = blocked / (1 - load / agents * (1 - blocked))
            if waits * exp(-(agents - load) * ANSWER_SECONDS / handle_seconds) <= 1 - ANSWERED_IN_TIME:
                return agents


def _local_time(at: float) -> tuple[int, float]:
    # Local time: opening hours do not shift when the clocks change.
    local = datetime.fromtimestamp(at, ZONE)
    return local.weekday(), local.hour + local.minute / 60 + local.second / HOUR


def _height(hour: float) -> float:
    index = min(bisect_right(CURVE, hour, key=lambda point: point[0]), len(CURVE) - 1)
    (start, low), (end, high) = CURVE[index - 1], CURVE[index]
    return low + (high - low) * (hour - start) / (end - start)
