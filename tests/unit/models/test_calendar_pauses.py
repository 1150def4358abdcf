"""A clock that stands still now and then: when it gets there, and what it has counted."""

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
        (("2026-03-11T10:00", "2026-03-11T18:00"), "2026-03-14T00:00"),  # runs again when the day ends
        (("2026-03-11T10:00", "2026-03-12T09:00"), "2026-03-17T00:00"),
        (("2026-03-11T00:00", "2026-03-12T00:00"), "2026-03-17T00:00"),  # just the day
        (("2026-03-09T12:00", "2026-03-10T09:00"), "2026-03-14T00:00"),  # that of the event does not count anyway
        (("2026-03-01T12:00", "2026-03-09T08:00"), "2026-03-14T00:00"),  # before it
        (("2026-03-13T10:00", "2026-03-16T09:00"), "2026-03-17T00:00"),  # Saturday and Sunday do not count anyway
        (("2026-03-14T00:00", "2026-03-20T00:00"), "2026-03-14T00:00"),  # begins when the delay has ended
    ],
)
def test_a_day_counts_if_the_clock_runs_when_it_ends(office: Calendar, pause: tuple[str, str], end: str) -> None:
    start = at("2026-03-09T09:00")
    pauses = [(at(pause[0]), at(pause[1]))]
    deadline = office.deadline(start, 4, Unit.WORKING_DAYS, pauses)
    assert (show(deadline.at), deadline.left) == (end, 0)
    assert office.counted(start, at(end), Unit.WORKING_DAYS, pauses) == 4
    assert len(office.elapsed_by_day(start, at(end), Unit.WORKING_DAYS, pauses)) == 4


def test_months_are_moved_by_days(office: Calendar) -> None:
    start = at("2026-03-09T09:00")
    pauses = [(at("2026-03-20T10:00"), at("2026-03-25T10:00")), (at("2026-05-12T10:00"), at("2026-05-13T10:00"))]
    assert show(office.deadline(start, 2, Unit.MONTHS, pauses[:1]).at) == "2026-05-15T00:00"
    assert show(office.deadline(start, 2, Unit.MONTHS, pauses).at) == "2026-05-16T00:00"
    assert show(office.deadline(start, 2, Unit.MONTHS, pauses, roll=True).at) == "2026-05-16T00:00"
    assert show(office.deadline(start, 2, Unit.MONTHS).at) == "2026-05-10T00:00"
    assert show(office.deadline(start, 2, Unit.MONTHS, roll=True).at) == "2026-05-12T00:00"


def test_a_pause_over_which_the_end_is_rolled_moves_nothing(office: Calendar) -> None:
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
        (Unit.CLEAR_DAYS, 5, 5),  # calendar days up to its last
        (Unit.MONTHS, 1, 30),
    ],
)
def test_while_a_pause_goes_on_there_is_no_deadline(office: Calendar, unit: Unit, target: int, left: int) -> None:
    start, pause = at("2026-03-09T09:00"), (at("2026-03-11T10:00"), None)
    assert office.deadline(start, target, unit, [pause]) == Deadline(None, left)
    later = at("2026-03-20T10:00")
    counted = office.counted(start, later, unit, [pause])
    resumed = office.deadline(start, target, unit, [(pause[0], later)]).at
    assert resumed is not None
    if unit is not Unit.CLEAR_DAYS:  # may be rolled on
        assert office.counted(start, resumed, unit, [(pause[0], later)]) == counted + left


def test_what_was_reached_before_a_pause_is_reached(office: Calendar) -> None:
    start = at("2026-03-09T09:00")
    end = at("2026-03-09T11:00")
    assert office.deadline(start, 2 * HOUR, Unit.OPENING_HOURS, [(end, None)]) == Deadline(end, 0)
    assert office.deadline(start, 2 * HOUR, Unit.OPENING_HOURS, [(end - 1, None)]) == Deadline(None, 1)


def test_nothing_was_counted_before_the_beginning(office: Calendar) -> None:
    start = at("2026-03-09T09:00")
    for unit in Unit:
        assert office.counted(start, start - HOUR, unit) == 0
        assert office.between(start, start, unit) == 0
        assert office.elapsed_by_day(start, start, unit) == []
