"""Simulated département in simulated time: with late, duplicate and unordered events, the agent's figures equal the ledger."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import time_machine

import connectors.asterisk as asterisk
from connectors.sdk.simulation.call_profile import CallProfile
from connectors.sdk.testing import ConnectorHarness
from connectors.simulator.case_tallies import RETENTION
from connectors.simulator.ledger import Ledger
from connectors.simulator.office_hours import PARIS, midnight
from connectors.simulator.organisation import DIRECT_LINES
from connectors.simulator.plan import Plan
from connectors.simulator.simulation_run import SimulationRun
from connectors.simulator.systems.calls import Calls
from models.events import Event
from models.reasons import Reason
from models.topics import Channel
from streams.agents import contacts
from streams.core.contacts.row_expiry import LIVE_CHANNELS
from streams.core.figures.figure import Dimensions, Figure, merge, new_day
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS
from streams.report.history import HistoryView
from tests.support.simulated_events import REASONS, Delivery, SimulatedPeriod, deliver, run
from tests.support.simulated_figures import DERIVED_FIGURES, figure_differences
from tests.support.simulated_workers import DAY_MS, TIMES, Workers, milliseconds, name_numbers
from tests.support.socket_sources import listen

pytestmark = pytest.mark.timeout(600)
SETTLES = timedelta(days=2)
"""Time after which all late and duplicate events have arrived."""
WHOLE, FEW = 300_000, 15_000
"""Contacts per year: of a whole département, and a few, so that months take seconds."""
WEEKS = 12
MONDAY = midnight(date(2026, 11, 16))
"""A fixed date, because whether a rare event occurs in the simulated months depends on it."""
SWEPT_WITHIN = timedelta(days=4)
"""Time within which expired rows are found, with the few ticks of months with few contacts."""


class SimulatedSpan:
    """A simulated span processed by workers, with restarts and some hours without the switchboard."""

    def __init__(
        self,
        span: SimulatedPeriod,
        workers: Workers,
        restarts: Sequence[timedelta],
        outages: Sequence[tuple[timedelta, timedelta]],
    ) -> None:
        self.span, self.workers = span, workers
        self.until = span.until + SETTLES
        away = [(span.since + begin, span.since + end) for begin, end in outages]
        deliveries = deliver(span.events, 1, away)
        assert deliveries[-1].taken_at < self.until
        self.redelivered = len(deliveries) - len(span.events)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(contacts, "SWEPT_PER_TICK", 6)  # simulated time passes faster than rows are added
            self.workers.process(deliveries, self.until, [span.since + after for after in restarts])
        assert self.workers.dead == {}
        self.ledger = span.ledger.numbers(self.until)


def hours(days: int, hour: float) -> timedelta:
    return timedelta(days=days, hours=hour)


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> SimulatedSpan:
    span = run(tmp_path_factory.mktemp("week"), Plan(4, WHOLE), MONDAY, MONDAY + timedelta(days=7))
    restarts = [hours(0, 11), hours(1, 9.3), hours(1, 14), hours(3, 10)]
    workers = Workers(MONDAY, 2, TIMES._replace(keep_buckets=14 * DAY_MS))
    return SimulatedSpan(span, workers, restarts, [(hours(1, 9), hours(1, 12)), (hours(4, 14), hours(4, 14.1))])


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> SimulatedSpan:
    since = MONDAY - timedelta(weeks=WEEKS)
    span = run(tmp_path_factory.mktemp("months"), Plan(4, FEW), since, MONDAY)
    restarts = [hours(7 * number + 1, 10 + number) for number in range(WEEKS)]
    return SimulatedSpan(span, Workers(since, 1), restarts, [(hours(15, 9), hours(15, 12))])


def test_figures_of_a_week_equal_the_ledger(week: SimulatedSpan) -> None:
    assert figure_differences(week.workers.numbers(), week.ledger) == []
    assert {place[0] for place in week.ledger} == {*Channel, *DERIVED_FIGURES}
    week.workers.check()


def test_each_event_is_one_timeline_entry_and_duplicates_none(week: SimulatedSpan) -> None:
    without_entries = {"agent.state_changed", "post.counted"}
    actual = Counter(event.id for event in week.span.events if event.type not in without_entries)
    assert week.workers.entries == actual
    assert {*actual.values()} == {1}
    assert week.workers.duplicates >= week.redelivered > 500


@pytest.mark.parametrize("span", ["week", "months"])
def test_buckets_add_up_to_the_total(request: pytest.FixtureRequest, span: str) -> None:
    workers = request.getfixturevalue(span).workers
    totals, sums = workers.figures(), workers.figures(buckets=True)
    for place, figure in totals.items():
        found = sums[place].counts if place in sums else [0] * len(FIGURE_SCHEMAS[place.channel].counts)
        assert found == figure.counts, place


def test_days_that_reports_read_add_up_to_the_total(months: SimulatedSpan) -> None:
    workers, today = months.workers, months.workers.now.astimezone(PARIS).date()
    view, rows = HistoryView(PARIS, today - timedelta(days=500), today), workers.rows_of_figures()
    view.begin(range(len(rows)))
    for partition, several in enumerate(rows):
        view.apply_all(partition, several)
    history = view.history()
    added_up: dict[Dimensions, Figure] = {}
    for (_, place), figure in history.days.items():
        merge(added_up.setdefault(place, new_day(FIGURE_SCHEMAS[place.channel])), figure)
    actual = {tuple(place): name_numbers(place, figure) for place, figure in added_up.items()}
    stocks = {name for layout in FIGURE_SCHEMAS.values() for name in layout.stocks}
    flows = {
        where: {name: number for name, number in numbers.items() if name not in stocks}
        for where, numbers in workers.numbers().items()  # they equal the ledger, as another test shows
    }
    assert figure_differences(actual, flows) == []
    assert history.unreadable == 0


def test_figures_of_months_equal_the_ledger(months: SimulatedSpan) -> None:
    assert figure_differences(months.workers.numbers(), months.ledger) == []


def contact_timelines(events: Sequence[Event]) -> list[list[Event]]:
    found: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        found[event.subject].append(event)
    return [*found.values()]


def kinds(timeline: Sequence[Event]) -> list[str]:
    return [event.type.partition(".")[2] for event in timeline]


def came_after(timeline: Sequence[Event], kind: str, pause: timedelta) -> bool:
    """Return whether an event of this type followed the previous one after at least `pause`."""
    return any(event.type == kind and event.time - before.time >= pause for before, event in pairwise(timeline))


def test_all_rare_cases_occur(week: SimulatedSpan, months: SimulatedSpan) -> None:
    events = [*week.span.events, *months.span.events]
    all_timelines = contact_timelines(months.span.events)
    visits = [kinds(timeline) for timeline in contact_timelines(events) if timeline[0].type == "visit.arrived"]
    assert ["arrived", "called", "left"] in visits
    assert ["arrived"] in visits
    assert ["arrived", "called"] in visits
    letters = [timeline for timeline in all_timelines if timeline[0].type == "letter.arrived"]
    assert any(kinds(letter)[-2:] == ["closed", "answered"] for letter in letters)
    for pause, later in ((timedelta(), RETENTION), (RETENTION, timedelta.max)):
        assert any(
            came_after(timeline, "letter.assigned", max(pause, timedelta(days=19)))
            and not came_after(timeline, "letter.assigned", later)
            for timeline in letters
        )
    assert any(came_after(timeline, "feedback.given", RETENTION) for timeline in all_timelines)
    booked = [kinds(timeline) for timeline in all_timelines if timeline[0].type == "appointment.booked"]
    assert ["booked", "moved", "moved", "cancelled"] in booked
    assert any(event.type == "call.abandoned" and event.data.wait_seconds > 3600 for event in events)
    assert {"call.voicemail_heard", "call.callback_requested", "call.called_back"} <= {event.type for event in events}
    assert {*DIRECT_LINES} <= {event.data.line for event in events if event.type == "call.arrived"}
    assert {"closed", "diverted"} <= {event.data.reason for event in events if event.type == "call.left_queue"}


def test_old_contacts_are_deleted_and_logs_are_not_counted_again(months: SimulatedSpan) -> None:
    long_ago = milliseconds(months.span.until - RETENTION - SWEPT_WITHIN)
    assert not any(row.is_closed and row.last_at < long_ago for row in months.workers.contacts.values())
    first_week = [
        event
        for event in months.span.events
        if event.time < months.span.since + timedelta(days=7)
        and event.channel in LIVE_CHANNELS
        and event.type != "agent.state_changed"
    ]
    before = months.workers.numbers()
    repeated_at = months.workers.now + timedelta(seconds=5)
    months.workers.process([Delivery(repeated_at, event) for event in first_week], repeated_at + timedelta(minutes=2))
    assert months.workers.dead == {Reason.DUPLICATE: len(first_week)}
    assert {event.channel for event in first_week} == LIVE_CHANNELS
    assert figure_differences(months.workers.numbers(), before) == []


OTHER_OPTIONS = {"path": ("ami",), "ami": ("path",)}
"""Interface → options of the other interface."""


@pytest.mark.parametrize("interface", ["path", "ami", "both"])
@time_machine.travel(MONDAY, tick=False)  # the switchboard does not send events of more than a minute ago
def test_calls_refused_by_a_full_queue_count_with_either_interface(tmp_path: Path, interface: str) -> None:
    calls = Calls(SimulationRun(tmp_path / "systems"))
    calls.open()
    calls.begin(MONDAY, seed=1, profile=CallProfile(1, always=True), draw_caller=str, on_ended=lambda _: None)
    options = {
        name: option
        for name, option in calls.options().items()
        if interface == "both" or name not in OTHER_OPTIONS[interface]
    }
    switchboard = ConnectorHarness(asterisk.CONNECTOR, options, tmp_path / "data", tmp_path / "keys", REASONS)

    def act() -> None:
        for number in range(10):
            calls.switchboard.call(MONDAY.timestamp() + number / 10, "archives", f"063998{number:04}")
        calls.end(MONDAY + timedelta(seconds=30))

    if interface == "path":
        act()
        events = switchboard.read_all(confirm=True)
    else:
        events = listen(switchboard, calls.manager, act)
    calls.close()
    workers = Workers(MONDAY, partitions=2)
    workers.process(deliver(events, 1), MONDAY + timedelta(days=3))
    ledger = Ledger()
    ledger.calls = calls.switchboard.ledger
    assert figure_differences(workers.numbers(), ledger.numbers()) == []
    assert ledger.numbers()["call", "siege", "archives", "archives"]["left_full"] >= 5
    assert not switchboard.rejected()
