"""Deadlines and counted amounts of clocks with pauses."""

from datetime import date

import pytest

from models.calendars import Calendar, Deadline, Unit
from tests.support.calendars import HOUR, at, make, show


@pytest.fixture(scope="module")
def office() -> Calendar:
    return make()


def test_time_in_pauses_does_not_count(office: Calendar) -> None:
    start = at("2026-03-09T09:00")
    pauses = [(at("2026-03-09T10:00"), at("2026-03-09T14:00")), (at("2026-03-10T07:00"), at("2026-03-10T08:30"))]
    deadline = office.deadline(start, 5 * HOUR, Unit.OPENING_HOURS, pauses)
    assert (show(deadline.at), deadline.left) == ("2026-03-10T09:30", 0)
    assert show(office.deadline(start, 5 * HOUR, Unit.ELAPSED, pauses).at) == "2026-03-09T18:00"
    assert office.counted(start, at("2026-03-10T09:30"), Unit.OPENING_HOURS, pauses) == 5 * HOUR
    assert office.elapsed_by_day(start, at("2026-03-10T09:30"), Unit.OPENING_HOURS, pauses) == [
        (date(2026, 3, 9), 4 * HOUR),
        (date(2026, 3, 10), HOUR),
    ]


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


def test_pauses_move_a_deadline_in_months_by_calendar_days(office: Calendar) -> None:
    start = at("2026-03-09T09:00")
    pauses = [(at("2026-03-20T10:00"), at("2026-03-25T10:00")), (at("2026-05-12T10:00"), at("2026-05-13T10:00"))]
    assert show(office.deadline(start, 2, Unit.MONTHS, pauses[:1]).at) == "2026-05-15T00:00"
    assert show(office.deadline(start, 2, Unit.MONTHS, pauses).at) == "2026-05-16T00:00"
    assert show(office.deadline(start, 2, Unit.MONTHS, pauses, roll=True).at) == "2026-05-16T00:00"
    assert show(office.deadline(start, 2, Unit.MONTHS).at) == "2026-05-10T00:00"
    assert show(office.deadline(start, 2, Unit.MONTHS, roll=True).at) == "2026-05-12T00:00"


def test_pause_between_last_counted_day_and_rolled_deadline_has_no_effect(office: Calendar) -> None:
    start, sunday = at("2026-03-09T09:00"), at("2026-03-15T09:00")
    rolled = office.deadline(start, 5, Unit.CALENDAR_DAYS, [(sunday, None)], roll=True)
    assert (show(rolled.at), rolled.left) == ("2026-03-17T00:00", 0)


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


def test_pause_after_the_deadline_has_no_effect(office: Calendar) -> None:
    start = at("2026-03-09T09:00")
    end = at("2026-03-09T11:00")
    assert office.deadline(start, 2 * HOUR, Unit.OPENING_HOURS, [(end, None)]) == Deadline(end, 0)
    assert office.deadline(start, 2 * HOUR, Unit.OPENING_HOURS, [(end - 1, None)]) == Deadline(None, 1)


def test_nothing_is_counted_before_the_start(office: Calendar) -> None:
    start = at("2026-03-09T09:00")
    for unit in Unit:
        assert office.counted(start, start - HOUR, unit) == 0
        assert office.between(start, start, unit) == 0
        assert office.elapsed_by_day(start, start, unit) == []
