"""Tests of the board's figures of SLA targets."""

from datetime import date, datetime, timedelta

import pytest

from models.timestamps import milliseconds
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import SLA
from streams.web.board.sla_targets import (
    OpeningState,
    WaitingCounts,
    WorkingTime,
    measure_working_time,
)
from streams.web.options import QueueOptions, ServiceOptions, WebOptions
from tests.unit.web.filled_board import FilledBoard
from tests.unit.web.sla_policies import ACKNOWLEDGED, ANNOUNCED, ANSWERED, NOON, PARIS, POLICIES
from tests.web.rows import DESK, MAIL, ROADS

DAY = timedelta(days=1)
SIEGE = POLICIES.calendars["siege"]
OPTIONS = WebOptions(brokers="", services=(ServiceOptions("social", "Solidarités", "Social support"),))
FORMS = ANNOUNCED._replace(queue="demarches:first_response:form")


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=PARIS)


def count_open(filled: FilledBoard, dimensions: Dimensions, due_at: datetime, number: int = 1) -> None:
    """Count open clocks with a deadline at this time."""
    filled.worker.count(dimensions, NOON, started=number)
    filled.worker.count(dimensions, due_at, due=number)


@pytest.fixture
def filled() -> FilledBoard:
    return FilledBoard(OPTIONS, POLICIES, NOON)


def test_targets_have_the_order_of_the_sla_file_with_former_policies_last(filled: FilledBoard) -> None:
    former = ANNOUNCED._replace(queue="ancienne:announced:mail")
    for place in (former, ANSWERED, FORMS, ANNOUNCED, ACKNOWLEDGED):
        filled.worker.count(place, NOON, "started")
    filled.worker.stocks(former, NOON - DAY, overdue=1)
    standing = filled.board().sla_targets.standing
    assert [(one.policy, one.clock, one.objective) for one in standing] == [
        ("courrier", "acknowledge", 0.95),
        ("courrier", "announced", 0.9),
        ("demarches", "first_response", 0.9),
        ("telephone", "answer", 0.8),
        ("ancienne", "announced", None),
    ]
    assert standing[-1].overdue_by is None, "its calendar is unknown"
    assert filled.overdue()[0].working_time is None


def test_overdue_lines_are_by_service_with_the_longest_first(filled: FilledBoard) -> None:
    worker = filled.worker
    for site, days, number in (("siege", 1, 2), ("annexe", 4, 1)):
        place = ANNOUNCED._replace(site=site)
        worker.count(place, NOON, started=number)
        worker.stocks(place, midnight((NOON - days * DAY).date()), overdue=number)
    worker.count(ACKNOWLEDGED._replace(service="routes"), NOON, "started")
    worker.stocks(ACKNOWLEDGED._replace(service="routes"), midnight((NOON - 2 * DAY).date()), overdue=7)
    worker.count(ANSWERED, NOON, "started")
    worker.stocks(ANSWERED, NOON - 9 * DAY, overdue=1)
    social, routes = filled.overdue()
    assert (social.service, social.label_fr, social.label_en) == ("social", "Solidarités", "Social support")
    assert (social.state, social.number, social.clock) == ("overdue", 3, "announced")
    assert social.due_at == milliseconds(midnight(date(2026, 3, 6)))
    assert social.working_time == WorkingTime(2, 19 * 3600 + 1800 + 120)
    assert (routes.service, routes.label_fr, routes.number, routes.clock) == ("routes", "routes", 7, "acknowledge")


def test_next_deadlines_are_sorted_and_the_first_are_at_risk(filled: FilledBoard) -> None:
    tonight, friday = midnight(date(2026, 3, 11)), midnight(date(2026, 3, 14))
    count_open(filled, ANNOUNCED, friday, 4)
    count_open(filled, ANNOUNCED, tonight, 2)
    count_open(filled, ANNOUNCED._replace(site="annexe"), tonight, 1)
    count_open(filled, FORMS, NOON + timedelta(minutes=12), 1)
    filled.worker.stocks(ANNOUNCED, running=3, at_risk=3)
    filled.worker.stocks(ANNOUNCED._replace(site="annexe"), running=1)
    filled.worker.stocks(FORMS, running=1)
    lines = [(one.clock, one.state, one.number, one.due_at) for one in filled.due()]
    assert lines == [
        ("first_response", "running", 1, milliseconds(NOON.replace(minute=10, second=0))),
        ("announced", "at_risk", 3, milliseconds(tonight)),
        ("announced", "running", 4, milliseconds(friday)),
    ]
    assert [one.working_time for one in filled.due()] == [
        WorkingTime(0, 7 * 60),
        WorkingTime(0, (4 * 60 + 27) * 60),
        WorkingTime(3, (3 * 8 * 60 + 4 * 60 + 27) * 60),
    ]
    assert filled.overdue() == []


def test_passed_deadlines_of_the_current_bucket_are_not_due(filled: FilledBoard) -> None:
    count_open(filled, FORMS, NOON, 3)
    count_open(filled, FORMS, NOON + DAY, 2)
    filled.worker.stocks(FORMS, NOON, running=1, at_risk=2, overdue=2)
    now, tomorrow = filled.due()
    assert (now.number, now.state, now.due_at) == (1, "at_risk", milliseconds(NOON.replace(minute=0, second=0)))
    assert now.working_time == WorkingTime(0, 120)
    assert (tomorrow.number, tomorrow.state) == (2, "at_risk")
    filled.worker.stocks(FORMS, NOON, running=2, at_risk=0, overdue=3)
    assert [one.number for one in filled.due()] == [2]


def test_deadlines_of_a_later_day_are_one_line_at_the_first(filled: FilledBoard) -> None:
    tomorrow = midnight(date(2026, 3, 11))
    at = [tomorrow, tomorrow + timedelta(hours=9), tomorrow + timedelta(hours=16), tomorrow + DAY, tomorrow + 2 * DAY]
    for number, due_at in enumerate(at, start=1):
        count_open(filled, FORMS, due_at, number)
    filled.worker.stocks(FORMS, running=13, at_risk=2)
    lines = [(one.number, one.state, one.due_at) for one in filled.due()]
    assert lines == [
        (1, "at_risk", milliseconds(tomorrow)),
        (2 + 3 + 4, "at_risk", milliseconds(tomorrow + timedelta(hours=9))),
        (5, "running", milliseconds(tomorrow + 2 * DAY)),
    ]


def test_calls_and_channels_with_unread_history_are_not_listed(filled: FilledBoard) -> None:
    count_open(filled, ANSWERED, NOON + timedelta(minutes=1))
    filled.worker.stocks(ANSWERED, running=1)
    count_open(filled, FORMS, NOON + DAY)
    filled.worker.stocks(FORMS, NOON - DAY, running=1, overdue=1)
    filled.worker.progress(NOON)
    assert [one.channel for one in (*filled.overdue(), *filled.due())] == ["form", "form"]
    filled.worker.progress(NOON, history={"form": milliseconds(NOON - 9 * DAY)})
    assert filled.overdue() == filled.due() == []
    assert len(filled.board().sla_targets.standing) == 2


def test_opening_state_follows_the_calendars_in_force(filled: FilledBoard) -> None:
    monday = datetime(2026, 3, 16, tzinfo=PARIS)
    assert filled.board().sla_targets.openings == [
        OpeningState("siege", True, milliseconds(NOON.replace(hour=12, minute=30, second=0))),
        OpeningState("nuit", False, milliseconds(monday.replace(hour=20))),
    ]
    assert filled.board(NOON.replace(hour=13)).sla_targets.openings[0].is_open is False


def test_queues_and_services_have_the_calendar_of_new_contacts() -> None:
    queues = (QueueOptions(ROADS, "Routes", "Roads"), QueueOptions(DESK, "Guichet", "Desk"))
    filled = FilledBoard(WebOptions(brokers="", queues=queues), POLICIES, NOON)
    filled.worker.count(MAIL, NOON, "received")
    filled.worker.count(MAIL._replace(channel="appointment", service="pmi"), NOON, "booked", amount=1)
    board = filled.board()
    assert [queue.calendar for queue in board.queues] == ["nuit", ""]
    assert {service.service: service.calendar for service in board.services} == {"social": "siege", "pmi": ""}


@pytest.mark.parametrize(
    ("begin", "end", "days", "hours"),
    [
        ("2026-03-10 16:00", "2026-03-10 17:00", 0, 1),
        ("2026-03-10 16:00", "2026-03-11 10:00", 0, 3),
        ("2026-03-10 16:00", "2026-03-12 00:00", 1, 9.5),
        ("2026-03-11 00:00", "2026-03-11 09:00", 0, 0.5),
        ("2026-03-11 00:00", "2026-03-12 09:00", 1, 8.5),
        ("2026-03-13 18:00", "2026-03-15 00:00", 0, 0),
        ("2026-04-03 00:00", "2026-04-07 10:00", 1, 9.5),
    ],
    ids=["today", "tomorrow morning", "tomorrow's end", "late since midnight", "late by a day", "a weekend", "Easter"],
)
def test_working_time_follows_the_calendar(begin: str, end: str, days: int, hours: float) -> None:
    span = [milliseconds(datetime.fromisoformat(at).replace(tzinfo=PARIS)) for at in (begin, end)]
    assert measure_working_time(SIEGE, *span) == WorkingTime(days, round(hours * 3600))


def test_working_time_beyond_the_calendar_is_none() -> None:
    end = milliseconds(datetime(2101, 6, 1, tzinfo=PARIS))
    assert measure_working_time(SIEGE, milliseconds(NOON), end) is None


def test_waiting_counts_cover_queue_channels_only(filled: FilledBoard) -> None:
    for place, stocks in (
        (Dimensions(SLA, "siege", "social", "telephone:answer:call"), {"at_risk": 2, "overdue": 1}),
        (Dimensions(SLA, "siege", "social", "urgences:answer:call"), {"at_risk": 1, "overdue": 3}),
        (Dimensions(SLA, "annexe", "social", "telephone:answer:call"), {"running": 5}),
        (Dimensions(SLA, "annexe", "social", "guichets:answer:visit"), {"overdue": 1}),
        (ANNOUNCED, {"overdue": 7}),
    ):
        filled.worker.count(place, NOON, started=9)
        filled.worker.stocks(place, NOON - DAY, **stocks)
    assert filled.board().sla_targets.waiting == [
        WaitingCounts("call", "siege", "social", at_risk=3, overdue=4),
        WaitingCounts("visit", "annexe", "social", at_risk=0, overdue=1),
    ]
