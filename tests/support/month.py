"""A simulated month, from the real connectors through the contacts agent to metrics, board and reports.

These are compared with the actions: every number, and no additional ones. See `month_metrics`, `month_board`,
`month_reports` and, for SLA targets, `month_sla`, `month_sla_board` and `month_sla_reports`.
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
from streams.web.app import Site
from streams.web.board.at_risk import AtRiskView
from streams.web.options import WebOptions
from streams.web.topic_view import ReaderState
from streams.web.view import FiguresView
from tests.support.expected_history import ActionHistory, HistorySnapshot
from tests.support.expected_metrics import PARIS
from tests.support.month_sla import SLA_FILE, ExpectedSla
from tests.support.plain_sla import PlainSlaFile
from tests.support.simulated_events import Delivery
from tests.support.simulated_figures import READING, FoldedFigures, run_connectors, wait_for_figures
from tests.support.simulated_workers import Workers, milliseconds

FIRST, LAST = date(2026, 3, 12), date(2026, 4, 10)
"""The span contains a clock change on 29 March, a holiday on 6 April and the end of a month.

The last day is simulated until a contact waits after `LOOKED_AT`."""
LOOKED_AT, AT_LATEST = timedelta(hours=10), timedelta(hours=12)
SETTLES = timedelta(days=2)
WEEK = timedelta(days=7)
OPTIONS: Final = WebOptions(brokers="", fewest_answers=1)
PARTITIONS: Final = 2
HEARTBEAT_SECONDS: Final = 5
"""Maximum age of figures without new events, in seconds."""
BEFORE, AFTER = timedelta(days=20), timedelta(days=100)
"""Margins of the SLA calendars: letters may arrive `BEFORE` the first day, and deadlines follow up to `AFTER` the last one."""
TICK: Final = timedelta(seconds=2)
"""With longer intervals, a worker would wait before it accepts each deadline."""


@dataclass
class Month:
    """Days simulated in the real systems and read by the real connectors, until figures and ledger agreed."""

    since: datetime
    until: datetime
    keys: Path
    events: Sequence[Event]
    ledger: dict[DimensionKey, FigureCounts]
    figures: dict[DimensionKey, FigureCounts]
    week_ledger: dict[DimensionKey, FigureCounts]
    """As of `SETTLES` after the first week, like `week_history`."""
    week_history: HistorySnapshot
    history: HistorySnapshot
    workers: Workers
    policies: WatchedPolicies

    history_at: Callable[[datetime], HistorySnapshot]
    """Returns the history up to a time."""

    @property
    def sla_file(self) -> PlainSlaFile:
        return _read_sla_file(self.since.date())

    @cached_property
    def expected_sla(self) -> ExpectedSla:
        """The SLA targets and their state at the end."""
        return ExpectedSla(self.sla_file, self.history, self.until)

    def as_of(self, until: datetime) -> "Month":
        """Return the same month as of an earlier time, without ledgers."""
        events = [event for event in self.events if event.time <= until]
        workers = _fold(events, until, self.policies)
        return replace(
            self, until=until, events=events, history=self.history_at(until), workers=workers, ledger={}, figures={}
        )


@cache
def _read_sla_file(first: date) -> PlainSlaFile:
    return PlainSlaFile(SLA_FILE.read_text(), first - BEFORE, (LAST - FIRST + BEFORE + AFTER).days)


def _fold(events: Iterable[Event], until: datetime, policies: WatchedPolicies) -> Workers:
    """Return workers that have just processed all events."""
    workers = Workers(until - READING - TICK, PARTITIONS, policies=policies, tick=TICK)
    workers.process([], until - READING)
    # Opinions come after the contacts they are about, so nothing is corrected later.
    ordered = sorted(events, key=lambda event: (event.channel is Channel.FEEDBACK, event.channel))
    workers.process([Delivery(workers.now, event) for event in ordered], until)
    return workers


def run_month(directory: Path, per_year: float, *, last: date = LAST, keys: Path | None = None) -> Month:
    """Simulate from the start of `FIRST` to the late morning of `last`, and read the events."""
    own_keys = directory / "data" / "keys"
    if keys:  # agent ids derive from pseudonyms
        shutil.copytree(keys, own_keys)
    since, until = midnight(FIRST), midnight(last) + LOOKED_AT
    simulation_run, action_history = SimulationRun(directory / "systems"), ActionHistory()
    departement = Departement(simulation_run, Plan(1, per_year))
    departement.ledger = action_history
    simulation_run.write_settings(departement.connectors())
    week_ledger: dict[DimensionKey, FigureCounts] = {}
    week_history = HistorySnapshot([], [], [], [])
    history_at = partial(action_history.snapshot, simulation_run.root / "queue_log")

    def note_week(at: datetime) -> None:
        nonlocal week_history
        if at == since + WEEK:
            week_ledger.update(action_history.numbers(at + SETTLES))
            week_history = history_at(at + SETTLES)

    with run_connectors(simulation_run, directory / "data") as collected, departement.opened(since):
        assert run_span(departement, since, until, threading.Event(), on_day=note_week)
        while until < midnight(last) + AT_LATEST and not any(
            tally.waiting for tally in action_history.calls.queues.values()
        ):
            until += timedelta(seconds=20)
            departement.run_until(until)
        folded, ledger = FoldedFigures(until), action_history.numbers(until)

        def find_figures() -> dict[DimensionKey, FigureCounts]:
            departement.drain()
            return folded.numbers(collected.events)

        wait_for_figures(find_figures, ledger)
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
        week_history=week_history,
        history=history_at(until),
        workers=workers,
        policies=policies,
        history_at=history_at,
    )


def serve(workers: Workers, policies: WatchedPolicies) -> TestClient:
    """Return the web application at the workers' current time."""
    now, rows = workers.now, workers.rows_of_figures()
    view, risks = FiguresView(PARIS, now, policies), AtRiskView()
    view.begin(range(len(rows)))
    for partition, partition_rows in enumerate(rows):
        view.apply_all(partition, partition_rows, milliseconds(now))
    risks.apply_all(0, workers.clocks)
    for reader_view in (view, risks):
        reader_view.set_state(ReaderState.FOLLOWING)
    app = Site(view, OPTIONS, now=lambda: now, collectors=[policies], risks=risks).app
    return TestClient(app, base_url="http://127.0.0.1")
