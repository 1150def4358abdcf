"""Forecast of today's remaining arrivals from the same weekdays of past weeks, with its error on those days.

The mean of the same weekdays is the simplest forecast with a weekly pattern, and can be checked by hand. It ignores trends and
single causes, such as a letter to ten thousand citizens. Past public holidays are left out. A public holiday is compared with
Sundays.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from math import sqrt
from statistics import fmean, median, variance
from typing import Final, NamedTuple

MIN_DAYS: Final = 3
"""Minimum number of days for a forecast with an error estimate."""
MAX_DAYS: Final = 8
"""Maximum number of days: two months, as older days belong to another season."""
QUIET: Final = 0.2
"""Share of the median below which a day is left out: a bridge day, a strike, an outage of the source. With a median of 0, no day
is left out."""
_SUNDAY: Final = 6
_T_90: Final = (2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860)
"""Two-sided 90 % quantiles of Student's t distribution with 2, 3 … degrees of freedom."""


class PastDay(NamedTuple):
    """Arrivals of a past day."""

    day: date
    by_hour: Sequence[int]
    """Number of arrivals in each local hour."""


class Forecast(NamedTuple):
    """Forecast of the rest of a day."""

    days: tuple[date, ...]
    """Days used for the forecast."""
    left_out: tuple[date, ...]
    """Days since the first used one that were left out because of few arrivals (`QUIET`)."""
    by_now: float
    """Mean number of arrivals on `days` up to this time of day."""
    rest: float
    """Expected number of further arrivals."""
    low: float
    """Lower bound of the 90 % prediction interval of `rest`."""
    high: float
    """Upper bound of the 90 % prediction interval of `rest`."""
    error: float | None
    """Sum of each day's absolute deviation from the other days' mean, divided by the sum of arrivals; both for the rest of the
    day. None without arrivals."""
    per_hour: float
    """Expected rate of arrivals in the next half hour, per hour."""


def similar_days(today: date, weeks: int, is_holiday: Callable[[date], bool]) -> list[date]:
    """Return the days of the last `weeks` weeks to compare today with, the latest first.

    These are the same weekdays without public holidays. For a public holiday they are all Sundays.
    """
    is_rest = is_holiday(today)
    weekday = _SUNDAY if is_rest else today.weekday()
    latest = today - timedelta(days=(today.weekday() - weekday) % 7 or 7)
    days = (latest - timedelta(weeks=number) for number in range(weeks))
    return [day for day in days if is_rest or not is_holiday(day)]


def forecast(past: Sequence[PastDay], hour: float) -> Forecast | None:
    """Return the forecast of a day after local time `hour` (13.5 is half past one), from the days of `past`.

    The latest `MAX_DAYS` days that are not left out count. Returns None for fewer than `MIN_DAYS`.
    """
    usual = median(sum(day.by_hour) for day in past) if past else 0
    used = sorted((day for day in past if sum(day.by_hour) >= QUIET * usual), key=lambda day: day.day)[-MAX_DAYS:]
    if len(used) < MIN_DAYS:
        return None
    left_out = [day.day for day in past if sum(day.by_hour) < QUIET * usual and day.day >= used[0].day]
    rests = [count_after(day.by_hour, hour) for day in used]
    mean, number = fmean(rests), len(rests)
    # Random arrivals vary at least as much as a Poisson process; the sample variance of a few days may be smaller.
    spread = sqrt(max(variance(rests), mean) * (1 + 1 / number)) * _T_90[number - MIN_DAYS]
    missed = sum(abs(rest - (sum(rests) - rest) / (number - 1)) for rest in rests)
    ahead = [count_after(day.by_hour, hour) - count_after(day.by_hour, min(hour + 0.5, 24)) for day in used]
    return Forecast(
        days=tuple(day.day for day in used),
        left_out=tuple(sorted(left_out)),
        by_now=fmean(sum(day.by_hour) for day in used) - mean,
        rest=mean,
        low=max(0.0, mean - spread),
        high=mean + spread,
        error=missed / sum(rests) if any(rests) else None,
        per_hour=2 * fmean(ahead),
    )


def count_after(by_hour: Sequence[int], hour: float) -> float:
    """Return the number of arrivals after `hour`, with a constant rate within each hour."""
    whole = int(hour)
    if whole >= len(by_hour):
        return 0.0
    return by_hour[whole] * (1 - (hour - whole)) + sum(by_hour[whole + 1 :])
