"""What is expected of the rest of a day, checked by hand and by chance."""

import random
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.forecast.arrivals import PastDay, count_after, forecast, similar_days

WEDNESDAY = date(2026, 11, 25)


def weeks(*days: list[int]) -> list[PastDay]:
    return [PastDay(WEDNESDAY - timedelta(weeks=number), by_hour) for number, by_hour in enumerate(days, start=1)]


def day(morning: int, afternoon: int) -> list[int]:
    """So many come from 9 to 10, and from 14 to 15."""
    return [0] * 9 + [morning] + [0] * 4 + [afternoon] + [0] * 9


def test_the_rest_of_a_day_is_the_mean_of_the_same_weekdays() -> None:
    told = forecast(weeks(day(10, 20), day(20, 30), day(30, 40), day(20, 30)), 12)
    assert told is not None
    assert (told.by_now, told.rest, told.per_hour) == (20, 30, 0)
    # Student, 3 degrees of freedom, 90 %: 2.353; the days' variance 66.7 is more than the mean of 30
    assert (told.low, told.high) == pytest.approx((30 - 21.479, 30 + 21.479), abs=1e-2)
    # by the others each day should be 33.3, 30, 26.7, 30: 13.3 + 0 + 13.3 + 0 of 120
    assert told.error == pytest.approx(26.667 / 120, abs=1e-4)
    assert told.days == tuple(WEDNESDAY - timedelta(weeks=number) for number in (4, 3, 2, 1))


DATES = st.dates(date(2024, 1, 1), date(2030, 12, 31))


@given(DATES, st.integers(1, 12), st.sets(st.integers(0, 90)))
def test_days_like_today_are_weekdays_without_holidays_and_of_a_holiday_sundays(
    today: date, weeks: int, ago: set[int]
) -> None:
    holidays = {today - timedelta(days=days) for days in ago}
    found = similar_days(today, weeks, holidays.__contains__)
    earlier = [today - timedelta(days=days) for days in range(1, 7 * weeks + 1)]
    if today in holidays:
        assert found == [day for day in earlier if day.weekday() == 6]
    else:
        assert found == [day for day in earlier if day.weekday() == today.weekday() and day not in holidays]


def test_within_an_hour_they_come_evenly() -> None:
    assert [count_after(day(8, 4), hour) for hour in (0, 9, 9.25, 9.75, 10, 14.5, 15, 24)] == [
        12,
        12,
        10,
        6,
        4,
        2,
        0,
        0,
    ]
    told = forecast(weeks(day(8, 4), day(8, 4), day(8, 4)), 9.75)
    assert told is not None
    assert (told.by_now, told.rest, told.per_hour, told.error) == (6, 6, 4, 0)
    assert told.high > 6 + 2 * 6**0.5, "equal days by chance do not make it sure"


def test_a_day_on_which_hardly_anybody_came_is_left_out_and_named() -> None:
    past = weeks(day(10, 20), day(0, 1), day(10, 20), day(10, 20), day(10, 20))
    told = forecast(past, 12)
    assert told is not None
    assert told.rest == 20
    assert told.left_out == (past[1].day,)


def test_of_a_weekday_on_which_nobody_ever_comes_nobody_is_expected() -> None:
    told = forecast(weeks(*[day(0, 0)] * 3), 12)
    assert told is not None
    assert (told.by_now, told.rest, told.low, told.high, told.per_hour, told.error) == (0, 0, 0, 0, 0, None)
    assert len(told.days) == 3


def test_where_mostly_nobody_comes_all_days_count() -> None:
    told = forecast(weeks(day(0, 0), day(0, 8), day(0, 0), day(0, 0)), 12)
    assert told is not None
    assert (told.rest, told.left_out) == (2, ())


@pytest.mark.parametrize("past", [[], weeks(day(5, 5), day(5, 5)), weeks(day(0, 0), day(0, 0))])
def test_of_too_few_days_nothing_is_said(past: list[PastDay]) -> None:
    assert forecast(past, 12) is None


def test_the_latest_two_months_count() -> None:
    told = forecast(weeks(*[day(10, 10)] * 8, *[day(90, 90)] * 4), 0)
    assert told is not None
    assert (len(told.days), told.rest) == (8, 20)
    assert told.left_out == ()


def test_nine_of_ten_days_are_within_the_bounds() -> None:
    chance = random.Random(7)

    def come() -> list[int]:
        """A day of a Poisson process of 40 an hour from 9 to 17."""
        by_hour = [0] * 24
        at = 9.0
        while (at := at + chance.expovariate(40)) < 17:
            by_hour[int(at)] += 1
        return by_hour

    within = 0
    for _ in range(400):
        told = forecast(weeks(*[come() for _ in range(8)]), 12.5)
        assert told is not None
        within += told.low <= count_after(come(), 12.5) <= told.high
    assert 0.87 <= within / 400 <= 0.98
