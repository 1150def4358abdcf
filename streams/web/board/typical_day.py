"""Typical course of the day from earlier days of the same weekday: calls by hour, and a forecast for the rest."""

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
"""Weeks to look back: two more than the days that the forecast uses, since some days may be public holidays."""
CHANNEL: Final = Channel.CALL
"""Channel of the day chart."""
_DAYS: Final = 7 * (WEEKS + 1) + 1
"""Retained days: one week more than `WEEKS`, to detect whether the first of them is complete."""

_Row = tuple[str, int, Dimensions, int]
"""Kind and start of the row as in `PastDays.put`, dimensions, partition."""


class PastDays:
    """Sums call rows of buckets and days to calls by day and hour; not thread-safe. Rows of both kinds do not overlap."""

    def __init__(self, zone: ZoneInfo, now: datetime) -> None:
        self._zone = zone
        self._today = now.astimezone(zone).toordinal()
        self._days: dict[int, dict[_Row, tuple[int, ...]]] = {}
        """Civil day (`date.toordinal`) → row → calls in each hour; for a bucket, its hour and number of calls."""
        self._sums: dict[int, list[int]] = {}

    def put(self, kind: str, start: int, dimensions: Dimensions, partition: int, value: bytes | None) -> None:
        """Apply the row of a bucket or a day; None removes it. Rows of days that are too old are ignored.

        `kind` is `bucket` or `day`; `start` is in seconds since 1970, or for a day its `date.toordinal`. Raise
        `msgspec.DecodeError` if the row cannot be decoded.
        """
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
        """Move on to the local day of `now`, and drop days that are then too old. `put` and `whole_days` count from this day."""
        today = now.astimezone(self._zone).toordinal()
        if today != self._today:
            self._today = today
            for day in [day for day in self._days if day <= today - _DAYS]:
                del self._days[day], self._sums[day]

    def whole_days(self, complete_until: int) -> list[PastDay]:
        """Return the complete days of the last `WEEKS` weeks before today, the latest first. A day without calls has zeros.

        The first known day with calls may be incomplete: it and all earlier days are left out. Days from that of `complete_until`
        on (milliseconds since 1970) are left out too.
        """
        known = [day for day, sums in self._sums.items() if any(sums)]
        first = min(known, default=self._today)
        read = datetime.fromtimestamp(complete_until / 1000, self._zone).toordinal()
        days = range(self._today - 1, self._today - 7 * WEEKS - 1, -1)
        zeros = [0] * HOURS
        return [PastDay(date.fromordinal(day), tuple(self._sums.get(day, zeros))) for day in days if first < day < read]


def _spread(row: Sequence[int]) -> Sequence[int]:
    """Return the number of calls in each of the `HOURS` hours. `row` has this form already, or is `(hour, calls)` of a bucket."""
    if len(row) == HOURS:
        return row
    hour, number = row
    return [number if at == hour else 0 for at in range(HOURS)]


class TypicalDay(msgspec.Struct, frozen=True):
    """Mean of earlier days of this weekday, and the forecast for today."""

    days: list[str]
    """Days that were compared, ISO 8601."""
    of_sundays: bool
    """True if `days` are Sundays because today is a public holiday. Otherwise they are the same weekdays, without holidays."""
    by_hour: list[float]
    """Mean number of calls in each hour of the day, from midnight."""
    by_now: float
    """Mean number of calls up to this time of day."""
    rest: float
    """Mean number of calls in the rest of the day."""
    low: float
    """`low` to `high`: calls expected in the rest of the day, on 9 days of 10."""
    high: float


def typical_day_of(past: Sequence[PastDay], now: datetime, options: WebOptions) -> TypicalDay | None:
    """Return the typical course of the day of `now`, from the complete days `past`. None if too few are similar to it."""
    local = now.astimezone(options.time_zone)
    today, by_day = local.date(), {past_day.day: past_day for past_day in past}
    similar = [by_day[day] for day in similar_days(today, WEEKS, options.is_holiday) if day in by_day]
    # In steps of five minutes, so that the message changes no more often.
    prediction = forecast(similar, local.hour + local.minute // 5 * 5 / 60)
    if prediction is None:
        return None
    by_hour = {past_day.day: past_day.by_hour for past_day in similar}
    return _typical_day(prediction, by_hour, of_sundays=options.is_holiday(today))


def _typical_day(prediction: Forecast, by_day: Mapping[date, Sequence[int]], *, of_sundays: bool) -> TypicalDay:
    hours = zip(*(by_day[day] for day in prediction.days), strict=True)
    return TypicalDay(
        days=[day.isoformat() for day in prediction.days],
        of_sundays=of_sundays,
        by_hour=[round(sum(hour) / len(hour), 1) for hour in hours],
        by_now=round(prediction.by_now, 1),
        rest=round(prediction.rest, 1),
        low=round(prediction.low, 1),
        high=round(prediction.high, 1),
    )
