"""Tests of the queue forecast: same weekdays, staffing and patience."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from math import inf
from zoneinfo import ZoneInfo

import pytest

from streams.cli.forecast import describe_holidays
from streams.report.history import History, HistoryView
from streams.report.queue_forecast import MIN_ABANDONED, WEEKS, QueueForecast, estimate_patience, forecast_queues
from streams.web.options import WebOptions
from tests.web.rows import DESK, MAIL, ROADS, SOCIAL, Worker

PARIS = ZoneInfo("Europe/Paris")
WEDNESDAY = date(2026, 11, 25)
NOON = datetime(2026, 11, 25, 12, tzinfo=PARIS)
OPTIONS = WebOptions(brokers="", holidays="")


def history_of(worker: Worker) -> History:
    view = HistoryView(PARIS, WEDNESDAY - timedelta(weeks=WEEKS), WEDNESDAY)
    view.begin([0])
    worker.progress(NOON)
    view.apply_all(0, worker.rows())
    return view.history()


def past(worker: Worker, weeks: int, abandoned: int = 0) -> None:
    """Count calls of 3 minutes on `weeks` Wednesdays (10 at 9:00, 60 from 12:30), and different ones on Thursdays."""
    for number in range(1, weeks + 1):
        morning = datetime.combine(WEDNESDAY - timedelta(weeks=number), datetime.min.time(), PARIS) + timedelta(hours=9)
        for _ in range(10):
            worker.answered(SOCIAL, morning, 10, handle_seconds=180)
        for minute in range(60):
            worker.answered(SOCIAL, morning + timedelta(hours=3, minutes=minute), 10, handle_seconds=180)
        for _ in range(abandoned):
            worker.abandoned(SOCIAL, morning, 30)
        worker.offered(SOCIAL, morning + timedelta(days=1), 500)


def forecast_of(worker: Worker) -> QueueForecast:
    (one,) = forecast_queues(history_of(worker), NOON, OPTIONS)
    return one


def test_forecast_uses_the_same_weekdays_and_gives_the_agents_needed() -> None:
    worker = Worker()
    past(worker, 5)
    worker.offered(SOCIAL, NOON - timedelta(hours=2), 7)
    worker.offered(SOCIAL, NOON - timedelta(weeks=6), 1)  # the first stored day may be incomplete
    worker.stocks(SOCIAL, agents_available=1, agents_on_contact=4, agents_paused=9)
    one = forecast_of(worker)
    assert one.forecast is not None
    assert (one.so_far, one.forecast.by_now, one.forecast.rest, one.forecast.per_hour) == (7, 10, 60, 60)
    assert len(one.forecast.days) == 5
    assert one.agents == 5
    assert one.staffing is not None
    assert one.staffing.load.erlangs == 3
    assert (one.staffing.agents_erlang_c, one.staffing.agents_erlang_a) == (5, None)
    assert one.staffing.now is not None
    assert one.staffing.now.service_level == pytest.approx(
        0.811, abs=1e-3
    )  # Erlang C, 3 erlangs, 5 agents: 1 - 0.236 e^(-40/180)


def test_public_holiday_is_skipped_and_compared_with_sundays_when_it_is_today() -> None:
    worker = Worker()
    past(worker, 6)  # the second of them on 11 November
    one = forecast_queues(history_of(worker), NOON, replace(OPTIONS, holidays="FR"))[0]
    assert one.forecast is not None
    assert [day for day in one.forecast.days if (day.month, day.day) == (11, 11)] == []
    assert len(one.forecast.days) == 4
    for number in range(9):
        worker.offered(SOCIAL, NOON - timedelta(days=3, weeks=number), 5)
    found = forecast_queues(history_of(worker), NOON - timedelta(weeks=2), replace(OPTIONS, holidays="FR"))
    (one,) = found
    assert one.forecast is not None
    assert {day.weekday() for day in one.forecast.days} == {6}
    assert one.forecast.by_now + one.forecast.rest == 5


@pytest.mark.parametrize(
    ("today", "lines"),
    [
        (date(2026, 11, 25), ["public holidays left out: 2026-11-11"]),
        (date(2026, 11, 11), ["today is a public holiday: compared with Sundays"]),
        (date(2026, 3, 10), []),
    ],
)
def test_command_explains_the_use_of_public_holidays(
    today: date, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    assert describe_holidays(today, WebOptions(brokers="")) == lines
    assert describe_holidays(today, OPTIONS) == []


def test_patience_is_total_wait_by_abandoned_contact() -> None:
    worker = Worker()
    past(worker, 5, abandoned=10)
    worker.offered(SOCIAL, NOON - timedelta(weeks=6))
    one = forecast_of(worker)
    assert one.staffing is not None
    assert one.staffing.load.patience_seconds == (5 * 70 * 10 + 50 * 30) / 50
    assert one.staffing.agents_erlang_a is not None
    assert one.staffing.agents_erlang_c is not None
    assert one.staffing.agents_erlang_a <= one.staffing.agents_erlang_c
    assert one.staffing.now is None, "no agents"
    assert estimate_patience(1000, MIN_ABANDONED - 1) == inf
    assert estimate_patience(0, MIN_ABANDONED) == inf
    assert estimate_patience(3000, 20) == 150


def test_forecast_is_missing_with_too_little_data() -> None:
    worker = Worker()
    past(worker, 3)
    one = forecast_of(worker)  # the first of the three days may be incomplete, so two remain
    assert (one.forecast, one.staffing) == (None, None)
    worker = Worker()
    for number in range(1, 6):
        worker.offered(ROADS, NOON - timedelta(weeks=number), 5)
    one = forecast_of(worker)
    assert one.forecast is not None
    assert one.staffing is None, "how long a call takes is not known"


def test_days_before_the_first_contact_of_a_queue_do_not_count() -> None:
    worker = Worker()
    past(worker, 2)
    for week in range(1, 10):
        worker.offered(ROADS, NOON - timedelta(weeks=week, days=1))
    by_place = {one.dimensions: one.forecast for one in forecast_queues(history_of(worker), NOON, OPTIONS)}
    assert by_place[SOCIAL] is None
    expected = by_place[ROADS]
    assert expected is not None, "Wednesdays without contacts are known"
    assert (expected.rest, expected.high) == (0, 0)


def test_day_with_unread_history_does_not_count() -> None:
    worker = Worker()
    past(worker, 6)
    worker.offered(SOCIAL, NOON - timedelta(weeks=7))
    for week in range(8):
        worker.offered(DESK, NOON - timedelta(weeks=week))
    history = replace(
        history_of(worker),
        as_of=NOON - timedelta(weeks=2),  # of an old call log
        history_read_until={"visit": NOON - timedelta(weeks=3)},
    )
    found = {one.dimensions: one.forecast for one in forecast_queues(history, NOON, OPTIONS)}
    calls, visits = found[SOCIAL], found[DESK]
    assert calls is not None
    assert calls.days == tuple(WEDNESDAY - timedelta(weeks=number) for number in (6, 5, 4, 3))
    assert visits is not None
    assert visits.days == tuple(WEDNESDAY - timedelta(weeks=number) for number in (6, 5, 4))


def test_forecast_of_desks_has_no_agents_and_letters_have_no_forecast() -> None:
    worker = Worker()
    worker.count(MAIL, NOON, received=9)
    for number in range(6):
        for _ in range(5):
            worker.answered(DESK, NOON - timedelta(weeks=number), 300, handle_seconds=600)
    one = forecast_of(worker)
    assert (one.dimensions, one.agents, one.so_far) == (DESK, None, 5)
    assert one.staffing is not None
    assert one.staffing.agents_erlang_c == 2  # 10 per hour of 10 minutes each, called within a quarter of an hour
