"""Simulated month of a département, processed by the real connectors and the contacts agent.

Tests compare each number of `/metrics`, the board and reports with the expected history. The comparisons are in `month_metrics`,
`month_board`, `month_reports` and `month_sla`.
"""

import shutil
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Final

from starlette.testclient import TestClient

from connectors.simulator.case_tallies import DimensionKey, FigureCounts
from connectors.simulator.departement import Departement
from connectors.simulator.office_hours import midnight
from connectors.simulator.plan import Plan
from connectors.simulator.run_modes import run_span
from connectors.simulator.simulation_run import SimulationRun
from models.events import Event
from models.topics import Channel
from streams.settings.sla_file import WatchedPolicies
from streams.web.app import create_app
from streams.web.board.at_risk import AtRiskView
from streams.web.options import WebOptions
from streams.web.view import FiguresView, ReaderState
from tests.support.expected_history import ActionHistory, HistorySnapshot
from tests.support.expected_metrics import PARIS
from tests.support.month_sla import SLA_FILE, ExpectedSla
from tests.support.plain_sla import PlainSlaFile
from tests.support.processes import wait_until
from tests.support.simulated_events import Delivery
from tests.support.simulated_figures import READING, FoldedFigures, figure_differences, run_connectors
from tests.support.simulated_workers import Workers, milliseconds

FIRST, LAST = date(2026, 3, 12), date(2026, 4, 10)
"""Simulated days. Summer time begins on 29 March, 6 April is a holiday, and a month ends. The last day runs until a contact
waits after `LOOKED_AT`."""
LOOKED_AT, AT_LATEST = timedelta(hours=10), timedelta(hours=12)
SETTLES = timedelta(days=2)
WEEK = timedelta(days=7)
OPTIONS: Final = WebOptions(brokers="", fewest_answers=1)
PARTITIONS: Final = 2
HEARTBEAT_SECONDS: Final = 5
"""Greatest age of figures while nothing happens."""
BEFORE, AFTER = timedelta(days=20), timedelta(days=100)
"""Period before the first day with letters registered later, and after the last day with SLA deadlines."""
TICK: Final = timedelta(seconds=2)
"""Longest interval between events; beyond it, a worker would wait before each passed deadline."""


@dataclass
class Month:
    """Simulated days, read by the real connectors until figures and ledger agreed."""

    since: datetime
    until: datetime
    keys: Path
    events: Sequence[Event]
    ledger: dict[DimensionKey, FigureCounts]
    figures: dict[DimensionKey, FigureCounts]
    week_ledger: dict[DimensionKey, FigureCounts]
    """Ledger at `SETTLES` after the end of the first week, like the next field."""
    week_story: HistorySnapshot
    story: HistorySnapshot
    workers: Workers
    policies: WatchedPolicies

    tell: Callable[[datetime], HistorySnapshot]
    """Return the history up to a moment."""

    @property
    def sla_file(self) -> PlainSlaFile:
        """SLA file of the month."""
        return _read_sla_file(self.since.date())

    @cached_property
    def promised(self) -> ExpectedSla:
        """Expected SLA targets with their states at the end."""
        return ExpectedSla(self.sla_file, self.story, self.until)

    def as_of(self, until: datetime) -> "Month":
        """Return the month as of `until`, without ledger and figures."""
        events = [event for event in self.events if event.time <= until]
        workers = _fold(events, until, self.policies)
        return replace(self, until=until, events=events, story=self.tell(until), workers=workers, ledger={}, figures={})


@cache
def _read_sla_file(first: date) -> PlainSlaFile:
    return PlainSlaFile(SLA_FILE.read_text(), first - BEFORE, (LAST - FIRST + BEFORE + AFTER).days)


def _fold(events: Iterable[Event], until: datetime, policies: WatchedPolicies) -> Workers:
    """Return workers that processed all events shortly before `until`."""
    workers = Workers(until - READING - TICK, PARTITIONS, policies=policies, tick=TICK)
    workers.process([], until - READING)
    # Contacts come before the opinions about them, so that no count is reversed.
    in_turn = sorted(events, key=lambda event: (event.channel is Channel.FEEDBACK, event.channel))
    workers.process([Delivery(workers.now, event) for event in in_turn], until)
    return workers


class NoReader:
    """Reader that reads nothing, because the test fills the view."""

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass


def run_month(
    directory: Path,
    per_year: float,
    *,
    seed: int = 1,
    first: date = FIRST,
    last: date = LAST,
    keys: Path | None = None,
    patience_seconds: float = 120,
) -> Month:
    """Simulate from the start of the first day until the late morning of the last day, and read it with the connectors."""
    own_keys = directory / "data" / "keys"
    if keys:  # the ids of agents depend on the keys
        shutil.copytree(keys, own_keys)
    since, until = midnight(first), midnight(last) + LOOKED_AT
    simulation_run, chronicle = SimulationRun(directory / "stage"), ActionHistory()
    departement = Departement(simulation_run, Plan(seed, per_year))
    departement.ledger = chronicle
    simulation_run.write_settings(departement.connectors())
    week_ledger: dict[DimensionKey, FigureCounts] = {}
    week_story = HistorySnapshot([], [], [], [])
    tell = partial(chronicle.tell, simulation_run.root / "queue_log")

    def note_week(at: datetime) -> None:
        nonlocal week_story
        if at == since + WEEK:
            week_ledger.update(chronicle.numbers(at + SETTLES))
            week_story = tell(at + SETTLES)

    with run_connectors(simulation_run, directory / "data") as collected, departement.opened(since):
        assert run_span(departement, since, until, threading.Event(), tell=note_week)
        while until < midnight(last) + AT_LATEST and not any(
            tally.waiting for tally in chronicle.calls.queues.values()
        ):
            until += timedelta(seconds=20)
            departement.run_until(until)
        folded, ledger = FoldedFigures(until), chronicle.numbers(until)

        def disagree() -> list[object]:
            departement.drain()
            return [*figure_differences(folded.numbers(collected.events), ledger)]

        wait_until(lambda: not disagree(), "figures equal to the ledger", patience_seconds, otherwise=disagree)
    events = list(collected.events)
    policies = WatchedPolicies(SLA_FILE)
    workers = _fold(events, until, policies)
    return Month(
        since=since,
        until=until,
        keys=own_keys,
        events=events,
        ledger=ledger,
        figures=workers.numbers(),
        week_ledger=week_ledger,
        week_story=week_story,
        story=tell(until),
        workers=workers,
        policies=policies,
        tell=tell,
    )


def serve(workers: Workers, policies: WatchedPolicies) -> TestClient:
    """Return a client of the web application with the state of `workers`."""
    now, rows = workers.now, workers.rows_of_figures()
    view, risks = FiguresView(PARIS, now, policies), AtRiskView()
    view.begin(range(len(rows)))
    for partition, several in enumerate(rows):
        view.apply_all(partition, several, milliseconds(now))
    risks.apply_all(0, workers.clocks)
    for shown in (view, risks):
        shown.tell(ReaderState.FOLLOWING)
    app = create_app(view, NoReader(), OPTIONS, lambda: now, collectors=[policies], risks=risks)
    return TestClient(app, base_url="http://127.0.0.1")
