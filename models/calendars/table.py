"""Sorted arrays of a calendar's computed years, searched by bisection."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import date

from models.calendars.years import Dates, Instants, Year, instants


class OutOfRangeError(Exception):
    """The result is outside the table: an earlier year is needed or, by default, a later one."""

    def __init__(self, *, earlier: bool = False) -> None:
        super().__init__()
        self.earlier = earlier


class Elapsed:
    """Scale of `Unit.ELAPSED`: all time counts.

    A scale converts instants to counted time of one unit, in milliseconds or days. `begin` is the instant at which the counting
    of a delay starts. `position` is the time counted up to an instant: constant while time does not count. `instant` is the
    inverse of `position`: the first instant with that position. The other scales raise `OutOfRangeError` outside their table.
    """

    def begin(self, at: int) -> int:
        """Return `at`."""
        return at

    position = instant = begin


class OpeningHours:
    """Scale of `Unit.OPENING_HOURS`: time counts while the service is open."""

    def __init__(self, opens: Instants, closes: Instants, begin: int, end: int) -> None:
        self._begin, self._end = begin, end
        self.opens, self.closes = opens, closes
        self._opened = instants([0])  # open time before each opening, and the total
        for opened, closed in zip(opens, closes, strict=True):
            self._opened.append(self._opened[-1] + closed - opened)

    def begin(self, at: int) -> int:
        """Return `at`."""
        return at

    def position(self, at: int) -> int:
        """Return the open time from the start of the table to `at`, in milliseconds."""
        if not self._begin <= at <= self._end:
            raise OutOfRangeError(earlier=at < self._begin)
        last = bisect_right(self.opens, at) - 1
        return self._opened[last] + min(at, self.closes[last]) - self.opens[last] if last >= 0 else 0

    def instant(self, position: int) -> int:
        """Return the first instant with this open time: the end of an opening, not the start of the next."""
        if position > self._opened[-1]:
            raise OutOfRangeError
        last = max(bisect_left(self._opened, position) - 1, 0)
        return self.opens[last] + position - self._opened[last]


class CountedDays:
    """Scale of a unit of days: a day counts when it ends, and the day of the event does not count."""

    def __init__(self, days: Sequence[int], table: "Table") -> None:
        self._days, self._table = days, table

    def begin(self, at: int) -> int:
        """Return the end of the local day of `at`, since that day does not count."""
        return self._table.end_of(self._table.day_of(at))

    def position(self, at: int) -> int:
        """Return the number of counted days from the start of the table that ended by `at`."""
        return bisect_left(self._days, self._table.day_of(at))

    def instant(self, position: int) -> int:
        """Return the instant at which `position` counted days, at least 1, have ended."""
        if position > len(self._days):
            raise OutOfRangeError
        return self._table.end_of(self._days[position - 1])


Scale = Elapsed | OpeningHours | CountedDays


class Table:
    """Consecutive years `first` to `last`. Methods raise `OutOfRangeError` if they need other years."""

    def __init__(self, first: int, years: Sequence[Year], end: int) -> None:
        """Join the arrays of `years`, the first of which is the year `first`. `end` is the instant at which the last one ends."""
        self.first, self.last = first, first + len(years) - 1
        self._first_day = date(first, 1, 1).toordinal()
        self._midnights = _join(year.midnights for year in years)
        self._midnights.append(end)
        opens, closes = _join(year.opens for year in years), _join(year.closes for year in years)
        opens, closes = _join_touching(opens, closes)
        self.opening_hours = OpeningHours(opens, closes, self._midnights[0], end)
        self.working_days = CountedDays(_join(year.working for year in years), self)
        self.business_days = CountedDays(_join(year.business for year in years), self)
        self.calendar_days = CountedDays(range(self._first_day, self._first_day + len(self._midnights) - 1), self)
        self._final = _join(year.final for year in years)

    def day_of(self, at: int) -> int:
        """Return the ordinal (`date.toordinal`) of the local day of the instant `at`."""
        if not self._midnights[0] <= at < self._midnights[-1]:
            raise OutOfRangeError(earlier=at < self._midnights[0])
        return self._first_day + bisect_right(self._midnights, at) - 1

    def end_of(self, day: int) -> int:
        """Return the instant at which the local day with the ordinal `day` ends."""
        nth = day - self._first_day + 1
        if nth >= len(self._midnights):
            raise OutOfRangeError
        return self._midnights[nth]

    def roll(self, end: int) -> int:
        """Return `end`, the end of a day, if a rolled delay may end on that day, else the end of the next such day."""
        nth = bisect_left(self._final, self.day_of(end - 1))
        if nth == len(self._final):
            raise OutOfRangeError
        return self.end_of(self._final[nth])

    def next_change(self, at: int) -> tuple[int, bool]:
        """Return the instant of the next opening or closing after `at`, and whether it is an opening."""
        opens, closes = self.opening_hours.opens, self.opening_hours.closes
        nth = bisect_right(opens, at)
        if nth and at < closes[nth - 1]:
            if closes[nth - 1] == self._midnights[-1]:
                raise OutOfRangeError  # the opening may continue in the next year
            return closes[nth - 1], False
        if at < self._midnights[0] or nth == len(opens):
            raise OutOfRangeError(earlier=at < self._midnights[0])
        return opens[nth], True

    def is_open(self, at: int) -> bool:
        """Return whether the service is open at `at`."""
        if not self._midnights[0] <= at < self._midnights[-1]:
            raise OutOfRangeError(earlier=at < self._midnights[0])
        last = bisect_right(self.opening_hours.opens, at) - 1
        return last >= 0 and at < self.opening_hours.closes[last]


def _join(parts: Iterable["array[int]"]) -> Dates:
    joined = instants()
    for part in parts:
        joined.extend(part)
    return joined


def _join_touching(opens: Instants, closes: Instants) -> tuple[Instants, Instants]:
    """Return the openings with those joined that touch, mostly at midnight."""
    apart = [nth for nth in range(1, len(opens)) if opens[nth] != closes[nth - 1]]
    return (
        instants([*opens[:1], *(opens[nth] for nth in apart)]),
        instants([*(closes[nth - 1] for nth in apart), *closes[-1:]]),
    )
