"""Tests of the typical day."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from models.timestamps import milliseconds
from streams.core.figures.figure import Figure, bucket_key, day_key, encode_figure, new_day, new_figure
from streams.core.figures.figure_schemas import QUEUE_SCHEMA
from streams.web.board.typical_day import WEEKS, PastDays, TypicalDay, typical_day_of
from streams.web.options import WebOptions
from tests.unit.web.filled_board import NOON, FilledBoard
from tests.web.rows import MAIL, ROADS, SOCIAL

PARIS = ZoneInfo("Europe/Paris")
TODAY = NOON.date()
WEEK = timedelta(weeks=1)
OPTIONS = WebOptions(brokers="")
COMPLETE = milliseconds(NOON + timedelta(weeks=99))


def day_of(by_hour: Sequence[int]) -> bytes:
    figure = new_day(QUEUE_SCHEMA)
    figure.by_hour = list(by_hour)
    figure.counts[0] = sum(by_hour)
    return encode_figure(figure)


def calls(number: int, hour: int = 10) -> list[int]:
    return [number if at == hour else 0 for at in range(24)]


def bucket_of(number: int) -> bytes:
    figure: Figure = new_figure(QUEUE_SCHEMA)
    figure.counts[0] = number
    return encode_figure(figure)


def filled(weeks: int = 4, number: int = 20) -> PastDays:
    past = PastDays(PARIS, NOON)
    for week in range(1, weeks + 2):  # the first known day does not count: it may be incomplete
        past.put("day", (TODAY - week * WEEK).toordinal(), SOCIAL, 0, day_of(calls(number)))
    return past


def days_of(past: PastDays, complete_until: int = COMPLETE, today: date = TODAY) -> dict[date, int]:
    return {
        one.day: sum(one.by_hour) for one in past.whole_days(complete_until) if one.day.weekday() == today.weekday()
    }


def test_dimensions_partitions_days_and_buckets_are_added_up() -> None:
    past, day = filled(2), TODAY - WEEK
    past.put("day", day.toordinal(), ROADS, 1, day_of(calls(3, 11)))
    at = datetime(day.year, day.month, day.day, 10, 55, tzinfo=PARIS)
    past.put("bucket", int(at.timestamp()), SOCIAL, 0, bucket_of(4))
    (first,) = [one for one in past.whole_days(COMPLETE) if one.day == day]
    assert (first.by_hour[10], first.by_hour[11]) == (24, 3)


def test_changed_row_counts_once_and_removed_row_not_at_all() -> None:
    past, day = filled(2), TODAY - WEEK
    past.put("day", day.toordinal(), SOCIAL, 0, day_of(calls(7)))
    assert days_of(past)[day] == 7
    past.put("day", day.toordinal(), SOCIAL, 0, None)
    assert days_of(past)[day] == 0
    past.put("day", day.toordinal(), SOCIAL, 0, None)
    assert days_of(past)[day] == 0


def test_past_weeks_count_without_the_first_known_day() -> None:
    past = filled(WEEKS + 5)
    past.put("day", TODAY.toordinal(), SOCIAL, 0, day_of(calls(99)))
    assert len(past.whole_days(COMPLETE)) == 7 * WEEKS
    assert days_of(past) == {TODAY - week * WEEK: 20 for week in range(1, WEEKS + 1)}
    assert set(days_of(filled(2))) == {TODAY - WEEK, TODAY - 2 * WEEK}


def test_days_with_unread_history_do_not_count() -> None:
    read = NOON - 2 * WEEK
    assert set(days_of(filled(4), milliseconds(read))) == {TODAY - week * WEEK for week in (3, 4)}


def test_days_of_an_old_call_log_that_are_not_read_yet_do_not_count() -> None:
    board = FilledBoard()
    for week in range(6, 10):
        board.view.apply_all(0, [(day_key(TODAY - week * WEEK, SOCIAL), day_of(calls(12)))])
    board.worker.progress(NOON - 5 * WEEK)
    usual = board.board().usual
    assert usual is not None
    assert (usual.days, usual.by_now) == ([str(TODAY - week * WEEK) for week in (8, 7, 6)], 12)


def test_midnight_selects_the_next_weekday_and_drops_old_days() -> None:
    past = filled(WEEKS)
    past.advance_to(NOON + timedelta(days=1))
    assert not any(days_of(past, today=TODAY + timedelta(days=1)).values())
    past.advance_to(NOON + timedelta(weeks=3))
    assert len(days_of(past)) == WEEKS, "three weeks without contacts count as days"
    past.advance_to(NOON + timedelta(weeks=40))
    assert days_of(past) == {}


def test_typical_day_is_the_mean_of_earlier_days() -> None:
    past = PastDays(PARIS, NOON)
    for week, number in enumerate((10, 20, 30, 5), start=1):
        by_hour = [*calls(number)[:15], number // 2, *[0] * 8]
        past.put("day", (TODAY - week * WEEK).toordinal(), SOCIAL, 0, day_of(by_hour))
    usual = typical_day_of(past.whole_days(COMPLETE), NOON, OPTIONS)
    assert isinstance(usual, TypicalDay)
    assert usual.days == [str(TODAY - week * WEEK) for week in (3, 2, 1)]
    assert (usual.by_hour[10], usual.by_hour[15], usual.by_now, usual.rest) == (20, 10, 20, 10)
    assert usual.low <= usual.rest <= usual.high


def test_public_holiday_is_compared_with_sundays_and_left_out_of_weekdays() -> None:
    armistice = datetime(2026, 11, 11, 12, 0, tzinfo=PARIS)  # a Wednesday
    past = PastDays(PARIS, armistice)
    for back in range(1, 60):
        day = armistice.date() - timedelta(days=back)
        past.put("day", day.toordinal(), SOCIAL, 0, day_of(calls(3 if day.weekday() == 6 else 20)))
    usual = typical_day_of(past.whole_days(COMPLETE), armistice, OPTIONS)
    assert usual is not None
    assert (usual.of_sundays, usual.by_hour[10]) == (True, 3)
    assert {date.fromisoformat(day).weekday() for day in usual.days} == {6}
    without = typical_day_of(past.whole_days(COMPLETE), armistice, replace(OPTIONS, holidays=""))
    assert without is not None
    assert (without.of_sundays, without.by_hour[10]) == (False, 20)
    past.put("day", armistice.date().toordinal(), SOCIAL, 0, day_of(calls(9)))
    week_later = armistice + WEEK
    past.advance_to(week_later)
    usual = typical_day_of(past.whole_days(COMPLETE), week_later, OPTIONS)
    assert usual is not None
    assert (usual.of_sundays, usual.by_hour[10]) == (False, 20), "not 9, of the holiday"


def test_too_few_days_give_no_typical_day() -> None:
    assert typical_day_of(filled(2).whole_days(COMPLETE), NOON, OPTIONS) is None
    assert typical_day_of([], NOON, OPTIONS) is None


def test_typical_day_counts_calls_only() -> None:
    board = FilledBoard()
    board.worker.progress(NOON)
    for week in range(1, 6):
        day = TODAY - week * WEEK
        board.view.apply_all(0, [(day_key(day, SOCIAL), day_of(calls(12)))])
        board.view.apply_all(0, [(day_key(day, MAIL), day_of(calls(500)))])
    board.view.apply_all(0, [(bucket_key(int((NOON - WEEK).timestamp()), SOCIAL), bucket_of(4))])
    usual = board.board().usual
    assert usual is not None
    assert (usual.by_hour[10], usual.by_hour[12], usual.by_now, usual.rest) == (12, 1, 12, 1)
    assert board.view.snapshot(NOON).unreadable == 0
