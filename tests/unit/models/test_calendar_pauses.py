"""Deadlines and counted amounts of clocks with pauses."""

import pytest

from models.calendars import Calendar, Deadline, Unit
from tests.support.calendars import HOUR, at, make, show


@pytest.fixture(scope="module")
def office() -> Calendar:
    return make()


@pytest.mark.parametrize(
    ("pause", "end"),
    [
        (("2026-03-11T10:00", "2026-03-11T18:00"), "2026-03-14T00:00"),  # resumed before the day ends
        (("2026-03-11T10:00", "2026-03-12T09:00"), "2026-03-17T00:00"),
        (("2026-03-11T00:00", "2026-03-12T00:00"), "2026-03-17T00:00"),  # exactly one day
        (("2026-03-09T12:00", "2026-03-10T09:00"), "2026-03-14T00:00"),  # the day of the event does not count anyway
        (("2026-03-01T12:00", "2026-03-09T08:00"), "2026-03-14T00:00"),  # before the clock starts
        (("2026-03-13T10:00", "2026-03-16T09:00"), "2026-03-17T00:00"),  # Saturday and Sunday do not count anyway
        (("2026-03-14T00:00", "2026-03-20T00:00"), "2026-03-14T00:00"),  # begins after the deadline
    ],
)
def test_a_day_counts_if_the_clock_runs_when_it_ends(office: Calendar, pause: tuple[str, str], end: str) -> None:
    start = at("2026-03-09T09:00")
    pauses = [(at(pause[0]), at(pause[1]))]
    deadline = office.deadline(start, 4, Unit.WORKING_DAYS, pauses)
    assert (show(deadline.at), deadline.left) == (end, 0)
    assert office.counted(start, at(end), Unit.WORKING_DAYS, pauses) == 4
    assert len(office.elapsed_by_day(start, at(end), Unit.WORKING_DAYS, pauses)) == 4


@pytest.mark.parametrize(
    ("unit", "target", "left"),
    [
        (Unit.OPENING_HOURS, 20 * HOUR, 5 * HOUR),
        (Unit.ELAPSED, 100 * HOUR, 51 * HOUR),
        (Unit.WORKING_DAYS, 5, 4),
        (Unit.CALENDAR_DAYS, 5, 4),
        (Unit.CLEAR_DAYS, 5, 5),  # in calendar days
        (Unit.MONTHS, 1, 30),
    ],
)
def test_deadline_is_none_during_a_pause(office: Calendar, unit: Unit, target: int, left: int) -> None:
    start, pause = at("2026-03-09T09:00"), (at("2026-03-11T10:00"), None)
    assert office.deadline(start, target, unit, [pause]) == Deadline(None, left)
    later = at("2026-03-20T10:00")
    counted = office.counted(start, later, unit, [pause])
    resumed = office.deadline(start, target, unit, [(pause[0], later)]).at
    assert resumed is not None
    if unit is not Unit.CLEAR_DAYS:  # its deadline may be rolled
        assert office.counted(start, resumed, unit, [(pause[0], later)]) == counted + left


def test_nothing_is_counted_before_the_start(office: Calendar) -> None:
    start = at("2026-03-09T09:00")
    for unit in Unit:
        assert office.counted(start, start - HOUR, unit) == 0
        assert office.between(start, start, unit) == 0
        assert office.elapsed_by_day(start, start, unit) == []
