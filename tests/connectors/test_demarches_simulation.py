"""Simulated dossiers read by the demarches connector."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import connectors.demarches as demarches
from connectors.demarches.simulate.scenarios import PROCEDURES
from connectors.demarches.simulate.server import PATH, TOKEN, SimulatedDossiers, create_app
from connectors.sdk.testing import ConnectorHarness, comparable_form
from tests.support.demarches_server import served_at
from tests.support.simulations import simulate

BEGIN = datetime(2026, 3, 16, tzinfo=UTC)
PER_HOUR = 1.5


def test_events_match_the_simulated_dossiers(tmp_path: Path) -> None:
    """Compare the counts of three weeks, polled twice a day."""
    simulation, now = SimulatedDossiers(7, BEGIN, PER_HOUR), BEGIN
    counts: Counter[str] = Counter()
    ids = set()
    with served_at(create_app(simulation, lambda: now)) as address:
        options = {"url": address + PATH, "token": TOKEN, "page_size": 20, "procedures": {n: {} for n in PROCEDURES}}
        harness = ConnectorHarness(demarches.CONNECTOR, options, tmp_path / "data", tmp_path / "keys")
        while now < BEGIN + timedelta(days=21):
            now += timedelta(hours=12)
            for event in harness.read_all(confirm=True):
                counts[event.type] += event.id not in ids
                ids.add(event.id)
    assert counts == simulation.ledger(now)
    assert len(counts) == 6
    assert harness.rejected() == {}


def test_same_seed_gives_the_same_dossiers(tmp_path: Path) -> None:
    now = BEGIN + timedelta(days=3)

    def read(seed: int, name: str) -> list[bytes]:
        with served_at(create_app(SimulatedDossiers(seed, BEGIN, PER_HOUR), lambda: now)) as address:
            options = {"url": address + PATH, "token": TOKEN, "procedures": {n: {} for n in PROCEDURES}}
            return comparable_form(
                ConnectorHarness(demarches.CONNECTOR, options, tmp_path / name, tmp_path / "keys").read_all(
                    confirm=True
                )
            )

    assert read(1, "first") == read(1, "again") != read(2, "other")


def test_command_prints_a_working_configuration(tmp_path: Path) -> None:
    with simulate(demarches.CONNECTOR, "--port", "0") as options:
        harness = ConnectorHarness(demarches.CONNECTOR, options, tmp_path / "data", tmp_path / "keys")
        assert "form.submitted" in harness.probe().events
