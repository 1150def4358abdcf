"""Forecast of the rest of a day, checked against manual calculations and simulated days."""

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
    """Return the arrivals by hour of a day with arrivals from 9 to 10 and from 14 to 15."""
    return [0] * 9 + [morning] + [0] * 4 + [afternoon] + [0] * 9


def test_rest_of_a_day_is_the_mean_of_the_same_weekdays() -> None:
    result = forecast(weeks(day(10, 20), day(20, 30), day(30, 40), day(20, 30)), 12)
    assert result is not None
    assert (result.by_now, result.rest, result.per_hour) == (20, 30, 0)
    # Student's t, 3 degrees of freedom, 90 %: 2.353. The days' variance 66.7 is larger than the mean 30.
    assert (result.low, result.high) == pytest.approx((30 - 21.479, 30 + 21.479), abs=1e-2)
    # The mean of the other days is 33.3, 30, 26.7, 30. The deviations are 13.3 + 0 + 13.3 + 0 of 120.
    assert result.error == pytest.approx(26.667 / 120, abs=1e-4)
    assert result.days == tuple(WEDNESDAY - timedelta(weeks=number) for number in (4, 3, 2, 1))


DATES = st.dates(date(2024, 1, 1), date(2030, 12, 31))


@given(DATES, st.integers(1, 12), st.sets(st.integers(0, 90)))
def test_similar_days_are_weekdays_without_holidays_and_sundays_for_a_holiday(
    today: date, weeks: int, ago: set[int]
) -> None:
    holidays = {today - timedelta(days=days) for days in ago}
    found = similar_days(today, weeks, holidays.__contains__)
    earlier = [today - timedelta(days=days) for days in range(1, 7 * weeks + 1)]
    if today in holidays:
        assert found == [day for day in earlier if day.weekday() == 6]
    else:
        assert found == [day for day in earlier if day.weekday() == today.weekday() and day not in holidays]


def test_arrivals_are_evenly_distributed_within_an_hour() -> None:
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
    result = forecast(weeks(day(8, 4), day(8, 4), day(8, 4)), 9.75)
    assert result is not None
    assert (result.by_now, result.rest, result.per_hour, result.error) == (6, 6, 4, 0)
    assert result.high > 6 + 2 * 6**0.5, "equal days still have the variance of a Poisson process"


def test_quiet_day_is_left_out_and_listed() -> None:
    past = weeks(day(10, 20), day(0, 1), day(10, 20), day(10, 20), day(10, 20))
    result = forecast(past, 12)
    assert result is not None
    assert result.rest == 20
    assert result.left_out == (past[1].day,)


def test_forecast_of_a_weekday_without_arrivals_is_zero() -> None:
    result = forecast(weeks(*[day(0, 0)] * 3), 12)
    assert result is not None
    assert (result.by_now, result.rest, result.low, result.high, result.per_hour, result.error) == (0, 0, 0, 0, 0, None)
    assert len(result.days) == 3


def test_all_days_count_if_most_days_are_empty() -> None:
    result = forecast(weeks(day(0, 0), day(0, 8), day(0, 0), day(0, 0)), 12)
    assert result is not None
    assert (result.rest, result.left_out) == (2, ())


@pytest.mark.parametrize("past", [[], weeks(day(5, 5), day(5, 5)), weeks(day(0, 0), day(0, 0))])
def test_too_few_days_give_no_forecast(past: list[PastDay]) -> None:
    assert forecast(past, 12) is None


def test_only_the_latest_two_months_count() -> None:
    result = forecast(weeks(*[day(10, 10)] * 8, *[day(90, 90)] * 4), 0)
    assert result is not None
    assert (len(result.days), result.rest) == (8, 20)
    assert result.left_out == ()


def test_nine_of_ten_days_are_within_the_prediction_interval() -> None:
    chance = random.Random(7)

    def one_day() -> list[int]:
        """Return a day of a Poisson process with 40 arrivals per hour from 9 to 17."""
        by_hour = [0] * 24
        at = 9.0
        while (at := at + chance.expovariate(40)) < 17:
            by_hour[int(at)] += 1
        return by_hour

    within = 0
    for _ in range(400):
        result = forecast(weeks(*[one_day() for _ in range(8)]), 12.5)
        assert result is not None
        within += result.low <= count_after(one_day(), 12.5) <= result.high
    assert 0.87 <= within / 400 <= 0.98
