"""Calendars match a plain second implementation that goes minute by minute, in several zones, across clock changes.

Set CALENDAR_CASES=100000 to check 100,000 cases.
"""

import os
from collections import Counter
from datetime import date, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from models.calendars import Calendar, CalendarRules, Unit
from tests.support.plain_calendar import NAMES, PlainCalendar, TooShortError

CASES = int(os.environ.get("CALENDAR_CASES", "300"))
QUESTIONS = 20
WINDOW_DAYS = 75
MINUTE, DAY_MINUTES = 60_000, 1440

# A zone, and days around which its clocks change, if they do.
ZONES = {
    "Europe/Paris": [date(2026, 3, 29), date(2026, 10, 25), date(2027, 3, 28), date(2028, 10, 29)],
    "Indian/Reunion": [],
    "America/Martinique": [],
    "Pacific/Noumea": [],
    "America/Miquelon": [date(2026, 3, 8), date(2026, 11, 1), date(2028, 3, 12)],
    "Australia/Lord_Howe": [date(2026, 4, 5), date(2026, 10, 4), date(2028, 4, 2)],
    "America/Havana": [date(2026, 3, 8), date(2026, 11, 1)],  # at midnight
}
ANCHOR_DAYS = [date(2028, 2, 29), date(2026, 12, 31), date(2027, 4, 3), date(2026, 5, 1), date(2026, 8, 15)]
HOLIDAYS = [None, "FR", "FR", "FR-57", "FR-67", "FR-973", "FR-974", "FR-976"]


class Question(NamedTuple):
    start: int
    """Minutes after the start of the window."""
    milliseconds: int
    unit: Unit
    amount: float
    """Share, 0 to 1, of the largest reasonable amount of the unit."""
    pauses: list[tuple[int, int, bool]]
    """Minutes to the next pause, its length in minutes, and whether it is moved to the end of a day."""
    is_open_ended: bool
    roll: bool
    until: int
    is_exact: bool
    """Whether the query is exactly at the end of a delay, or for exactly the amount counted at the end of a day."""


@st.composite
def hours(draw: st.DrawFn) -> list[str]:
    minutes = st.integers(0, DAY_MINUTES) if draw(st.booleans()) else st.integers(0, 48).map(lambda half: half * 30)
    edges = sorted(draw(st.sets(minutes, min_size=2, max_size=6)))
    texts = [f"{minute // 60:02}:{minute % 60:02}" for minute in edges]
    return [f"{begin}-{end}" for begin, end in zip(texts[::2], texts[1::2], strict=False)]


OFFICE = st.sampled_from([["08:30-12:00", "13:30-17:00"], ["09:00-12:00"], ["00:00-24:00"]])
NIGHT = st.sampled_from(
    [["01:30-02:30", "02:45-04:00"], ["02:10-02:20"], ["00:10-00:50"], ["00:00-01:00", "01:00-02:00"]]
)
"""Local times of clock changes on a Sunday."""
WEEK = st.dictionaries(st.sampled_from(NAMES), OFFICE | hours(), min_size=1)


@st.composite
def calendars(draw: st.DrawFn) -> tuple[dict[str, Any], date]:
    zone = draw(st.sampled_from(["Europe/Paris"] * 3 + sorted(ZONES)))
    anchor = draw(st.sampled_from(ZONES[zone] * 2 + ANCHOR_DAYS))
    first = anchor - timedelta(days=draw(st.integers(2, 12)))

    def days(*, with_hours: bool) -> st.SearchStrategy[Any]:
        day = st.integers(0, 40).map(lambda n: first + timedelta(days=n))
        span = st.tuples(day, st.integers(0, 4)).map(lambda both: {"from": both[0], "to": both[0] + timedelta(both[1])})
        timed = st.tuples(span, OFFICE | hours()).map(lambda both: both[0] | {"hours": both[1]})
        return timed if with_hours else day | span | timed

    week = draw(WEEK) | ({"sunday": draw(NIGHT)} if anchor in ZONES[zone] else {})
    versions = [{"from": first - timedelta(days=400), **week}]
    if draw(st.booleans()):
        versions.append({"from": first + timedelta(days=draw(st.integers(0, 30))), **draw(WEEK)})
    rest = st.lists(st.sampled_from(NAMES), max_size=3, unique=True)
    calendar = {
        "timezone": zone,
        "closures": draw(st.lists(days(with_hours=False), max_size=3)),
        "extra": draw(st.lists(days(with_hours=True), max_size=2)),
        "versions": versions,
    }
    calendar |= {"holidays": code} if (code := draw(st.sampled_from(HOLIDAYS))) else {}
    calendar |= {"rest_days": draw(rest), "roll_days": draw(rest)} if draw(st.booleans()) else {}
    return calendar, first


QUESTION = st.builds(
    Question,
    start=st.integers(0, 20 * DAY_MINUTES) | st.integers(0, 20 * 24).map(lambda hour: hour * 60),
    milliseconds=st.sampled_from([0, 0, 1, 30_500, 59_999]),
    unit=st.sampled_from(Unit),
    amount=st.floats(0, 1),
    pauses=st.lists(
        st.tuples(st.integers(1, 5 * DAY_MINUTES), st.integers(1, 4 * DAY_MINUTES), st.booleans()), max_size=3
    ),
    is_open_ended=st.sampled_from([False, False, True]),
    roll=st.booleans(),
    until=st.integers(-DAY_MINUTES, 40 * DAY_MINUTES),
    is_exact=st.booleans(),
)
TIME_UNITS = {Unit.OPENING_HOURS, Unit.ELAPSED}
MOST = {
    Unit.OPENING_HOURS: 4 * DAY_MINUTES * MINUTE,
    Unit.ELAPSED: 20 * DAY_MINUTES * MINUTE,
    Unit.WORKING_DAYS: 15,
    Unit.BUSINESS_DAYS: 20,
    Unit.CALENDAR_DAYS: 30,
    Unit.CLEAR_DAYS: 30,
    Unit.MONTHS: 1,
}


def pauses_of(question: Question, started_at: int, plain: PlainCalendar) -> list[tuple[int, int | None]]:
    pauses: list[tuple[int, int | None]] = []
    at = started_at - 6 * 60 * MINUTE  # some pauses begin before the clock
    for gap, length, at_midnight in question.pauses:
        begin = at + gap * MINUTE
        at = begin + length * MINUTE + question.milliseconds
        if at_midnight:
            begin, at = (next((end for end, _ in plain.ends if end >= time), time) for time in (begin, at))
        if begin < at and not (pauses and pauses[-1][1] is not None and begin < pauses[-1][1]):
            pauses.append((begin, at))
    if pauses and question.is_open_ended:
        pauses[-1] = (pauses[-1][0], None)
    return pauses


def check(question: Question, calendar: Calendar, plain: PlainCalendar) -> None:
    unit = question.unit
    started_at = plain.ends[0][0] + question.start * MINUTE + question.milliseconds
    amount = 1 + int(question.amount * (MOST[unit] - 1))
    until = started_at + question.until * MINUTE
    if question.is_exact:
        over = until if unit in TIME_UNITS else plain.deadline(started_at, amount, unit, [])[0]
        until = next((end for end, _ in plain.ends if end >= (over or until)), until)
    pauses = pauses_of(question, started_at, plain)

    assert calendar.is_open(started_at) == plain.is_open(started_at)
    by_day = plain.counted(started_at, until, unit, pauses)
    assert dict(calendar.elapsed_by_day(started_at, until, unit, pauses)) == by_day
    assert calendar.counted(started_at, until, unit, pauses) == sum(by_day.values())
    between = plain.between(started_at, until, unit)
    assert calendar.between(started_at, until, unit) == between

    if question.is_exact and unit in TIME_UNITS:
        amount = sum(by_day.values()) or amount
    due = plain.deadline(started_at, amount, unit, pauses, roll=question.roll)
    assert calendar.deadline(started_at, amount, unit, pauses, roll=question.roll) == due
    plain_due = plain.deadline(started_at, amount, unit, [], roll=question.roll)
    assert calendar.add(started_at, amount, unit, roll=question.roll) == plain_due[0]
    assert calendar.next_change(started_at) == plain.next_change(started_at)


def test_calendar_matches_the_plain_calendar() -> None:
    compared: Counter[str] = Counter()

    @settings(
        max_examples=max(CASES // QUESTIONS, 1),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # no shrinking: it would take far too long
    )
    @given(calendars(), st.lists(QUESTION, min_size=QUESTIONS, max_size=QUESTIONS))
    def compare(both: tuple[dict[str, Any], date], questions: list[Question]) -> None:
        described, first = both
        calendar = Calendar(CalendarRules.model_validate(described))
        plain = PlainCalendar(described, first, WINDOW_DAYS)
        for question in questions:
            compared["all"] += 1
            note(f"{question}, first day {first}")
            try:
                check(question, calendar, plain)
            except TooShortError:
                continue
            compared[question.unit] += 1

    compare()
    print(f"\n{dict(compared)}")
    assert sum(compared[unit] for unit in Unit) > compared["all"] / 2
    assert all(compared[unit] for unit in Unit)


@pytest.mark.parametrize(("zone", "changed"), [(zone, day) for zone, days in ZONES.items() for day in days[:2]])
def test_calendar_matches_the_plain_calendar_at_clock_changes(zone: str, changed: date) -> None:
    hours = ["00:10-00:50", "01:30-01:40", "01:50-02:10", "02:20-02:25", "02:45-04:00"]
    described = {"timezone": zone, "versions": [{"from": changed, "sunday": hours}]}
    calendar = Calendar(CalendarRules.model_validate(described))
    plain = PlainCalendar(described, changed - timedelta(days=2), 25)
    for start in range(DAY_MINUTES, 3 * DAY_MINUTES, 180):
        for unit, amount in ((Unit.OPENING_HOURS, 0.02), (Unit.WORKING_DAYS, 0), (Unit.CALENDAR_DAYS, 0.1)):
            question = Question(
                start=start,
                milliseconds=1,
                unit=unit,
                amount=amount,
                pauses=[(start + 30, 60, False)],
                is_open_ended=False,
                roll=False,
                until=4 * DAY_MINUTES,
                is_exact=False,
            )
            check(question, calendar, plain)
