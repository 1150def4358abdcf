"""Conversion of a record's values: French formats, epochs, Excel serials, changes of the clock, durations and numbers."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from itertools import repeat
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.sdk.mapping.conversions import (
    Unit,
    check_time_format,
    read_cents,
    read_number,
    read_seconds,
    read_whole_number,
    time_reader,
)

PARIS = ZoneInfo("Europe/Paris")
SPRING = datetime(2026, 5, 4, 7, 30, tzinfo=UTC)
"""9:30 in Paris."""


@pytest.mark.parametrize(
    ("time_format", "value"),
    [
        ("iso", "2026-05-04T09:30:00"),
        ("iso", "2026-05-04 09:30"),
        ("iso", "2026-05-04T07:30:00Z"),
        ("iso", "2026-05-04T11:30:00+04:00"),
        ("iso", "20260504T093000"),
        ("epoch", 1777879800),
        ("epoch", "1777879800"),
        ("epoch", 1777879800.0),
        ("epoch", Decimal(1777879800)),
        ("epoch_ms", 1777879800000),
        ("epoch_ms", "1777879800000"),
        ("excel", 46146.3958333333),
        ("excel", "46146,3958333333"),
        ("excel", "46146 09:30:00"),
        ("excel", "46146 9:30"),
        ("excel", "46146 0.3958333333"),
        ("%d/%m/%Y %H:%M:%S", "04/05/2026 09:30:00"),
        ("%d/%m/%Y %H:%M:%S", "4/5/2026 9:30:00"),
        ("%d/%m/%Y %H:%M", "04/05/2026 09:30"),
        ("%d/%m/%Y %Hh%M", "04/05/2026 09h30"),
        ("%d.%m.%y %H:%M", "04.05.26 09:30"),
        ("%d %B %Y à %Hh%M", "4 mai 2026 à 9h30"),
        ("%d %b %Y %H:%M", "04 mai 2026 09:30"),
        ("%d %b. %Y %H:%M", "04 05. 2026 09:30"),
        ("%d %B %Y %H:%M", "04 MAI 2026 09:30"),
        ("%b %d, %Y %I:%M %p", "May 4, 2026 9:30 AM"),
        ("%Y%m%d%H%M%S", "20260504093000"),
        ("%d/%m/%Y %H:%M %z", "04/05/2026 07:30 +0000"),
        ("%d/%m/%Y %H:%M:%S", datetime(2026, 5, 4, 9, 30)),  # noqa: DTZ001 - as from a database
        ("epoch", datetime(2026, 5, 4, 9, 30, tzinfo=timezone(timedelta(hours=2)))),
        ("%d/%m/%Y %H:%M:%S", "2026-05-04T00:00:00 09:30:00".replace("T00:00:00 ", " ")),
        ("%d/%m/%Y %Hh%M", "2026-05-04 09h30"),  # the cell of a date, joined with a text
        ("%d/%m/%Y %Hh%M", "04/05/2026 09:30:00"),  # a text, joined with the cell of a time
    ],
)
def test_time_is_read(time_format: str, value: Any) -> None:
    assert check_time_format(time_format) == time_format
    assert time_reader(time_format, PARIS)(value) == SPRING


NO_TIMES: tuple[Any, ...] = ("", "hier", "04/05/2026", "0639981234", 5, None, [], True, b"2026-05-04")
NO_DURATIONS: tuple[Any, ...] = (
    *("", "x", "-5", -1, 604_801, "0639981234", "2:30", "00:60:00", True, None, [], "nan"),
    *(float("nan"), float("inf"), 10**400, Decimal("NaN"), timedelta(days=-1)),
)
MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)


@pytest.mark.parametrize(("number", "month"), [*enumerate(MONTHS, 1)])
@pytest.mark.parametrize("form", [str, str.upper, str.capitalize])
def test_french_months_are_read(number: int, month: str, form: Callable[[str], str]) -> None:
    at = time_reader("%d %B %Y", ZoneInfo("UTC"))(f"03 {form(month)} 2026")
    assert (at.month, at.day) == (number, 3)


@pytest.mark.parametrize(
    ("text", "month"), [("févr.", 2), ("fevr", 2), ("juil.", 7), ("août", 8), ("aout", 8), ("déc.", 12)]
)
def test_short_french_months_are_read(text: str, month: int) -> None:
    assert time_reader("%d %b %Y", ZoneInfo("UTC"))(f"03 {text} 2026").month == month


@pytest.mark.parametrize(
    ("time_format", "value", "written"),
    [
        ("%Y%m%d %H%M%S", "20261024 022359", "2026-10-24 02:23:59"),
        ("%Y%m%d %H%M%S", "20261024 22359", "2026-10-24 02:23:59"),  # not 22:35:09
        ("%Y%m%d %H%M%S", "20261024 5", "2026-10-24 00:00:05"),
        ("%Y%m%d %H%M%S", "2026-10-24 22359", "2026-10-24 02:23:59"),  # the cell of a date, joined with a number
        ("%d%m%y %H%M", "51026 223", "2026-10-05 02:23"),
        ("%y%m%d %H%M", "261005 1403", "2026-10-05 14:03"),
        ("%Y%m%d%H%M", "202610240223", "2026-10-24 02:23"),
        ("%Y%m%d", 20261024, "2026-10-24 00:00"),
        ("%Y%m%d", 20261024.0, "2026-10-24 00:00"),
        ("%Y%m%d", Decimal(20261024), "2026-10-24 00:00"),
        ("%d%m%Y", "5102026", "2026-10-05 00:00"),
        ("%d/%m/%Y %H%M%S", "5/1/2026 90000", "2026-01-05 09:00"),
    ],
)
def test_numbers_without_separators_may_lack_their_leading_zeros(time_format: str, value: Any, written: str) -> None:
    assert time_reader(time_format, ZoneInfo("UTC"))(value) == datetime.fromisoformat(written).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("time_format", "value"),
    [
        ("%Y%m%d%H%M%S", "202610240223"),  # without seconds: not 02:02:03
        ("%Y%m%d %H%M%S", "20261024 996000"),
        ("%Y%m%d", 241026),
        ("%Y%m%d", "261024"),
    ],
)
def test_numbers_of_another_length_are_not_read_as_other_times(time_format: str, value: Any) -> None:
    with pytest.raises(ValueError, match="not a time of the format"):
        time_reader(time_format, PARIS)(value)


def test_day_alone_begins_at_midnight_of_the_zone() -> None:
    for time_format, value in (("iso", date(2026, 5, 4)), ("%d/%m/%Y", "04/05/2026"), ("excel", 46146)):
        assert time_reader(time_format, PARIS)(value) == datetime(2026, 5, 3, 22, tzinfo=UTC)


def test_hour_that_the_clock_skips_is_read_as_the_hour_after() -> None:
    read = time_reader("%d/%m/%Y %H:%M:%S", PARIS)
    assert read("29/03/2026 01:59:59") == datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC)
    assert read("29/03/2026 02:30:00") == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert read("29/03/2026 03:00:00") == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_hour_that_occurs_twice_is_read_as_the_first() -> None:
    read = time_reader("%d/%m/%Y %H:%M:%S", PARIS)
    assert read("25/10/2026 02:30:00") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert read("25/10/2026 03:00:00") == datetime(2026, 10, 25, 2, 0, tzinfo=UTC)


def test_time_with_an_offset_is_exact_in_the_hour_that_occurs_twice() -> None:
    read = time_reader("iso", PARIS)
    assert read("2026-10-25T02:30:00+01:00") == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time_format", "value"),
    [
        *zip(repeat("iso"), NO_TIMES, strict=False),
        *zip(
            repeat("epoch"),
            ("", "hier", "1e10", "99999999999999", float("nan"), float("inf"), 10**400, True),
            strict=False,
        ),
        *zip(repeat("epoch_ms"), ("x", 10**18, Decimal("sNaN")), strict=False),
        *zip(
            repeat("excel"), ("x", "0639981234", 1e15, -1e15, float("nan"), "46146 1.5", "46146.5 09:30"), strict=False
        ),
        *zip(repeat("%d/%m/%Y"), ("31/02/2026", "04/13/2026", "4 mai 2026", 5, time(9, 30)), strict=False),
        ("%d/%m/%Y %H:%M:%S", "04/05/2026"),
        ("%d/%m/%Y %H:%M:%S", "04/05/2026 25:00:00"),
        ("%d %B %Y", "04 brumaire 2026"),
        ("iso", datetime(1, 1, 1)),  # noqa: DTZ001 - year 0 in UTC
    ],
)
def test_value_that_is_no_time_is_refused_without_naming_it(time_format: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^not a time of the format {time_format}$"):
        time_reader(time_format, PARIS)(value)


def test_time_without_offset_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="has no offset from UTC"):
        time_reader("iso", None)("2026-05-04 09:30")
    assert time_reader("iso", None)("2026-05-04T07:30Z") == SPRING


@pytest.mark.parametrize("time_format", ["", "jour", "%H:%M", "%d/%m", "%d/%d/%Y", "%", "%Q", "%d/%m/%Y\ud800", "%s"])
def test_unusable_format_is_refused(time_format: str) -> None:
    with pytest.raises(ValueError, match="must be iso, epoch"):
        check_time_format(time_format)


@pytest.mark.parametrize(
    ("value", "unit", "seconds"),
    [
        (90, "s", 90.0),
        ("90", "s", 90.0),
        ("90,5", "s", 90.5),
        ("0", "s", 0.0),
        (1500, "ms", 1.5),
        ("2,5", "min", 150.0),
        ("00:02:30", "s", 150.0),
        ("00:02:30", "ms", 150.0),
        ("100:00:00", "s", 360_000.0),
        ("00:02:30.250", "s", 150.0),
        ("2:30", "h:m", 9000.0),
        ("2:30", "m:s", 150.0),
        (time(0, 2, 30), "s", 150.0),
        (timedelta(minutes=2.5), "min", 150.0),
        (Decimal("1.25"), "s", 1.25),
        (604_800, "s", 604_800.0),
    ],
)
def test_duration_is_read(value: Any, unit: Unit, seconds: float) -> None:
    assert read_seconds(value, unit) == seconds


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        *zip(NO_DURATIONS, repeat("s"), strict=False),
        (5, "h:m"),
        ("5", "m:s"),
        ("1:2:3:4", "m:s"),
    ],
)
def test_value_that_is_no_duration_is_refused(value: Any, unit: Unit) -> None:
    with pytest.raises(ValueError, match=r"^not (a duration|between 0 and 604800 seconds)$"):
        read_seconds(value, unit)


def test_numbers_may_have_a_decimal_comma() -> None:
    assert read_number("-12,5") == read_number("-12.5") == read_number(-12.5) == -12.5
    assert read_whole_number("12,0") == read_whole_number(12.0) == read_whole_number(Decimal(12)) == 12


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1 040", 1040),
        ("1 580,80", 1580.8),
        ("12\u00a0345\u202f678.5", 12_345_678.5),
        ("1.580,80", 1580.8),
        ("1.580", 1.58),
        ("15,80 €", 15.8),
        ("-1 580,80\u00a0€", -1580.8),
    ],
)
def test_numbers_may_have_thousands_and_a_euro_sign(text: str, number: float) -> None:
    assert read_number(text) == number


@pytest.mark.parametrize(
    ("value", "unit", "cents"),
    [
        ("1 580,80", "euros", 158_080),
        ("15,80 €", "euros", 1580),
        ("15 €", "s", 1500),
        ("1 580", "s", 1580),
        (15, "s", 15),
    ],
)
def test_amount_with_a_euro_sign_is_in_euros(value: Any, unit: Unit, cents: int) -> None:
    assert read_cents(value, unit) == cents


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "1e5",
        "1 00",
        "12 34",
        "1 00 000",
        "1.580.800",
        "1,580.80",
        "€",
        "0x1",
        "٣",
        "1,2,3",
        None,
        True,
        [],
        float("nan"),
        float("inf"),
        10**400,
    ],
)
def test_value_that_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^not a number$"):
        read_number(value)


@pytest.mark.parametrize("value", ["1,5", 0.1, Decimal("1.5")])
def test_part_of_a_number_is_not_whole(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^not a whole number$"):
        read_whole_number(value)
