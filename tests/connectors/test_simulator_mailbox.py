"""E-mail of the simulated département, written to a real mailbox and read by the real connector."""

import threading
from datetime import timedelta
from pathlib import Path

from connectors.simulator.case_tallies import DimensionKey, FigureCounts
from connectors.simulator.departement import Departement
from connectors.simulator.plan import Plan
from connectors.simulator.run_modes import run_span
from connectors.simulator.simulation_run import SimulationRun
from models.topics import Channel
from tests.support.dovecot import dovecot, needs_dovecot
from tests.support.processes import wait_until
from tests.support.simulated_figures import FoldedFigures, figure_differences, last_monday, run_connectors

pytestmark = needs_dovecot


def of_email(numbers: dict[DimensionKey, FigureCounts]) -> dict[DimensionKey, FigureCounts]:
    return {place: figures for place, figures in numbers.items() if place[0] == Channel.EMAIL}


def test_figures_from_the_mailbox_equal_the_ledger(tmp_path: Path) -> None:
    since, until = last_monday(), last_monday() + timedelta(days=2)
    simulation_run, folded = SimulationRun(tmp_path / "stage"), FoldedFigures(until)
    with dovecot() as server:
        mailbox = server.options(server.add_user("departement"))
        departement = Departement(simulation_run, Plan(1, 40_000), mailbox=mailbox)
        simulation_run.write_settings(departement.connectors())
        with run_connectors(simulation_run, tmp_path / "data") as collected, departement.opened(since):
            assert run_span(departement, since, until, threading.Event())
            expected = of_email(departement.ledger.numbers(until))

            def disagree() -> list[object]:
                return [*figure_differences(of_email(folded.numbers(collected.events)), expected)]

            wait_until(lambda: not disagree(), "the figures to be the ledger's", 120, otherwise=disagree)
    assert sum(numbers["received"] for numbers in expected.values()) > 10
    assert {event.source for event in collected.events if event.channel is Channel.EMAIL} == {"imap/messagerie"}
