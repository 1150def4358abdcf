"""Working hours of the services and arrival times of contacts, in Paris time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

PARIS: Final = ZoneInfo("Europe/Paris")
OPENS, CLOSES = time(8, 30), time(17, 0)
WORKING_DAYS: Final = range(5)
WORKING_DAYS_PER_YEAR: Final = 252
"""Assumed working days per year, without public holidays."""
WEEKENDS: Final = 113
"""Other days per year: weekends and public holidays."""
AT_LEAST: Final = 0.65
"""Minimum volume of an hour with `always`, relative to the busiest hour of the rhythm."""


@dataclass(frozen=True, slots=True)
class OfficeHours:
    """Working hours of all services: Monday to Friday from `OPENS` to `CLOSES` in Paris, or `always`, for demonstrations."""

    always: bool = False

    def after(self, at: datetime, hours: float) -> datetime:
        """Return the time `hours` working hours, rounded to seconds, after `at`. With `always`, every hour is a working hour."""
        left = timedelta(seconds=round(hours * 3600))
        if self.always:
            return at + left
        day = at.astimezone(PARIS).date()
        while True:
            opens, closes = _moment(day, OPENS), _moment(day, CLOSES)
            begins = max(at, opens)
            if day.weekday() in WORKING_DAYS and begins < closes:
                if closes - begins >= left:
                    return begins + left
                left -= closes - begins
            day += timedelta(days=1)


class ArrivalRhythm(NamedTuple):
    """Distribution of contacts over the day, and volume of a weekend day relative to a working day."""

    hours: tuple[int, ...]
    """Weights of the 24 hours, Paris time."""
    weekend: float

    def arrivals(self, per_year: float, day: date, random: Random, *, always: bool) -> Iterator[datetime]:
        """Yield random arrival times (UTC) on `day` in Paris, in order, at a rate of `per_year` contacts; more with `always`."""
        usual = per_year / (WORKING_DAYS_PER_YEAR + self.weekend * WEEKENDS) / sum(self.hours)
        today = 1.0 if always or day.weekday() in WORKING_DAYS else self.weekend
        least = AT_LEAST * max(self.hours) if always else 0
        midnight = _moment(day, time())
        for hour in range(round((_moment(day + timedelta(days=1), time()) - midnight) / timedelta(hours=1))):
            begin = midnight + timedelta(hours=hour)
            per_hour = usual * today * max(self.hours[begin.astimezone(PARIS).hour], least)
            place = random.expovariate(per_hour) if per_hour else 1.0
            while place < 1:
                yield begin + timedelta(seconds=int(place * 3600))
                place += random.expovariate(per_hour)


def midnight(day: date) -> datetime:
    """Return the start of `day` in Paris, as a time in UTC."""
    return _moment(day, time())


def _moment(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, PARIS).astimezone(UTC)
