"""Simulated département through connectors, Kafka and worker: the figures equal the ledger."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.simulator.case_tallies import DimensionKey, FigureCounts
from connectors.simulator.departement import Departement
from connectors.simulator.run_modes import run_span
from connectors.simulator.simulation_run import SimulationRun
from models import topics
from models.topics import Channel
from streams.core.figures.figure import Dimensions, Figure, decode_figure, merge, new_figure, parse_key
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import TopicSpec, apply_specs
from streams.runtime.topic_catalogue import COMPACTED
from tests.support import kafka_io
from tests.support.processes import Child, supervised
from tests.support.simulated_figures import CALL_FIGURES, DERIVED_FIGURES, last_monday, plan_with, wait_for_figures
from tests.support.simulated_workers import name_numbers

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600)]

CALLS = {Channel.CALL, *CALL_FIGURES}
CALLS_PER_DAY = 400
"""Number of simulated calls, which gives about forty callbacks, the rarest figure of calls, in two days."""


def worker_figures(bootstrap: str) -> dict[DimensionKey, FigureCounts]:
    """Return the worker's figures over all partitions, by their names in the ledger."""
    figures: dict[Dimensions, Figure] = {}
    for (_, key), value in kafka_io.latest(kafka_io.read(bootstrap, topics.FIGURES.name)).items():
        kind, _, place = parse_key(key)
        if kind == "total" and place is not None:
            layout = FIGURE_SCHEMAS[place.channel]
            merge(figures.setdefault(place, new_figure(layout)), decode_figure(value, layout))
    named = {tuple(place): name_numbers(place, figure) for place, figure in figures.items()}
    return {place: numbers for place, numbers in named.items() if numbers}


def test_figures_of_the_worker_equal_the_ledger(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    since = last_monday()
    until = since + timedelta(days=2)
    apply_specs(
        own_kafka.bootstrap,
        [TopicSpec(t.name, 4, config=COMPACTED if t.compacted else {}) for t in topics.TOPIC_CATALOGUE],
    )
    simulation_run = SimulationRun(tmp_path / "systems")
    plan = plan_with({*Channel, *DERIVED_FIGURES} - CALLS, simulation_run, (since, until), 60_000)
    departement = Departement(simulation_run, plan, calls_per_day=CALLS_PER_DAY)
    simulation_run.write_settings(departement.connectors())
    place = {"ACCUEIL_BROKERS": own_kafka.bootstrap, "ACCUEIL_DATA": str(tmp_path / "data")}
    program = ["-m", "streams.cli.main", f"--config={simulation_run.settings}"]
    connect = Child([*program, "connect"], tmp_path / "connect.log", **place)
    worker = Child([*program, "worker"], tmp_path / "worker.log", **place)
    with supervised(connect), supervised(worker), departement.opened(since):
        assert run_span(departement, since, until, threading.Event())
        expected = departement.ledger.numbers(datetime.now(UTC))
        wait_for_figures(lambda: worker_figures(own_kafka.bootstrap), expected)
    assert {where[0] for where in expected} == {*Channel, *DERIVED_FIGURES}
    assert kafka_io.read(own_kafka.bootstrap, topics.DEAD_LETTERS.name) == []
