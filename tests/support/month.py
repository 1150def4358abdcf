"""A month of the simulated département through the real connectors and the contacts agent to what people are shown of it.

What `/metrics`, the board and reports say is held against the chronicle: each number, and that there are no others. How is in
`month_metrics`, `month_board`, `month_reports` and, for all of them, `month_promises`.
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
"""Clocks are put forward on 29 March, 6 April is a holiday, and a month ends; the last day is played until something waits after
`LOOKED_AT`."""
LOOKED_AT, AT_LATEST = timedelta(hours=10), timedelta(hours=12)
SETTLES = timedelta(days=2)
WEEK = timedelta(days=7)
OPTIONS: Final = WebOptions(brokers="", fewest_answers=1)
PARTITIONS: Final = 2
HEARTBEAT_SECONDS: Final = 5
"""So old figures are at most where nothing happens."""
BEFORE, AFTER = timedelta(days=20), timedelta(days=100)
"""So long before the first day letters came that are registered then, and so long after the last one promises fall due."""
TICK: Final = timedelta(seconds=2)
"""Rarer, a worker would wait each time before it believes that a deadline passed."""


@dataclass
class Month:
    """Days that were played in the real systems, and read by the real connectors until figures and ledger agreed."""

    since: datetime
    until: datetime
    keys: Path
    events: Sequence[Event]
    ledger: dict[DimensionKey, FigureCounts]
    figures: dict[DimensionKey, FigureCounts]
    week_ledger: dict[DimensionKey, FigureCounts]
    """As of `SETTLES` after the first week; so is the next."""
    week_story: HistorySnapshot
    story: HistorySnapshot
    workers: Workers
    policies: WatchedPolicies

    tell: Callable[[datetime], HistorySnapshot]
    """Returns what happened by then."""

    @property
    def sla_file(self) -> PlainSlaFile:
        """What is promised."""
        return _read_sla_file(self.since.date())

    @cached_property
    def promised(self) -> ExpectedSla:
        """What was promised to whom, and how that stands at the end."""
        return ExpectedSla(self.sla_file, self.story, self.until)

    def as_of(self, until: datetime) -> "Month":
        """Return the same as it was then, but for ledgers, of which there is none."""
        events = [event for event in self.events if event.time <= until]
        workers = _fold(events, until, self.policies)
        return replace(self, until=until, events=events, story=self.tell(until), workers=workers, ledger={}, figures={})


@cache
def _read_sla_file(first: date) -> PlainSlaFile:
    return PlainSlaFile(SLA_FILE.read_text(), first - BEFORE, (LAST - FIRST + BEFORE + AFTER).days)


def _fold(events: Iterable[Event], until: datetime, policies: WatchedPolicies) -> Workers:
    """Return workers that were told all at once shortly before."""
    workers = Workers(until - READING - TICK, PARTITIONS, policies=policies, tick=TICK)
    workers.process([], until - READING)
    # Each row is counted once, what opinions are about before they are told: so nothing is taken back.
    in_turn = sorted(events, key=lambda event: (event.channel is Channel.FEEDBACK, event.channel))
    workers.process([Delivery(workers.now, event) for event in in_turn], until)
    return workers


class NoReader:
    """The view is written here."""

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
    """Play from the beginning of a day until the late morning of another, and read it."""
    own_keys = directory / "data" / "keys"
    if keys:  # ids of agents are made of pseudonyms
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
        assert run_span(departement, since, until, threading.Event(), on_day=note_week)
        while until < midnight(last) + AT_LATEST and not any(
            tally.waiting for tally in chronicle.calls.queues.values()
        ):
            until += timedelta(seconds=20)
            departement.run_until(until)
        folded, ledger = FoldedFigures(until), chronicle.numbers(until)

        def disagree() -> list[object]:
            departement.drain()
            return [*figure_differences(folded.numbers(collected.events), ledger)]

        wait_until(lambda: not disagree(), "the figures to be the ledger's", patience_seconds, otherwise=disagree)
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
    """Return the web application as of the time that `workers` have come to."""
    now, rows = workers.now, workers.rows_of_figures()
    view, risks = FiguresView(PARIS, now, policies), AtRiskView()
    view.begin(range(len(rows)))
    for partition, several in enumerate(rows):
        view.apply_all(partition, several, milliseconds(now))
    risks.apply_all(0, workers.clocks)
    for reader_view in (view, risks):
        reader_view.set_state(ReaderState.FOLLOWING)
    app = create_app(view, NoReader(), OPTIONS, lambda: now, collectors=[policies], risks=risks)
    return TestClient(app, base_url="http://127.0.0.1")
