"""Delays in months (Code de procédure civile, article 641). Days are proleptic Gregorian ordinals."""

from calendar import monthrange
from datetime import date

from models.calendars.errors import BeyondCalendarError


def months_later(day: int, months: int) -> int:
    """Return the day `months` later: the same day of the month, or the month's last day if it is shorter.

    Raises `BeyondCalendarError` beyond the last year of `datetime.date`.
    """
    begin = date.fromordinal(day)
    year, month = divmod(begin.year * 12 + begin.month - 1 + months, 12)
    if year > date.max.year:
        raise BeyondCalendarError(f"dates end in {date.max.year}")
    return date(year, month + 1, min(begin.day, monthrange(year, month + 1)[1])).toordinal()


def months_between(begin: int, end: int) -> int:
    """Return the largest number of months, at least 0, that can be added to `begin` without passing `end`."""
    first, last = date.fromordinal(begin), date.fromordinal(end)
    months = (last.year - first.year) * 12 + last.month - first.month
    return max(months - (months_later(begin, months) > end), 0) if months > 0 else 0
