"""Simulated département read by the real connectors in this process, and the figures that workers compute from it."""

import os
import threading
import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Final
from unittest.mock import patch

from prometheus_client import CollectorRegistry

from connectors.sdk.runner import ConnectorRunner, configure
from connectors.simulator.actions import Action, ActionKind
from connectors.simulator.case_tallies import DimensionKey, FigureCounts
from connectors.simulator.departement import Departement
from connectors.simulator.ledger import Ledger
from connectors.simulator.office_hours import PARIS, midnight
from connectors.simulator.plan import Plan
from connectors.simulator.simulation_run import SimulationRun
from connectors.simulator.systems.illisa import IllisaSystem
from models.events import Event
from models.topics import Channel
from streams.core.figures.figure_schemas import (
    CALLBACK_CHANNEL,
    LINE_CHANNEL,
    MENU_CHANNEL,
    POST_CHANNEL,
    REASON_CHANNEL,
    TRANSFER_CHANNEL,
)
from tests.support.processes import wait_until
from tests.support.simulated_events import REASONS, Delivery
from tests.support.simulated_workers import Workers
from tests.support.threads import in_background

CALL_FIGURES: Final = frozenset({TRANSFER_CHANNEL, LINE_CHANNEL, MENU_CHANNEL, CALLBACK_CHANNEL})
"""Names in place of the channel, in the derived figures of simulated calls."""
DERIVED_FIGURES: Final = CALL_FIGURES | {POST_CHANNEL, REASON_CHANNEL}
"""Names in place of the channel, in all derived figures of the simulation."""
WEEKS_BACK: Final = "TESTS_WEEKS_BACK"
"""Environment variable that moves the simulated week; `python -m tests.clock weeks` sets it."""
READING = timedelta(minutes=2)
"""Time before the end when workers begin to read; they wait a while before they treat a topic as read to its end."""


def last_monday() -> datetime:
    """Return the start of the last complete week in Paris, or of one that is `WEEKS_BACK` weeks earlier."""
    today = datetime.now(PARIS).date()
    return midnight(today - timedelta(days=today.weekday() + 7, weeks=int(os.environ.get(WEEKS_BACK, "0"))))


def plan_with(
    channels: Collection[str],
    simulation_run: SimulationRun,
    span: tuple[datetime, datetime],
    per_year: float,
    only: Collection[str] = (),
) -> Plan:
    """Return the first plan, by seed, that gives figures of all `channels` in `span`, from the systems of `only`, or of all.

    Plans differ by date, and a small plan has days without contacts of some channel. Calls do not count: they are not planned.
    """
    for seed in range(1, 1000):
        plan, ledger = Plan(seed, per_year), Ledger()
        departement = Departement(simulation_run, plan, only=only)
        for action in takewhile(lambda action: action.at <= span[1], plan.actions(span[0])):
            if departement._system_of(action):
                ledger.record(action)
        if {place[0] for place in ledger.numbers(span[1])} >= {*channels}:
            return plan
    raise AssertionError(f"no plan has contacts of all of {channels}")


class Collected:
    """A thread-safe publisher that keeps events and confirms them immediately."""

    ready, pending, trouble = True, False, ""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._lock = threading.Lock()

    def publish(self, events: Sequence[Event], on_confirmed: Callable[[], None]) -> None:
        with self._lock:
            self.events.extend(events)
        on_confirmed()

    def poll(self, wait_seconds: float) -> None:
        pass

    def close(self) -> None:
        pass


POLL_SECONDS = {"maarch": 0.3, "demarches": 0.3, "jdma": 4.0, "sql": 0.3, "http": 0.3}
"""Connector → poll interval in seconds, shorter than settings allow. The jdma server refuses more than one request per
second."""


@contextmanager
def illisa_waits_for(collected: Collected) -> Iterator[None]:
    """Let Illisa wait until the events of its changes are collected, and not for a time that suits the real poll interval."""
    done, read = Counter[tuple[str, datetime]](), Counter[tuple[str, datetime]]()
    number_read = 0
    original_run = IllisaSystem.run

    def run(system: IllisaSystem, action: Action) -> None:
        original_run(system, action)
        if action.kind is not ActionKind.FORM_IN_COMMITTEE:  # gives no event
            done[action.citizen_case.place.service, action.at] += 1

    def drain(_system: IllisaSystem) -> bool:
        nonlocal number_read
        new = collected.events[number_read:]
        number_read += len(new)
        read.update((event.service, event.time) for event in new if event.channel is Channel.FORM)
        return done <= read

    with patch.multiple(IllisaSystem, run=run, drain=drain):
        yield


@contextmanager
def run_connectors(simulation_run: SimulationRun, data: Path) -> Iterator[Collected]:
    """Run the connectors with the settings of a simulation, but shorter poll intervals, until the end of the block."""
    tables = tomllib.loads(simulation_run.settings.read_text())["connectors"]
    instances = [
        configure(name, options.pop("connector"), options, contact_reasons=REASONS) for name, options in tables.items()
    ]
    instances = [
        instance._replace(config=instance.config.model_copy(update={"poll_seconds": seconds}))
        if (seconds := POLL_SECONDS.get(instance.connector.name))
        else instance
        for instance in instances
    ]
    collected = Collected()
    runner = ConnectorRunner(
        instances,
        brokers="",
        directory=data,
        registry=CollectorRegistry(),
        open_publisher=lambda *_: collected,
    )
    with in_background(runner.run), illisa_waits_for(collected):
        yield collected


class FoldedFigures:
    """Figures of events that workers process together, at the end of the simulation."""

    def __init__(self, until: datetime) -> None:
        self._workers = Workers(until, partitions=2)
        self._until, self._count = until, 0
        self._numbers: dict[DimensionKey, FigureCounts] = {}

    def numbers(self, events: Sequence[Event]) -> dict[DimensionKey, FigureCounts]:
        """Return the figures of `events`, by their names in the ledger. The list may only grow between calls."""
        new = events[self._count :]
        if new:
            self._count += len(new)
            self._workers.now = self._until - READING
            self._workers.process((Delivery(self._workers.now, event) for event in new), self._until)
            self._numbers = self._workers.numbers()
        return self._numbers


def figure_differences(
    found: dict[DimensionKey, FigureCounts], expected: dict[DimensionKey, FigureCounts]
) -> list[tuple[DimensionKey, str, int, int]]:
    return [
        (place, name, found.get(place, {}).get(name, 0), expected.get(place, {}).get(name, 0))
        for place in sorted(found.keys() | expected.keys())
        for name in sorted(found.get(place, {}).keys() | expected.get(place, {}).keys())
        if found.get(place, {}).get(name, 0) != expected.get(place, {}).get(name, 0)
    ]


def wait_for_figures(
    find: Callable[[], dict[DimensionKey, FigureCounts]], expected: dict[DimensionKey, FigureCounts]
) -> None:
    """Wait until the figures that `find` returns equal the expected ones."""

    def differences() -> list[object]:
        return [*figure_differences(find(), expected)]

    wait_until(lambda: not differences(), "the figures of the ledger", otherwise=differences)
