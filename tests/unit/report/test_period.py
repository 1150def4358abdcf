"""Tests of report periods."""

from datetime import date

import pytest

from streams.report.period import Period, PeriodKind, parse_period, period_of

WEDNESDAY = date(2026, 11, 25)


@pytest.mark.parametrize(
    ("kind", "name", "first", "last"),
    [
        (PeriodKind.DAY, "2026-11-25", WEDNESDAY, WEDNESDAY),
        (PeriodKind.WEEK, "2026-W48", date(2026, 11, 23), date(2026, 11, 29)),
        (PeriodKind.MONTH, "2026-11", date(2026, 11, 1), date(2026, 11, 30)),
        (PeriodKind.YEAR, "2026", date(2026, 1, 1), date(2026, 12, 31)),
    ],
)
def test_period_is_parsed_from_its_name_or_any_of_its_days(
    kind: PeriodKind, name: str, first: date, last: date
) -> None:
    period = parse_period(kind, name)
    assert period == Period(kind, first, last)
    assert period.name == name
    assert {parse_period(kind, day.isoformat()) for day in period.days} == {period}
    assert (period.days[0], period.days[-1]) == (first, last)


def test_week_belongs_to_the_year_of_its_thursday() -> None:
    assert period_of(PeriodKind.WEEK, date(2027, 1, 3)).name == "2026-W53"
    assert parse_period(PeriodKind.WEEK, "2026-W53").first == date(2026, 12, 28)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (PeriodKind.DAY, "yesterday"),
        (PeriodKind.DAY, "2026-11"),
        (PeriodKind.DAY, "2026-02-29"),
        (PeriodKind.WEEK, "2026-W54"),
        (PeriodKind.MONTH, "2026-13"),
        (PeriodKind.YEAR, "26"),
        (PeriodKind.YEAR, ""),
    ],
)
def test_invalid_period_is_refused(kind: PeriodKind, text: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|month|day|week|year"):
        parse_period(kind, text)
