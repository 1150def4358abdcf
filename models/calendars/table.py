"""The years of a calendar that were compiled so far, as sorted arrays: every question is a few bisections."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Protocol

from models.calendars.years import Dates, Instants, Year, instants


class OutOfRangeError(Exception):
    """The answer is not in the table: it needs an earlier year or, by default, later ones."""

    def __init__(self, *, earlier: bool = False) -> None:
        super().__init__()
        self.earlier = earlier


class Scale(Protocol):
    """How a unit measures time: a position grows while time counts, and stands still while it does not."""

    def begin(self, at: int) -> int:
        """Return the instant from which counts what begins at `at`."""

    def position(self, at: int) -> int:
        """Return where `at` is."""

    def instant(self, position: int) -> int:
        """Return the first instant at `position`."""


class Elapsed:
    """All time counts."""

    def begin(self, at: int) -> int:
        """Return `at`."""
        return at

    position = instant = begin


class OpeningHours:
    """Time counts while it is open."""

    def __init__(self, opens: Instants, closes: Instants, begin: int, end: int) -> None:
        self._begin, self._end = begin, end
        self.opens, self.closes = opens, closes
        self._opened = instants([0])  # before each opening, and in all
        for opened, closed in zip(opens, closes, strict=True):
            self._opened.append(self._opened[-1] + closed - opened)

    def begin(self, at: int) -> int:
        """Return `at`."""
        return at

    def position(self, at: int) -> int:
        """Return how long it was open before."""
        if not self._begin <= at <= self._end:
            raise OutOfRangeError(earlier=at < self._begin)
        last = bisect_right(self.opens, at) - 1
        return self._opened[last] + min(at, self.closes[last]) - self.opens[last] if last >= 0 else 0

    def instant(self, position: int) -> int:
        """Return when it was open for so long; the end of an opening rather than the beginning of the next."""
        if position > self._opened[-1]:
            raise OutOfRangeError
        last = max(bisect_left(self._opened, position) - 1, 0)
        return self.opens[last] + position - self._opened[last]


class CountedDays:
    """Days count, of some kind: each at its end, and not that of the event."""

    def __init__(self, days: Sequence[int], table: "Table") -> None:
        self._days, self._table = days, table

    def begin(self, at: int) -> int:
        """Return the end of the day."""
        return self._table.end_of(self._table.day_of(at))

    def position(self, at: int) -> int:
        """Return how many days of this kind are over."""
        return bisect_left(self._days, self._table.day_of(at))

    def instant(self, position: int) -> int:
        """Return the end of the nth day."""
        if position > len(self._days):
            raise OutOfRangeError
        return self._table.end_of(self._days[position - 1])


class Table:
    """Some years in a row, `first` to `last`. Raises `OutsideError` for what is asked of others."""

    def __init__(self, first: int, years: Sequence[Year], end: int) -> None:
        """`end` is when the last of `years` ends."""
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
        """Return the day (an ordinal) of an instant."""
        if not self._midnights[0] <= at < self._midnights[-1]:
            raise OutOfRangeError(earlier=at < self._midnights[0])
        return self._first_day + bisect_right(self._midnights, at) - 1

    def end_of(self, day: int) -> int:
        """Return the instant at which a day (an ordinal) is over."""
        nth = day - self._first_day + 1
        if nth >= len(self._midnights):
            raise OutOfRangeError
        return self._midnights[nth]

    def roll(self, end: int) -> int:
        """Return `end`, the end of a day, or the end of the first day after it on which a rolled delay may end."""
        nth = bisect_left(self._final, self.day_of(end - 1))
        if nth == len(self._final):
            raise OutOfRangeError
        return self.end_of(self._final[nth])

    def next_change(self, at: int) -> tuple[int, bool]:
        """Return when it next opens or closes after `at`, and whether it opens."""
        opens, closes = self.opening_hours.opens, self.opening_hours.closes
        nth = bisect_right(opens, at)
        if nth and at < closes[nth - 1]:
            if closes[nth - 1] == self._midnights[-1]:
                raise OutOfRangeError  # the next year may go on with it
            return closes[nth - 1], False
        if at < self._midnights[0] or nth == len(opens):
            raise OutOfRangeError(earlier=at < self._midnights[0])
        return opens[nth], True

    def is_open(self, at: int) -> bool:
        """Return whether it is open at `at`."""
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
    """What closes when it opens does not close: at midnight, mostly."""
    apart = [nth for nth in range(1, len(opens)) if opens[nth] != closes[nth - 1]]
    return (
        instants([*opens[:1], *(opens[nth] for nth in apart)]),
        instants([*(closes[nth - 1] for nth in apart), *closes[-1:]]),
    )
