"""Cost of the time at which an SLA target is reached in a calendar, with and without pauses, in each unit.

    python -m tests.bench.calendars

Results are CPU times after the years are computed, and the time to compute years at the first call.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Final

import click

from models.calendars import Calendar, CalendarRules, Pause, Unit

HOUR: Final = 3_600_000
BEGIN: Final = 1_772_400_000_000  # 1 March 2026
STEP: Final = 7 * 60_000
TARGETS: Final = {
    Unit.OPENING_HOURS: 210 * HOUR,
    Unit.ELAPSED: 210 * HOUR,
    Unit.WORKING_DAYS: 30,
    Unit.BUSINESS_DAYS: 36,
    Unit.CALENDAR_DAYS: 42,
    Unit.CLEAR_DAYS: 42,
    Unit.MONTHS: 2,
}
DECADES: Final = 5_000
"""Number of working days in twenty years."""
PAUSES: Final[list[Pause]] = [(BEGIN + day * 24 * HOUR, BEGIN + (day + 2) * 24 * HOUR) for day in (40, 50, 60)]


def make_calendar() -> Calendar:
    """Return the calendar of an office: two opening periods a day, French holidays."""
    days = ("monday", "tuesday", "wednesday", "thursday", "friday")
    week = {day: ["08:30-12:00", "13:30-17:00"] for day in days}
    return Calendar(CalendarRules.model_validate({"holidays": "FR", "versions": [week]}))


def _microseconds(ask: Callable[[int], object], times: int) -> float:
    begin = time.process_time()
    for nth in range(times):
        ask(BEGIN + nth * STEP)
    return (time.process_time() - begin) / times * 1e6


@click.command(help=__doc__)
@click.option("--times", default=5_000, show_default=True, help="Calls of each kind.")
@click.option("--rounds", default=5, show_default=True)
def main(*, times: int, rounds: int) -> None:
    """Measure and print the results."""
    calendar = make_calendar()
    begin = time.process_time()
    calendar.add(BEGIN, DECADES, Unit.WORKING_DAYS)
    click.echo(f"the first call, over 20 years: {(time.process_time() - begin) * 1e3:.1f} ms")
    asked: dict[str, Callable[[int], object]] = {
        f"{unit.value}, {target if target < HOUR else f'{target // HOUR} h'}": _adding(calendar, unit, target)
        for unit, target in TARGETS.items()
    }
    asked["working_days, 5000"] = _adding(calendar, Unit.WORKING_DAYS, DECADES)
    asked["working_days, 30, three pauses"] = lambda at: calendar.deadline(at, 30, Unit.WORKING_DAYS, PAUSES)
    asked["opening_hours, 210 h, three pauses"] = lambda at: calendar.deadline(
        at, 210 * HOUR, Unit.OPENING_HOURS, PAUSES
    )
    for name, ask in asked.items():
        click.echo(f"{name:<36} {median(_microseconds(ask, times) for _ in range(rounds)):6.2f} µs")


def _adding(calendar: Calendar, unit: Unit, target: int) -> Callable[[int], object]:
    return lambda at: calendar.add(at, target, unit)


if __name__ == "__main__":
    main()
