"""Opening hours, counted days and deadlines of calendars, with dates worked out by hand."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from models.calendars import BeyondCalendarError, Calendar, OpeningChange, Unit
from tests.support.calendars import ALWAYS, HOUR, OFFICE, WEEK, at, make, show


@pytest.fixture(scope="module")
def office() -> Calendar:
    return make()


@pytest.mark.parametrize(
    ("begin", "hours", "end"),
    [
        ("2026-03-06T16:30", 1, "2026-03-09T09:00"),  # continues from Friday evening to Monday
        ("2026-03-09T09:00", 3, "2026-03-09T12:00"),  # ends with an opening, not at the start of the next one
        ("2026-03-09T11:30", 1, "2026-03-09T14:00"),
        ("2026-03-09T12:30", 1, "2026-03-09T14:30"),  # begins while the service is closed
        ("2026-03-09T23:59", 1, "2026-03-10T09:30"),
        ("2026-03-09T08:30", 7, "2026-03-09T17:00"),
        ("2026-12-24T16:00", 2, "2026-12-28T09:30"),  # Christmas, and a week-end
        ("2028-02-28T16:00", 2, "2028-02-29T09:30"),  # a leap day
    ],
)
def test_deadline_in_opening_hours(office: Calendar, begin: str, hours: int, end: str) -> None:
    assert show(office.add(at(begin), hours * HOUR, Unit.OPENING_HOURS)) == end
    assert office.between(at(begin), at(end), Unit.OPENING_HOURS) == hours * HOUR


@pytest.mark.parametrize(
    ("unit", "begin", "amount", "end"),
    [
        (Unit.CALENDAR_DAYS, "2026-03-02T10:00", 7, "2026-03-10T00:00"),
        (Unit.CALENDAR_DAYS, "2026-03-02T00:00", 1, "2026-03-04T00:00"),  # midnight begins a day
        (Unit.CALENDAR_DAYS, "2026-03-02T23:59", 1, "2026-03-04T00:00"),
        (Unit.CALENDAR_DAYS, "2028-02-28T10:00", 1, "2028-03-01T00:00"),
        (Unit.WORKING_DAYS, "2026-05-13T10:00", 1, "2026-05-16T00:00"),  # Ascension
        (Unit.WORKING_DAYS, "2026-03-06T10:00", 1, "2026-03-10T00:00"),
        (Unit.WORKING_DAYS, "2026-03-07T10:00", 1, "2026-03-10T00:00"),
        (Unit.BUSINESS_DAYS, "2026-03-06T10:00", 1, "2026-03-08T00:00"),  # Saturdays are ouvrables
        (Unit.BUSINESS_DAYS, "2026-04-30T10:00", 1, "2026-05-03T00:00"),  # 1 May
        (Unit.CLEAR_DAYS, "2026-03-02T10:00", 3, "2026-03-07T00:00"),
        (Unit.CLEAR_DAYS, "2026-03-02T10:00", 4, "2026-03-10T00:00"),  # Saturday is rolled to Monday
        (Unit.CLEAR_DAYS, "2026-05-20T10:00", 2, "2026-05-27T00:00"),  # Whit Monday is rolled to Tuesday
        (Unit.MONTHS, "2026-03-15T10:00", 2, "2026-05-16T00:00"),
        (Unit.MONTHS, "2026-01-31T10:00", 1, "2026-03-01T00:00"),  # no 31 February
        (Unit.MONTHS, "2028-01-31T10:00", 1, "2028-03-01T00:00"),
        (Unit.MONTHS, "2026-12-31T10:00", 2, "2027-03-01T00:00"),
        (Unit.MONTHS, "2028-02-29T10:00", 12, "2029-03-01T00:00"),
    ],
)
def test_deadline_in_days_and_months(office: Calendar, unit: Unit, begin: str, amount: int, end: str) -> None:
    assert show(office.add(at(begin), amount, unit)) == end
    assert office.between(at(begin), at(end), unit) >= amount
    if unit is not Unit.CLEAR_DAYS:  # its deadlines were rolled
        assert office.between(at(begin), at(end), unit) == amount
        assert office.between(at(begin), at(end) - 1, unit) == amount - 1


@pytest.mark.parametrize(
    ("changes", "begin", "end"),
    [
        ({}, "2026-03-04T10:00", "2026-03-10T00:00"),  # Saturday 7 March
        ({}, "2026-05-11T10:00", "2026-05-16T00:00"),  # Ascension, on a Thursday
        ({}, "2026-03-03T10:00", "2026-03-07T00:00"),  # a Friday stays
        ({"closures": [date(2026, 3, 9)]}, "2026-03-04T10:00", "2026-03-11T00:00"),
        ({"closures": [{"on": date(2026, 3, 9), "hours": "08:00-12:00"}]}, "2026-03-04T10:00", "2026-03-10T00:00"),
        ({"roll_days": ["sunday"]}, "2026-03-04T10:00", "2026-03-08T00:00"),
        ({"versions": [WEEK | {"saturday": OFFICE}]}, "2026-03-04T10:00", "2026-03-10T00:00"),  # although it is open
        ({"extra": [{"on": date(2026, 5, 14), "hours": OFFICE}]}, "2026-05-11T10:00", "2026-05-16T00:00"),
    ],
)
def test_rolled_deadline_ends_on_an_allowed_day(changes: dict[str, Any], begin: str, end: str) -> None:
    assert show(make(**changes).add(at(begin), 3, Unit.CALENDAR_DAYS, roll=True)) == end


def test_extra_opens_on_any_day() -> None:
    calendar = make(
        closures=[{"from": date(2026, 3, 2), "to": date(2026, 3, 6)}, {"on": date(2026, 3, 9), "hours": "10:00-24:00"}],
        extra=[{"on": date(2026, 3, 4), "hours": "09:00-10:00"}, {"on": date(2026, 5, 1), "hours": "09:00-10:00"}],
    )
    assert show(calendar.add(at("2026-03-01T10:00"), 2 * HOUR, Unit.OPENING_HOURS)) == "2026-03-09T09:30"
    assert show(calendar.add(at("2026-03-01T10:00"), 1, Unit.WORKING_DAYS)) == "2026-03-05T00:00"
    assert calendar.is_open(at("2026-05-01T09:30"))


def test_versions_apply_from_their_first_day_and_the_first_one_before_it_too() -> None:
    versions = [WEEK | {"from": date(2026, 1, 1)}, {"from": date(2026, 7, 1), "wednesday": "09:00-10:00"}]
    calendar = make(versions=versions)
    assert calendar.is_open(at("2025-06-10T09:00"))
    assert calendar.is_open(at("2026-06-30T09:00"))
    assert show(calendar.add(at("2026-06-30T16:00"), 2 * HOUR, Unit.OPENING_HOURS)) == "2026-07-01T10:00"
    assert calendar.next_change(at("2026-07-01T10:00")) == OpeningChange(at("2026-07-08T09:00"), opens=True)


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
def test_day_counts_if_the_clock_runs_at_its_end(office: Calendar, pause: tuple[str, str], end: str) -> None:
    start = at("2026-03-09T09:00")
    pauses = [(at(pause[0]), at(pause[1]))]
    deadline = office.deadline(start, 4, Unit.WORKING_DAYS, pauses)
    assert (show(deadline.at), deadline.left) == (end, 0)
    assert office.counted(start, at(end), Unit.WORKING_DAYS, pauses) == 4
    assert len(office.elapsed_by_day(start, at(end), Unit.WORKING_DAYS, pauses)) == 4


@pytest.mark.parametrize("order", [sorted, lambda years: sorted(years, reverse=True)])
def test_years_can_be_queried_in_any_order(order: Callable[[range], list[int]]) -> None:
    calendar = make(versions=[ALWAYS], holidays=None)
    for year in order(range(1970, 2100)):
        for day in ("01-01", "12-31"):
            begin = at(f"{year}-{day}T00:00")
            assert calendar.is_open(begin)
            assert calendar.add(begin, 48 * HOUR, Unit.OPENING_HOURS) == begin + 48 * HOUR
            assert calendar.between(begin, begin + 50 * HOUR, Unit.CALENDAR_DAYS) == 1


def test_first_query_may_be_for_the_last_hours_of_a_year() -> None:
    for year in range(1972, 2100, 9):
        last = at(f"{year}-12-31T23:00")
        assert make(holidays=None).add(last, 1, Unit.CALENDAR_DAYS) == last + 25 * HOUR


def test_queries_outside_the_supported_years_raise(office: Calendar) -> None:
    begin = at("2099-12-01T10:00")
    queries: list[Callable[[], object]] = [
        lambda: office.add(begin, 400, Unit.WORKING_DAYS),
        lambda: office.add(begin, 1200, Unit.MONTHS),
        lambda: office.add(begin, 12 * 9000, Unit.MONTHS),
        lambda: office.add(begin, 10_000 * HOUR, Unit.OPENING_HOURS),
        lambda: office.is_open(at("2101-01-02T10:00")),
        lambda: office.is_open(10**18),
        lambda: office.is_open(-1 - 24 * HOUR),
        lambda: office.is_open(-(10**18)),
    ]
    for query in queries:
        with pytest.raises(BeyondCalendarError):
            query()
    assert office.next_change(at("2100-12-31T18:00")) is None


def test_delay_must_be_at_least_1(office: Calendar) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        office.add(at("2026-03-09T09:00"), 0, Unit.WORKING_DAYS)
