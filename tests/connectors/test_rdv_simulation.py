"""Appointments that do not exist, told to the real connector."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

from connectors.rdv.simulate.scenarios import ORGANISATIONS, AppointmentScenarios
from connectors.rdv.simulate.service import RdvService
from tests.support.rdv_harness import NOW, RdvHarness, rdv_harness

DAYS = 12
PER_HOUR = 0.7
WINDOW = {"days_back": 365}


def told(place: RdvHarness) -> Counter[str]:
    assert len({event.id for event in place.events}) == len(place.events)
    assert place.harness.rejected() == {}
    return Counter(event.type for event in place.events)


def test_what_webhooks_tell_is_what_happened(tmp_path: Path) -> None:
    """Number for number."""
    with rdv_harness(tmp_path, ORGANISATIONS, **WINDOW) as place:
        AppointmentScenarios(place.service, 7, NOW - timedelta(days=DAYS), PER_HOUR).run(NOW)
        with place.connected():
            assert all(place.deliver_outbox())
    assert told(place) == place.service.ledger
    assert len(place.service.ledger) == 5


def test_what_the_api_tells_is_what_happened_but_for_what_was_over_in_between(tmp_path: Path) -> None:
    with rdv_harness(tmp_path, ORGANISATIONS, **WINDOW) as place:
        lives = AppointmentScenarios(place.service, 7, NOW - timedelta(days=DAYS), PER_HOUR)
        for days in range(DAYS, -1, -2):
            lives.run(NOW - timedelta(days=days))
            place.service.outbox.clear()
            with place.connected():
                place.run_round()
    happened, found = place.service.ledger, told(place)
    assert found["appointment.attended"] == happened["appointment.attended"]
    assert found["appointment.missed"] == happened["appointment.missed"]
    assert 0.9 * happened.total() < found.total() < happened.total()


def test_a_seed_gives_the_same_appointments() -> None:
    def run(seed: int) -> list[bytes]:
        service = RdvService()
        AppointmentScenarios(service, seed, NOW - timedelta(days=3), PER_HOUR).run(NOW)
        return [*service.outbox]

    assert run(1) == run(1) != run(2)
