"""How many will still come today: as on the same weekdays of the weeks before, with how far that was off on these days.

The mean of the same weekdays is the plainest forecast that knows how a week goes, and one that can be checked by hand. It knows
nothing of a letter to ten thousand citizens, or of a trend. Public holidays are no weekdays: they are left out, and one that is
today is compared with Sundays.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from math import sqrt
from statistics import fmean, median, variance
from typing import Final, NamedTuple

MIN_DAYS: Final = 3
"""Of fewer days it could not be said how far a forecast is off."""
MAX_DAYS: Final = 8
"""Two months: what is older is another season."""
QUIET: Final = 0.2
"""A day with fewer than this part of the median was none like others: a bridge, a strike, a source that was away. Where mostly
nobody comes, all days are alike."""
_SUNDAY: Final = 6
_T_90: Final = (2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860)
"""Of Student's distribution with 2, 3 … degrees of freedom: 9 of 10 lie within so many standard deviations."""


class PastDay(NamedTuple):
    """A day that is over."""

    day: date
    by_hour: Sequence[int]
    """How many came in each hour of the clock."""


class Forecast(NamedTuple):
    """What is expected of today."""

    days: tuple[date, ...]
    """From which it is made."""
    left_out: tuple[date, ...]
    """Days on which hardly anybody came."""
    by_now: float
    """How many came by this time of the day."""
    rest: float
    """How many will still come."""
    low: float
    """9 days of 10 more than this will come, or as many, if days vary as they did."""
    high: float
    error: float | None
    """How far each of these days is from what the others say of its rest: the sum of that, of what came. None if nobody did."""
    per_hour: float
    """At what rate they come in the half hour that begins now."""


def similar_days(today: date, weeks: int, is_holiday: Callable[[date], bool]) -> list[date]:
    """Return the days of the last `weeks` weeks with which today is compared, the latest first.

    They are the same weekdays that were no public holidays; of a public holiday, Sundays, whatever these were.
    """
    is_rest = is_holiday(today)
    weekday = _SUNDAY if is_rest else today.weekday()
    latest = today - timedelta(days=(today.weekday() - weekday) % 7 or 7)
    days = (latest - timedelta(weeks=number) for number in range(weeks))
    return [day for day in days if is_rest or not is_holiday(day)]


def forecast(past: Sequence[PastDay], hour: float) -> Forecast | None:
    """Return what is expected after `hour` (of the clock, 13.5 for half past one) of a day like those of `past`.

    Of these the latest `MOST_DAYS` that are like the others count; None if they are fewer than `FEWEST_DAYS`.
    """
    usual = median(sum(one.by_hour) for one in past) if past else 0
    alike = sorted((one for one in past if sum(one.by_hour) >= QUIET * usual), key=lambda one: one.day)[-MAX_DAYS:]
    if len(alike) < MIN_DAYS:
        return None
    left_out = [one.day for one in past if sum(one.by_hour) < QUIET * usual and one.day >= alike[0].day]
    rests = [count_after(one.by_hour, hour) for one in alike]
    mean, number = fmean(rests), len(rests)
    # What comes by chance varies at least as a Poisson process does, whatever few days happen to say.
    spread = sqrt(max(variance(rests), mean) * (1 + 1 / number)) * _T_90[number - MIN_DAYS]
    missed = sum(abs(rest - (sum(rests) - rest) / (number - 1)) for rest in rests)
    ahead = [count_after(one.by_hour, hour) - count_after(one.by_hour, min(hour + 0.5, 24)) for one in alike]
    return Forecast(
        days=tuple(one.day for one in alike),
        left_out=tuple(sorted(left_out)),
        by_now=fmean(sum(one.by_hour) for one in alike) - mean,
        rest=mean,
        low=max(0.0, mean - spread),
        high=mean + spread,
        error=missed / sum(rests) if any(rests) else None,
        per_hour=2 * fmean(ahead),
    )


def count_after(by_hour: Sequence[int], hour: float) -> float:
    """Return how many came after `hour`; within an hour they are taken to come evenly."""
    whole = int(hour)
    if whole >= len(by_hour):
        return 0.0
    return by_hour[whole] * (1 - (hour - whole)) + sum(by_hour[whole + 1 :])
