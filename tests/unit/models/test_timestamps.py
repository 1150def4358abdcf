"""Conversion of timestamps between milliseconds, datetimes and text."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.timestamps import day_ending_at, milliseconds, to_datetime, to_iso

TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.timezones() | st.just(UTC))  # noqa: DTZ001 - timezones= adds one


@given(TIMES)
def test_time_is_truncated_to_milliseconds(time: datetime) -> None:
    begin = to_datetime(milliseconds(time))
    assert timedelta() <= time.astimezone(UTC) - begin < timedelta(milliseconds=1)
    assert begin.utcoffset() == timedelta()


@given(TIMES)
def test_iso_text_denotes_the_same_time(time: datetime) -> None:
    at = milliseconds(time)
    assert datetime.fromisoformat(to_iso(at)) == to_datetime(at)
    assert datetime.fromisoformat(to_iso(at, "seconds")) == to_datetime(at).replace(microsecond=0)
    assert to_iso(at).endswith("Z")


def test_iso_text_is_in_utc() -> None:
    assert to_iso(1_741_000_000_123) == "2025-03-03T11:06:40.123Z"
    assert to_iso(1_741_000_000_123, "seconds") == "2025-03-03T11:06:40Z"
    assert milliseconds(datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)) == -1


@pytest.mark.parametrize(
    ("midnight", "zone", "day"),
    [
        ("2026-12-03T23:00:00Z", "Europe/Paris", date(2026, 12, 3)),
        ("2026-03-28T23:00:00Z", "Europe/Paris", date(2026, 3, 28)),  # the night of the change to summer time
        ("2026-10-25T23:00:00Z", "Europe/Paris", date(2026, 10, 25)),  # the end of a day of 25 hours
        ("2026-12-31T23:00:00Z", "Europe/Paris", date(2026, 12, 31)),
        ("2026-12-03T20:00:00Z", "Indian/Reunion", date(2026, 12, 3)),
        ("2026-12-04T00:00:00Z", "UTC", date(2026, 12, 3)),
    ],
)
def test_day_ends_at_the_local_midnight_after_it(midnight: str, zone: str, day: date) -> None:
    at = milliseconds(datetime.fromisoformat(midnight))
    assert day_ending_at(at, ZoneInfo(zone)) == day
    assert [day_ending_at(at + less, ZoneInfo(zone)) for less in (-1, 1, 1000, 60_000)] == [None] * 4
    assert day_ending_at(at, ZoneInfo("Asia/Tokyo")) is None
