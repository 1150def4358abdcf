"""Simulated département with the real connectors: figures, board, metrics and reports match the actions."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from connectors.simulator.office_hours import PARIS, midnight
from models.calendars import Unit
from models.events import Event
from models.policies import WRITTEN_CHANNELS, ClockKind
from models.topics import Channel
from streams.cli.metrics import describe_processes
from streams.core.sla.report_delay import SlaDelays
from streams.report.period import PeriodKind
from tests.support.month import FIRST, SETTLES, WEEK, Month, run_month, serve
from tests.support.month_board import compare_board
from tests.support.month_metrics import NOT_COMPARED, Comparison, compare_counters, samples_of
from tests.support.month_reports import compare_report, periods_of, read_history
from tests.support.month_sla import ExpectedSla
from tests.support.month_sla_board import SlaBoard
from tests.support.simulated_events import deliver
from tests.support.simulated_figures import DERIVED_FIGURES, figure_differences
from tests.support.simulated_workers import TIMES, Workers, milliseconds

pytestmark = pytest.mark.timeout(600)
STEPS = {f"letter.{step}" for step in ("assigned", "acknowledged", "answered", "closed", "sent")}
CONNECTORS = {
    *("asterisk", "mailroom", "maarch", "webhook", "demarches", "rdv", "survey", "jdma", "sql", "http", "table"),
}
PER_YEAR = 12_000


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    return run_month(tmp_path_factory.mktemp("month"), PER_YEAR)


def test_figures_equal_the_ledger(month: Month) -> None:
    assert figure_differences(month.figures, month.ledger) == []
    assert {place[0] for place in month.figures} == {*Channel, *DERIVED_FIGURES}
    assert {event.source.partition("/")[0] for event in month.events} == CONNECTORS
    assert any(event.type == "letter.sent" and ":D20" in event.subject for event in month.events), (
        "no letter was only sent"
    )


def test_action_history_adds_up_to_the_ledger(month: Month) -> None:
    assert figure_differences(month.history.numbers(), month.ledger) == []


def test_each_metric_sample_matches_the_actions(month: Month) -> None:
    comparison = Comparison(month, serve(month.workers, month.policies).get("/metrics").text)
    assert comparison.differences == []
    catalogue = {metric.name for metric in describe_processes()["web"]}
    assert comparison.compared | NOT_COMPARED.keys() == catalogue
    assert not comparison.compared & NOT_COMPARED.keys()
    assert {name for name in comparison.actual if name.startswith(("contact_", "pipeline_", "post_"))} <= catalogue


@pytest.mark.parametrize("at", ["2026-03-29 03:10:00", "2026-04-01 00:00:40"])
def test_metrics_match_the_actions_at_clock_changes_and_deadlines(month: Month, at: str) -> None:
    then = month.as_of(datetime.fromisoformat(at).replace(tzinfo=PARIS).astimezone(UTC))
    app = serve(then.workers, then.policies)
    assert Comparison(then, app.get("/metrics").text).differences == []
    assert SlaBoard(then.expected_sla).compare(app.get("/api/board").json()["board"]["promises"]) == []


def test_board_matches_the_actions(month: Month) -> None:
    message = serve(month.workers, month.policies).get("/api/board").json()
    assert compare_board(month, message) == []
    assert message["board"]["all"]["waiting"] > 0, "no contact waits"
    assert message["board"]["all"]["today"]["answered"] > 0


def test_reports_match_the_actions(month: Month) -> None:
    history, cells = read_history(month), Counter[PeriodKind]()
    for period in periods_of(month):
        number, found = compare_report(month, history, period)
        assert found == []
        cells[period.kind] += number
    assert all(cells[kind] > 100 for kind in PeriodKind), cells
    assert history.unreadable == 0


def test_sla_cases_cover_all_kinds_units_and_results(month: Month) -> None:
    sla_targets, file = month.expected_sla.sla_targets, month.sla_file
    assert {target.kind for target in sla_targets} == {*ClockKind}
    assert {target.unit for target in sla_targets} == {*Unit}
    assert {target.place[0] for target in sla_targets} == {Channel.CALL, Channel.VISIT, *WRITTEN_CHANNELS}
    ended = {"met", "late", "cancelled", "cancelled_late"}
    assert {target.state for target in sla_targets} == ended | {"running", "at_risk", "overdue", "paused"}
    assert {target.policy for target in sla_targets} == {*file.names}
    for day in (date(2026, 3, 29), date(2026, 4, 6)):
        begin, end = (milliseconds(midnight(day + timedelta(days=days))) for days in (0, 1))
        spanning = [
            target
            for target in sla_targets
            if target.started_at < begin and end <= (target.deadline_at or 0) <= target.known_until
        ]
        assert {target.kind for target in spanning} >= {"acknowledge", "first_response", "announced"}, day
    experiences = {month.expected_sla.experience(given.contact) for given in month.history.given}
    assert experiences == {"sla_met", "sla_missed", "no_sla_target"}


def test_figures_equal_the_ledger_with_events_in_real_time(month: Month) -> None:
    until = month.since + WEEK
    # Without a wait before each deadline, more of them are corrected later.
    workers = Workers(month.since, 2, TIMES._replace(sla_delays=SlaDelays(grace=0)), month.policies)
    events = sorted({event.id: event for event in month.events}.values(), key=lambda event: event.time)
    events = [event for event in events if event.time < until]
    workers.process(deliver(events, 1), until + SETTLES, [month.since + timedelta(days=1, hours=11)])
    assert figure_differences(workers.numbers(), month.week_ledger) == []
    assert workers.dead == {}
    app = serve(workers, month.policies)
    text = app.get("/metrics").text
    expected_sla = ExpectedSla(month.sla_file, month.week_history, workers.now)
    for taken_back, found in (
        compare_counters(text, month.week_ledger),
        expected_sla.compare_incremental_metrics(samples_of(text)),
    ):
        assert found == []
        assert taken_back > 0, "no event was late"
    assert SlaBoard(expected_sla).compare(app.get("/api/board").json()["board"]["promises"]) == []


def test_same_seed_gives_the_same_ids(month: Month, tmp_path: Path) -> None:
    days = date(FIRST.year, FIRST.month, FIRST.day + 1)
    begin = run_month(tmp_path, PER_YEAR, last=days, keys=month.keys)
    until = midnight(days)
    assert ids(begin.events, until) == ids(month.events, until)


def ids(events: Sequence[Event], until: datetime) -> Counter[tuple[str, ...]]:
    """Return identifiers of the events until then, independent of the order of reading; steps of letters by their content."""
    return Counter(
        # Ids of letter steps derive from the letter's number, which depends on when the connector found it in the folder.
        (event.type, *((str(event.time), event.service) if event.type in STEPS else (event.id,)))
        for event in {event.id: event for event in events}.values()
        # The receipt of a letter is reported at its registration, and the state of agents at the time of the request.
        if event.time < until and event.type not in {"letter.arrived", "agent.state_changed"}
    )
