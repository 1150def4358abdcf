"""Delays in months, between days that are proleptic ordinals (Code de procédure civile, article 641)."""

from calendar import monthrange
from datetime import date

from models.calendars.errors import BeyondCalendarError


def months_later(day: int, months: int) -> int:
    """Return the day of the same number so many months later, or the last of that month if it has none such.

    Raises `BeyondCalendarError` beyond the last year that dates know.
    """
    begin = date.fromordinal(day)
    year, month = divmod(begin.year * 12 + begin.month - 1 + months, 12)
    if year > date.max.year:
        raise BeyondCalendarError(f"dates end in {date.max.year}")
    return date(year, month + 1, min(begin.day, monthrange(year, month + 1)[1])).toordinal()


def months_between(begin: int, end: int) -> int:
    """Return the largest number of months, 0 or more, that after `begin` are over by `end`."""
    one, other = date.fromordinal(begin), date.fromordinal(end)
    months = (other.year - one.year) * 12 + other.month - one.month
    return max(months - (months_later(begin, months) > end), 0) if months > 0 else 0
