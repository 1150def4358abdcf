"""Computation of one year of a calendar, day by day."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from datetime import date
from typing import Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from models.calendars.local_time import instant_of
from models.calendars.public_holidays import public_holidays
from models.calendars.rules import WEEKDAYS, CalendarRules, DateRange
from models.calendars.spans import DAY_MINUTES, WHOLE_DAY, Span, merge, subtract

_MINUTE: Final = 60_000

Instants: TypeAlias = "array[int]"
"""Sorted instants in milliseconds since 1970."""
Dates: TypeAlias = "array[int]"
"""Sorted days as proleptic Gregorian ordinals (`date.toordinal`)."""


def instants(values: Iterable[int] = ()) -> "array[int]":
    """Return `values` as an array of 64-bit integers."""
    return array("q", values)


class Year(NamedTuple):
    """Opening hours and counted days of one year."""

    midnights: Instants
    """Instant at which each local day of the year starts."""
    opens: Instants
    closes: Instants
    working: Dates
    business: Dates
    final: Dates
    """Ordinals of the days on which a rolled delay may end."""


def compute_year(rules: CalendarRules, year: int) -> Year:
    """Return the midnights, openings and counted days of one local year under `rules`."""
    zone = ZoneInfo(rules.timezone)
    computed = Year(*(instants() for _ in Year._fields))
    custom = rules.customary_holidays
    holidays = public_holidays(rules.holidays, year, customary=custom) if rules.holidays else frozenset()
    closed, extra = _by_day(rules.closures, year), _by_day(rules.extra, year)
    rest, roll = ({WEEKDAYS.index(day) for day in days} for days in (rules.rest_days, rules.roll_days))
    midnight = instant_of(zone, date(year, 1, 1))
    for ordinal in _ordinals(year):
        day = date.fromordinal(ordinal)
        following = instant_of(zone, day, DAY_MINUTES)
        computed.midnights.append(midnight)
        closures = [WHOLE_DAY] if day in holidays else [span for days in closed.get(ordinal, ()) for span in days.spans]
        spans = subtract(_week_at(rules, day)[day.weekday()], closures)
        spans = merge([*spans, *(span for days in extra.get(ordinal, ()) for span in days.spans)])
        plain = following - midnight == DAY_MINUTES * _MINUTE
        opened = False
        for span in spans:
            begin, end = (midnight + minute * _MINUTE if plain else instant_of(zone, day, minute) for minute in span)
            if begin < end:  # else the clock change skips the whole span
                computed.opens.append(begin)
                computed.closes.append(end)
                opened = True
        if opened:
            computed.working.append(ordinal)
        if day not in holidays:
            if day.weekday() not in rest:
                computed.business.append(ordinal)
            if day.weekday() not in roll and not any(days.is_whole for days in closed.get(ordinal, ())):
                computed.final.append(ordinal)
        midnight = following
    return computed


def _ordinals(year: int) -> range:
    return range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal() + 1)


def _by_day(exceptions: Iterable[DateRange], year: int) -> dict[int, list[DateRange]]:
    found: dict[int, list[DateRange]] = {}
    ordinals = _ordinals(year)
    for days in exceptions:
        first, end = max(days.from_.toordinal(), ordinals.start), min(days.to.toordinal() + 1, ordinals.stop)
        for ordinal in range(first, end):
            found.setdefault(ordinal, []).append(days)
    return found


def _week_at(rules: CalendarRules, day: date) -> tuple[tuple[Span, ...], ...]:
    nth = bisect_right(rules.versions, day, key=lambda version: version.from_)
    return rules.versions[max(nth - 1, 0)].week
