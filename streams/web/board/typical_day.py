"""How a day like this one went before: what there was by hour of the clock, and what is expected of it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from operator import add, sub
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from models.topics import Channel
from streams.core.figures.figure import ARRIVALS_INDEX, HOURS, Dimensions, decode_figure, local_time
from streams.core.figures.figure_schemas import QUEUE_SCHEMA
from streams.core.forecast.arrivals import MAX_DAYS, Forecast, PastDay, forecast, similar_days
from streams.web.options import WebOptions

WEEKS: Final = MAX_DAYS + 2
"""So far back days are looked at: one or two of them may be public holidays."""
CHANNEL: Final = Channel.CALL
"""The board draws the day of calls."""
_DAYS: Final = 7 * (WEEKS + 1) + 1
"""A week more than is asked for: it tells whether the first day of that was whole."""

_Row = tuple[str, int, Dimensions, int]
"""Kind and start of a row, place, partition."""


class PastDays:
    """Rows of buckets and days in, calls by hour out; for one thread at a time. What rows of both kinds hold is disjoint."""

    def __init__(self, zone: ZoneInfo, now: datetime) -> None:
        self._zone = zone
        self._today = now.astimezone(zone).toordinal()
        self._days: dict[int, dict[_Row, tuple[int, ...]]] = {}
        """Civil day → row → how many came, in each hour, or for a bucket: hour, number."""
        self._sums: dict[int, list[int]] = {}

    def put(self, kind: str, start: int, dimensions: Dimensions, partition: int, value: bytes | None) -> None:
        """Take in the row of a bucket or a day; None removes it. Raises `msgspec.DecodeError` for what is no row."""
        if kind == "day":
            day, hour = start, -1
        else:
            began_at = local_time(start, self._zone)
            day, hour = began_at.toordinal(), began_at.hour
        if day <= self._today - _DAYS:
            return
        rows, row = self._days.setdefault(day, {}), (kind, start, dimensions, partition)
        sums = self._sums.setdefault(day, [0] * HOURS)
        if old := rows.pop(row, None):
            sums[:] = map(sub, sums, _spread(old))
        if value is None:
            return
        figure = decode_figure(value, QUEUE_SCHEMA)
        new = tuple(figure.by_hour or ()) if kind == "day" else (hour, figure.counts[ARRIVALS_INDEX])
        if new:
            rows[row] = new
            sums[:] = map(add, sums, _spread(new))

    def advance_to(self, now: datetime) -> None:
        """Drop what is too old for `now`."""
        today = now.astimezone(self._zone).toordinal()
        if today != self._today:
            self._today = today
            for day in [day for day in self._days if day <= today - _DAYS]:
                del self._days[day], self._sums[day]

    def whole_days(self, history_read_until: int | None) -> list[PastDay]:
        """Return the days of the last `WEEKS` weeks, all but the first on which anybody came, which may be known in part.

        While history is read, as of `being_read` (milliseconds since 1970), those are left out that it has not passed.
        """
        known = [day for day, sums in self._sums.items() if any(sums)]
        first = min(known, default=self._today)
        read = (
            self._today
            if history_read_until is None
            else datetime.fromtimestamp(history_read_until / 1000, self._zone).toordinal()
        )
        days = range(self._today - 1, self._today - 7 * WEEKS - 1, -1)
        nobody = [0] * HOURS
        return [
            PastDay(date.fromordinal(day), tuple(self._sums.get(day, nobody))) for day in days if first < day < read
        ]


def _spread(row: Sequence[int]) -> Sequence[int]:
    """Return how many came in each hour."""
    if len(row) == HOURS:
        return row
    hour, number = row
    return [number if at == hour else 0 for at in range(HOURS)]


class TypicalDay(msgspec.Struct, frozen=True):
    """How days of this weekday went before."""

    days: list[str]
    """From which it is made, ISO 8601."""
    of_sundays: bool
    """Whether these are Sundays since today is a public holiday; else they are the same weekdays, without public holidays."""
    by_hour: list[float]
    """How many came in each hour of the clock, in the mean."""
    by_now: float
    """How many had come by this time."""
    rest: float
    """How many still came."""
    low: float
    """9 days of 10 more than this will still come, or as many."""
    high: float


def typical_day_of(past: Sequence[PastDay], now: datetime, options: WebOptions) -> TypicalDay | None:
    """Return the forecast of the day from earlier whole days; None where too few are known."""
    local = now.astimezone(options.time_zone)
    today, by_day = local.date(), {one.day: one for one in past}
    like = [by_day[day] for day in similar_days(today, WEEKS, options.is_holiday) if day in by_day]
    told = forecast(
        like, local.hour + local.minute // 5 * 5 / 60
    )  # by five minutes: what is sent changes no more often
    if told is None:
        return None
    return _usual(told, {one.day: one.by_hour for one in like}, of_sundays=options.is_holiday(today))


def _usual(told: Forecast, by_day: Mapping[date, Sequence[int]], *, of_sundays: bool) -> TypicalDay:
    hours = zip(*(by_day[day] for day in told.days), strict=True)
    return TypicalDay(
        days=[day.isoformat() for day in told.days],
        of_sundays=of_sundays,
        by_hour=[round(sum(hour) / len(hour), 1) for hour in hours],
        by_now=round(told.by_now, 1),
        rest=round(told.rest, 1),
        low=round(told.low, 1),
        high=round(told.high, 1),
    )
