"""Where a read of the SQL connector begins."""
# ruff: noqa: DTZ001 - databases store times without an offset

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sql.marks import Overlap, decode_mark, encode_mark, is_mark

PARIS = ZoneInfo("Europe/Paris")
OVERLAP = Overlap(60, 1000, PARIS)
MARKS = st.one_of(
    st.datetimes(),
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9, minutes=-30))])),
    st.dates(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.text(),
    st.binary(),
)


@given(MARKS)
def test_a_mark_survives_its_encoding(mark: Any) -> None:
    decoded = decode_mark(encode_mark(mark))
    assert decoded == mark
    assert type(decoded) is type(mark)


@pytest.mark.parametrize("content", [b"", b"{}", b'["time", "?"]', b'["Decimal", "?"]', b'["set", "1"]'])
def test_a_damaged_mark_is_refused(content: bytes) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        decode_mark(content)


@pytest.mark.parametrize("value", [None, True, "infinity", "-infinity", float("nan"), Decimal("NaN"), [], timedelta()])
def test_rows_are_not_read_on_from_values_without_an_order(value: object) -> None:
    assert not is_mark(value)


@pytest.mark.parametrize("value", ["0000-00-00", "0000-00-00 00:00:00", "2026-02-00", "2026-01-01 25:00:00"])
def test_rows_are_not_read_on_from_impossible_times(value: str) -> None:
    assert not is_mark(value)


@pytest.mark.parametrize(
    ("mark", "lowest"),
    [
        (datetime(2026, 3, 16, 10, 0, 30), datetime(2026, 3, 16, 9, 59, 30)),
        (datetime(2026, 3, 16, 10, 0, tzinfo=UTC), datetime(2026, 3, 16, 9, 59, tzinfo=UTC)),
        (date(2026, 3, 1), date(2026, 2, 28)),
        (5000, 4000),
        (Decimal("5000.5"), Decimal("4000.5")),
        (5000.5, 4000.5),
        ("2026-03-16 10:00:30", "2026-03-16 09:59:30"),
        ("2026-03-16T10:00:30.250+01:00", "2026-03-16T09:59:30.250+01:00"),
        ("2026-03-01", "2026-02-28"),
        ("A-42", "A-42"),
        (b"\x00\x07", b"\x00\x07"),
        (datetime(1, 1, 1), datetime(1, 1, 1)),
    ],
)
def test_a_read_begins_below_the_mark(mark: Any, lowest: Any) -> None:
    assert OVERLAP.lowest(mark) == lowest


def test_a_part_of_a_day_is_a_whole_day_of_dates() -> None:
    assert Overlap(0, 0, None).lowest(date(2026, 3, 1)) == date(2026, 3, 1)
    assert Overlap(86_401, 0, None).lowest(date(2026, 3, 3)) == date(2026, 3, 1)


@given(
    st.datetimes(datetime(2026, 10, 24), datetime(2026, 10, 27)),
    st.timedeltas(timedelta(), timedelta(seconds=60)),
    st.timedeltas(timedelta(), timedelta(hours=3)),
)
def test_local_times_that_are_repeated_in_autumn_hide_no_row(
    highest: datetime, late: timedelta, later: timedelta
) -> None:
    """A row that gets its time up to 60 s before the row with the mark, or any time after it, is read."""
    for fold in (0, 1):
        seen_at = highest.replace(tzinfo=PARIS, fold=fold).astimezone(UTC)
        for row_at in (seen_at - late, seen_at + later):
            assert row_at.astimezone(PARIS).replace(tzinfo=None) >= OVERLAP.lowest(highest)


@pytest.mark.parametrize(
    ("mark", "bounded"),
    [
        (datetime(2026, 3, 16, 9, 0), datetime(2026, 3, 16, 9, 0)),
        (datetime(2099, 1, 1), datetime(2026, 3, 16, 10, 0)),
        (datetime(2099, 1, 1, tzinfo=UTC), datetime(2026, 3, 16, 9, 0, tzinfo=UTC)),
        (date(2099, 1, 1), date(2026, 3, 16)),
        ("2099-01-01T00:00:00Z", "2026-03-16T10:00:00Z"),
        ("2026-03-16 09:59:59.5", "2026-03-16 09:59:59.5"),
        ("2099-01-01", "2026-03-16"),
        (10**12, 10**12),
    ],
)
def test_a_time_in_the_future_hides_no_later_row(mark: Any, bounded: Any) -> None:
    assert OVERLAP.bounded(mark, datetime(2026, 3, 16, 9, 0, tzinfo=UTC)) == bounded


def test_without_a_time_zone_the_future_begins_where_it_does_anywhere() -> None:
    overlap, now = Overlap(60, 0, None), datetime(2026, 3, 16, 9, 0, tzinfo=UTC)
    assert overlap.bounded(datetime(2026, 3, 16, 22, 0), now) == datetime(2026, 3, 16, 22, 0)
    assert overlap.bounded(datetime(2099, 1, 1), now) == datetime(2026, 3, 16, 23, 0)


def test_the_mark_only_rises() -> None:
    assert OVERLAP.is_above(2, Decimal(1))
    assert not OVERLAP.is_above(1, 1)
    assert not OVERLAP.is_above("2026-03-16 10:00:00", "2026-03-16 11:00:00")
    assert OVERLAP.is_above("éa", "z"), "the order of other texts is that of the database"
    assert OVERLAP.is_above(1, datetime(2026, 3, 16)), "the column has another type now"
