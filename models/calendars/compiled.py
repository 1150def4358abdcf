"""Calendar with cached years: a year is computed at its first use, and later queries take microseconds."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from models.calendars.errors import BeyondCalendarError
from models.calendars.local_time import instant_of
from models.calendars.months import months_between, months_later
from models.calendars.rules import FIRST_YEAR, LAST_YEAR, CalendarRules
from models.calendars.table import Elapsed, OutOfRangeError, Scale, Table
from models.calendars.units import Unit
from models.calendars.years import Year, compute_year

Answer = TypeVar("Answer")

Pause = tuple[int, int | None]
"""Begin and end (exclusive) of a pause, in milliseconds since 1970; end None while it lasts.

Sequences of pauses are in order and do not overlap.
"""

TIME_UNITS: Final = (Unit.OPENING_HOURS, Unit.ELAPSED)
_YEAR: Final = 31_556_952_000


class Deadline(NamedTuple):
    """End of a delay, or the rest of it while its end is unknown because of a pause."""

    at: int | None
    """The deadline; None if a pause without an end began before it."""
    left: int
    """Amount that remains after a pause without an end; 0 if `at` is known. Months and clear days are in calendar days."""


class OpeningChange(NamedTuple):
    """Time of the next opening (`opens` is true) or closing of the service."""

    at: int
    opens: bool


class Calendar:
    """Opening hours, working days and deadlines by the rules of one calendar.

    Instants are milliseconds since 1970. An amount is milliseconds for `opening_hours` and `elapsed`, else a number of days
    or months (see `Unit`). Methods raise `BeyondCalendarError` for results outside the years 1970 to 2100.

    With `roll`, a delay in days or months does not end on a holiday, on a day with a closure from 00:00 to 24:00, or on one of
    `roll_days` (by default Saturday and Sunday). It ends on the next other day (Code de procédure civile, article 642).
    Delays in clear days are always rolled.
    """

    def __init__(self, rules: CalendarRules) -> None:
        self.rules = rules
        self.zone = ZoneInfo(rules.timezone)
        self._years: dict[int, Year] = {}
        self._table: Table | None = None

    def add(self, at: int, amount: int, unit: Unit, *, roll: bool = False) -> int:
        """Return the deadline of a delay without pauses that begins at `at`. Raises `ValueError` for an `amount` below 1."""
        end = self.deadline(at, amount, unit, roll=roll).at
        assert end is not None  # only a pause makes it None
        return end

    def between(self, begin: int, end: int, unit: Unit) -> int:
        """Return the largest amount that can be added to `begin`, without roll, and ends by `end`; 0 if none can."""
        return self._ask(begin, lambda table: _between(table, begin, end, unit)) if begin < end else 0

    def deadline(
        self, started_at: int, target: int, unit: Unit, pauses: Sequence[Pause] = (), *, roll: bool = False
    ) -> Deadline:
        """Return the deadline of a clock with `pauses`. Raises `ValueError` for a `target` below 1.

        Time in pauses does not count. A day counts if the clock runs at its end. A pause covers the end of a day if it begins
        before and ends then or later. Each covered end of a counting day, after the day of the event, moves the deadline by
        one such day; in months, by one calendar day. Pauses after the last counted day do not move the deadline, even if it
        is rolled past them.
        """
        return self._ask(started_at, lambda table: Deadline(*_end(table, started_at, target, unit, pauses, roll=roll)))

    def counted(self, started_at: int, until: int, unit: Unit, pauses: Sequence[Pause] = ()) -> int:
        """Return the amount counted from `started_at` to `until`, without `pauses`; months and clear days in calendar days."""

        def count(table: Table) -> int:
            scale = _scale(table, unit)
            return _counted(scale, scale.begin(started_at), until, pauses)

        return self._ask(started_at, count)

    def elapsed_by_day(
        self, started_at: int, until: int, unit: Unit, pauses: Sequence[Pause] = ()
    ) -> list[tuple[date, int]]:
        """Return pairs of local day and amount of `counted` on that day, without days with 0. Takes time linear in the days."""

        def count(table: Table) -> list[tuple[date, int]]:
            scale = _scale(table, unit)
            first = scale.begin(started_at)
            found = []
            day = table.day_of(started_at)
            while (begin := table.end_of(day - 1)) < until:
                end = min(table.end_of(day), until)
                if amount := _counted(scale, max(first, begin), end, pauses):
                    found.append((date.fromordinal(day), amount))
                day += 1
            return found

        return self._ask(started_at, count)

    def is_open(self, at: int) -> bool:
        """Return whether the service is open at `at`. A closing instant counts as closed."""
        return self._ask(at, lambda table: table.is_open(at))

    def next_change(self, at: int) -> OpeningChange | None:
        """Return the first opening or closing after `at`; None if none follows by the last year, or if `at` is before 1970."""
        try:
            return self._ask(at, lambda table: OpeningChange(*table.next_change(at)))
        except BeyondCalendarError:
            return None

    def _ask(self, at: int, question: Callable[[Table], Answer]) -> Answer:
        """Return the result of `question`, after adding the years that it needs to the table."""
        table = self._table or self._cover(_year_of(at), _year_of(at))
        while True:
            try:
                return question(table)
            except OutOfRangeError as outside:
                table = self._grow(table, earlier_for=at if outside.earlier else None)

    def _grow(self, table: Table, earlier_for: int | None) -> Table:
        if earlier_for is not None:
            if table.first == FIRST_YEAR:
                raise BeyondCalendarError(f"calendars begin in {FIRST_YEAR}")
            return self._cover(min(_year_of(earlier_for), table.first - 1), table.last)
        if table.last == LAST_YEAR:
            raise BeyondCalendarError(f"calendars end in {LAST_YEAR}")
        return self._cover(table.first, 2 * table.last - table.first + 1)  # twice as many

    def _cover(self, first: int, last: int) -> Table:
        first, last = (min(max(year, FIRST_YEAR), LAST_YEAR) for year in (first, last))
        years = [self._year(year) for year in range(first, last + 1)]
        # One assignment: another thread sees either the old or the new table.
        self._table = Table(first, years, instant_of(self.zone, date(last + 1, 1, 1)))
        return self._table

    def _year(self, year: int) -> Year:
        if year not in self._years:
            self._years[year] = compute_year(self.rules, year)
        return self._years[year]


def _year_of(at: int) -> int:
    """Return the approximate year of `at`, in milliseconds since 1970. It may be one off within two days of New Year."""
    return FIRST_YEAR + at // _YEAR


def _scale(table: Table, unit: Unit) -> Scale:
    match unit:
        case Unit.ELAPSED:
            return ELAPSED
        case Unit.OPENING_HOURS:
            return table.opening_hours
        case Unit.WORKING_DAYS:
            return table.working_days
        case Unit.BUSINESS_DAYS:
            return table.business_days
        case Unit.CALENDAR_DAYS | Unit.CLEAR_DAYS | Unit.MONTHS:
            return table.calendar_days


def _end(
    table: Table, started_at: int, target: int, unit: Unit, pauses: Sequence[Pause], *, roll: bool
) -> tuple[int | None, int]:
    if target < 1:
        raise ValueError("a delay must be at least 1")
    if unit is Unit.MONTHS:
        day = table.day_of(started_at)
        target = months_later(day, target) - day
    elif unit is Unit.CLEAR_DAYS:
        target, roll = target + 1, True
    scale = _scale(table, unit)
    begin = scale.begin(started_at)
    goal = scale.position(begin) + target
    for pause_begin, pause_end in pauses:
        paused = scale.position(max(pause_begin, begin))
        if goal <= paused:
            break
        if pause_end is None:
            return None, goal - paused
        goal += scale.position(max(pause_end, begin)) - paused
    end = scale.instant(goal)
    return table.roll(end) if roll and unit not in TIME_UNITS else end, 0


def _counted(scale: Scale, begin: int, until: int, pauses: Sequence[Pause]) -> int:
    if until <= begin:
        return 0
    counted = scale.position(until) - scale.position(begin)
    for pause_begin, pause_end in pauses:
        paused, resumed = max(pause_begin, begin), until if pause_end is None else min(pause_end, until)
        if paused < resumed:
            counted -= scale.position(resumed) - scale.position(paused)
    return counted


def _between(table: Table, begin: int, end: int, unit: Unit) -> int:
    if unit is Unit.MONTHS:
        return months_between(table.day_of(begin), table.day_of(end) - 1)
    scale = _scale(table, unit)
    counted = _counted(scale, scale.begin(begin), end, ())
    return max(counted - 1, 0) if unit is Unit.CLEAR_DAYS else counted


ELAPSED: Final = Elapsed()
