"""Simulated appointments read by the RDV connector."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

from connectors.rdv.simulate.scenarios import ORGANISATIONS, AppointmentScenarios
from connectors.rdv.simulate.service import RdvService
from tests.support.rdv_harness import NOW, RdvHarness, rdv_harness

DAYS = 12
PER_HOUR = 0.7
WINDOW = {"days_back": 365}


def event_counts(system: RdvHarness) -> Counter[str]:
    assert len({event.id for event in system.events}) == len(system.events)
    assert system.harness.rejected() == {}
    return Counter(event.type for event in system.events)


def test_events_from_webhooks_match_the_simulation(tmp_path: Path) -> None:
    with rdv_harness(tmp_path, ORGANISATIONS, **WINDOW) as system:
        AppointmentScenarios(system.service, 7, NOW - timedelta(days=DAYS), PER_HOUR).run(NOW)
        with system.connected():
            assert all(system.deliver_outbox())
    assert event_counts(system) == system.service.ledger
    assert len(system.service.ledger) == 5


def test_events_from_the_api_match_except_for_changes_between_polls(tmp_path: Path) -> None:
    with rdv_harness(tmp_path, ORGANISATIONS, **WINDOW) as system:
        scenarios = AppointmentScenarios(system.service, 7, NOW - timedelta(days=DAYS), PER_HOUR)
        for days in range(DAYS, -1, -2):
            scenarios.run(NOW - timedelta(days=days))
            system.service.outbox.clear()
            with system.connected():
                system.run_round()
    expected, found = system.service.ledger, event_counts(system)
    assert found["appointment.attended"] == expected["appointment.attended"]
    assert found["appointment.missed"] == expected["appointment.missed"]
    assert 0.9 * expected.total() < found.total() < expected.total()


def test_same_seed_gives_the_same_appointments() -> None:
    def run(seed: int) -> list[bytes]:
        service = RdvService()
        AppointmentScenarios(service, seed, NOW - timedelta(days=3), PER_HOUR).run(NOW)
        return [*service.outbox]

    assert run(1) == run(1) != run(2)
