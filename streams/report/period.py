"""Periods of a report: a civil day, an ISO week, a month or a year."""

from calendar import monthrange
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple


class PeriodKind(StrEnum):
    """Length of a period."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class Period(NamedTuple):
    """A range of whole civil days, both ends included."""

    kind: PeriodKind
    first: date
    last: date

    @property
    def days(self) -> list[date]:
        """All days of the period."""
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]

    @property
    def name(self) -> str:
        """Name in ISO 8601: `2026-11-25`, `2026-W48`, `2026-11`, `2026`."""
        match self.kind:
            case PeriodKind.DAY:
                return self.first.isoformat()
            case PeriodKind.WEEK:
                year, week, _ = self.first.isocalendar()
                return f"{year}-W{week:02}"
            case PeriodKind.MONTH:
                return f"{self.first:%Y-%m}"
            case PeriodKind.YEAR:
                return f"{self.first:%Y}"


def period_of(kind: PeriodKind, day: date) -> Period:
    """Return the period of this kind that contains `day`."""
    match kind:
        case PeriodKind.DAY:
            return Period(kind, day, day)
        case PeriodKind.WEEK:
            monday = day - timedelta(days=day.weekday())
            return Period(kind, monday, monday + timedelta(days=6))
        case PeriodKind.MONTH:
            return Period(kind, day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1]))
        case PeriodKind.YEAR:
            return Period(kind, day.replace(month=1, day=1), day.replace(month=12, day=31))


def parse_period(kind: PeriodKind, text: str) -> Period:
    """Return the period with this ISO 8601 name, or the one that contains the named day.

    Raise `ValueError` for other text.
    """
    name = text.strip()
    if kind is PeriodKind.WEEK and len(name) == len("2026-W48"):
        return period_of(kind, date.fromisoformat(f"{name}-1"))
    if kind is PeriodKind.MONTH and len(name) == len("2026-11"):
        return period_of(kind, date.fromisoformat(f"{name}-01"))
    if kind is PeriodKind.YEAR and len(name) == len("2026"):
        return period_of(kind, date.fromisoformat(f"{name}-01-01"))
    return period_of(kind, date.fromisoformat(name))
