"""Tests of the contacts at risk on the wall."""

import msgspec
import pytest

from models.timestamps import milliseconds
from streams.web.board import at_risk
from streams.web.board.at_risk import MAX_LISTED, SUFFIX_LENGTH, AtRiskTargets, AtRiskView
from streams.web.board.sla_targets import WorkingTime
from streams.web.options import ServiceOptions, WebOptions
from streams.web.topic_view import ReaderState
from tests.unit.web.clock_events import HOUR, clock_event
from tests.unit.web.filled_board import FilledBoard
from tests.unit.web.sla_policies import ANNOUNCED, ANSWERED, NOON, POLICIES

NOW = milliseconds(NOON)


def view_of(*events: tuple[bytes, bytes]) -> AtRiskView:
    view = AtRiskView()
    view.begin([0])
    view.apply_all(0, events)
    view.set_state(ReaderState.FOLLOWING)
    return view


def due(view: AtRiskView) -> list[str]:
    risks = view.next(NOW)
    assert risks is not None
    return [risk.contact_suffix for risk in risks.next]


def test_list_begins_with_the_next_deadline_and_is_limited() -> None:
    view = view_of(*(clock_event("at_risk", f"2026-{1000 + hours}", NOON + hours * HOUR) for hours in range(40, 0, -1)))
    assert due(view) == [str(1000 + hours) for hours in range(1, MAX_LISTED + 1)]


@pytest.mark.parametrize("kind", ["met", "breached", "cancelled", "paused", "resumed", "moved"])
def test_later_event_of_the_clock_ends_the_risk(kind: str) -> None:
    view = view_of(
        clock_event("at_risk", "2026-0001"), clock_event("at_risk", "2026-0002"), clock_event(kind, "2026-0001")
    )
    assert due(view) == ["0002"]
    view.apply_all(0, [clock_event("at_risk", "2026-0001", NOON + HOUR / 2)])
    assert due(view) == ["0001", "0002"]


@pytest.mark.parametrize("kind", ["resumed", "moved"])
def test_resumed_or_moved_clock_may_already_be_at_risk(kind: str) -> None:
    stopped = [clock_event("at_risk", "2026-0001"), clock_event("paused", "2026-0001", None)]
    resumed = clock_event(kind, "2026-0001", NOON + 2 * HOUR, at_risk_at=NOON.isoformat())
    later = clock_event(kind, "2026-0001", NOON + 9 * HOUR, at_risk_at=(NOON + HOUR).isoformat())
    assert due(view_of(*stopped)) == []
    assert due(view_of(*stopped, resumed)) == ["0001"]
    assert due(view_of(*stopped, resumed, later)) == due(view_of(later)) == []


@pytest.mark.parametrize(("number", "suffix"), [("812", "2"), ("7", ""), ("4711", "11"), ("2026-000812", "0812")])
def test_only_the_suffix_of_a_number_is_shown(number: str, suffix: str) -> None:
    assert due(view_of(clock_event("at_risk", number))) == [suffix]


def test_clocks_of_one_contact_are_listed_separately() -> None:
    view = view_of(
        clock_event("at_risk", "2026-0001"),
        clock_event("at_risk", "2026-0001", NOON + 2 * HOUR, clock="resolution"),
        clock_event("met", "2026-0001"),
    )
    risks = view.next(NOW)
    assert risks is not None
    assert [risk.clock for risk in risks.next] == ["resolution"]


def test_passed_deadlines_and_calls_are_not_listed() -> None:
    view = view_of(clock_event("at_risk", "2026-0001", NOON - HOUR), clock_event("at_risk", "1765.1", channel="call"))
    assert due(view) == []


def test_nothing_is_listed_before_the_topic_is_read_and_unreadable_records_are_skipped() -> None:
    view = AtRiskView()
    assert view.next(NOW) is None
    view.set_state(ReaderState.LOADING)
    view.apply_all(
        0, [(b"mail:x:1", b'"sla.at_risk"'), (None, b"{}"), (b"mail:x:1", None), clock_event("at_risk", "2026-0003")]
    )
    assert view.next(NOW) is None
    view.set_state(ReaderState.FOLLOWING)
    assert due(view) == ["0003"]
    view.begin([0])
    view.set_state(ReaderState.FOLLOWING)
    assert due(view) == []


def test_missing_topic_means_no_risk() -> None:
    view = AtRiskView()
    view.set_state(ReaderState.NO_TOPIC)
    assert view.next(NOW) == AtRiskTargets([], 0)


def test_number_of_unknown_contacts_at_risk_is_shown() -> None:
    filled = FilledBoard(policies=POLICIES, now=NOON)
    for dimensions, number in ((ANNOUNCED, 5), (ANSWERED, 7)):
        filled.worker.count(dimensions, NOON, started=number)
        filled.worker.stocks(dimensions, at_risk=number)
    events = [clock_event("at_risk", f"2026-{number}", NOON + number * HOUR) for number in range(3)]
    known = view_of(*events).next(NOW)

    def unknown(risks: AtRiskTargets | None) -> int:
        return filled.board(risks=risks).sla_targets.at_risk_unknown

    assert unknown(known) == 2, "calls are shown in their queues"
    assert unknown(None) == 0, "while they are read"
    filled.worker.stocks(ANNOUNCED, at_risk=1)
    assert unknown(known) == 0, "figures may be older than events"


def test_memory_is_limited_to_the_next_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(at_risk, "MAX_RETAINED", 10)
    view = view_of(*(clock_event("at_risk", f"2026-{1000 + hours}", NOON + hours * HOUR) for hours in range(11)))
    assert due(view) == [str(1000 + hours) for hours in range(1, 5)]


def test_board_shows_the_suffix_of_a_number_and_the_working_time() -> None:
    options = WebOptions(brokers="", services=(ServiceOptions("social", "Action sociale", "Social support"),))
    risks = view_of(clock_event("at_risk", "DOSSIER-123456789", NOON + 2 * HOUR)).next(NOW)
    board = FilledBoard(options, POLICIES, NOON).board(risks=risks)
    assert board.sla_targets.next_at_risk is not None
    (line,) = board.sla_targets.next_at_risk
    assert (line.contact, line.label_en, line.policy, line.due_at) == (
        "6789",
        "Social support",
        "courrier",
        NOW + 7_200_000,
    )
    assert line.working_time == WorkingTime(0, 3600), "half an hour until lunch, and half after it"
    assert len(line.contact) == SUFFIX_LENGTH
    assert b"DOSSIER" not in msgspec.json.encode(board)
