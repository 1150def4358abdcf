"""Appointments that do not exist, told to the real connector."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

from connectors.rdv.simulate.lives import ORGANISATIONS, Lives
from connectors.rdv.simulate.service import RdvService
from tests.support.rdv import NOW, Town, town

DAYS = 12
PER_HOUR = 0.7
WINDOW = {"days_back": 365}


def told(place: Town) -> Counter[str]:
    assert len({event.id for event in place.events}) == len(place.events)
    assert place.bench.rejected() == {}
    return Counter(event.type for event in place.events)


def test_what_webhooks_tell_is_what_happened(tmp_path: Path) -> None:
    """Number for number."""
    with town(tmp_path, ORGANISATIONS, **WINDOW) as place:
        Lives(place.service, 7, NOW - timedelta(days=DAYS), PER_HOUR).play(NOW)
        with place.connected():
            assert all(place.deliver_outbox())
    assert told(place) == place.service.ledger
    assert len(place.service.ledger) == 5


def test_what_the_api_tells_is_what_happened_but_for_what_was_over_in_between(tmp_path: Path) -> None:
    with town(tmp_path, ORGANISATIONS, **WINDOW) as place:
        lives = Lives(place.service, 7, NOW - timedelta(days=DAYS), PER_HOUR)
        for days in range(DAYS, -1, -2):
            lives.play(NOW - timedelta(days=days))
            place.service.outbox.clear()
            with place.connected():
                place.go_round()
    happened, found = place.service.ledger, told(place)
    assert found["appointment.attended"] == happened["appointment.attended"]
    assert found["appointment.missed"] == happened["appointment.missed"]
    assert 0.9 * happened.total() < found.total() < happened.total()


def test_a_seed_gives_the_same_appointments() -> None:
    def play(seed: int) -> list[bytes]:
        service = RdvService()
        Lives(service, seed, NOW - timedelta(days=3), PER_HOUR).play(NOW)
        return [*service.outbox]

    assert play(1) == play(1) != play(2)
