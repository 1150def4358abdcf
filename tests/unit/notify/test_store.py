"""The notifier's store: incidents, pending notifications and positions, all in one transaction."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.sdk.errors import ConnectorError
from models.timestamps import milliseconds
from streams.notify.incidents import ChangeKind, IncidentKind
from streams.notify.store import FILE, HOLD_MS, Message, Receivers, Store
from tests.support import notify_process
from tests.support.notify_process import NOW, report_breaches
from tests.support.sla_events import NOON, SlaClockStub

DESK = Receivers(("manager",), {"desk": ("breached", "at_risk"), "night": ("breached",)})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with notify_process.sending_store(tmp_path, DESK) as store:
        yield store


def following(store: Store, *, above: int = 3, after_outage: bool = False) -> Message:
    message = store.next_message("desk", above, 100, after_outage=after_outage)
    assert message is not None
    return message


def test_tried_message_stays_unchanged(store: Store) -> None:
    report_breaches(store, 1)
    tried = following(store)
    report_breaches(store, 2, 3, 4, 5)
    assert following(store, after_outage=True) == tried
    store.mark_delivered(tried)
    digest = following(store, after_outage=True)
    assert len(digest.notices) == 4
    report_breaches(store, 6)
    assert following(store, after_outage=True) == digest


def test_receivers_get_their_severities(store: Store) -> None:
    clock = SlaClockStub(1)
    store.take([clock.at_risk()], {0: 1}, NOW)
    assert store.next_message("night", 3, 100, after_outage=False) is None
    store.take([clock.breached()], {0: 2}, NOW)
    for_desk, for_night = store.waiting()["desk"], store.waiting()["night"]
    assert (for_desk.number, for_night.number) == (3, 1)
    assert for_desk.oldest_at == NOW


def test_end_of_a_warning_is_not_sent_to_people_who_get_the_breach(tmp_path: Path) -> None:
    both, warning = ("breached", "at_risk"), ("at_risk",)
    everybody = Receivers((), {"hook": both, "hook2": warning, "mail": both, "mail2": warning}, {"mail", "mail2"})
    with notify_process.sending_store(tmp_path, everybody) as store:
        clock = SlaClockStub(1)
        store.take([clock.at_risk()], {0: 1}, NOW)
        store.take([clock.breached()], {0: 2}, NOW)
        assert store.count_open() == {"breached": 1}
        heard = {}
        for name in everybody.queued:
            message = store.next_message(name, 1, 100, after_outage=False)
            assert message is not None
            heard[name] = [(one.what.value, one.incident.kind.value) for one in message.notices]
    assert heard["hook"] == [("ended", "at_risk"), ("started", "breached")]
    assert heard["mail"] == [("started", "at_risk"), ("started", "breached")]
    assert heard["hook2"] == heard["mail2"] == [("ended", "at_risk")]


def test_ended_incidents_of_the_first_reading_are_not_sent(tmp_path: Path) -> None:
    store = Store(tmp_path, DESK)
    store.topic("one")
    report_breaches(store, 1, 2)
    store.take([SlaClockStub(1).met()], {0: 3}, NOW)
    assert store.waiting() == {}
    store.start_sending(NOW)
    assert {name: found.number for name, found in store.waiting().items()} == {"desk": 1, "night": 1, "manager": 1}
    assert store.topic("another") == {}
    assert store.is_sending
    store.close()


@pytest.mark.parametrize("kept", [True, False])
def test_closed_alert_with_new_details_stays_closed(store: Store, kept: bool) -> None:
    clock = SlaClockStub(1)
    store.take([clock.breached(ended_at=NOON + timedelta(minutes=5))], {0: 1}, NOW)
    (alert,) = store.alerts("manager")
    store.mark_closed("manager", [alert.incident], NOW)
    store.drop_closed("manager", NOW if kept else NOW + 1)
    assert store.take([clock.met(5)], {0: 2}, NOW) == 1
    assert [alert.closed_at for alert in store.alerts("manager")] == [NOW] * kept


def test_new_alertmanager_gets_all_open_alerts(tmp_path: Path, store: Store) -> None:
    report_breaches(store, 1, 2)
    store.take([SlaClockStub(2).met()], {0: 3}, NOW)
    store.close()
    other = Store(tmp_path, Receivers(("manager", "second"), {}))
    other.register_receivers()
    assert [alert.incident.contact[-1] for alert in other.alerts("second")] == ["1"]
    assert len(other.alerts("manager")) == 2
    assert "desk" not in other.waiting()
    other.close()


def test_new_round_of_an_alert_is_sent_again(store: Store) -> None:
    clock = SlaClockStub(1)
    store.take([clock.breached()], {0: 1}, NOW)
    (alert,) = store.alerts("manager")
    store.mark_shown("manager", [alert.incident], 5, NOW)
    store.take([clock.met(5)], {0: 2}, NOW)
    (alert,) = store.alerts("manager")
    assert (alert.shown_at, alert.shown_by, alert.closed_at) == (NOW, 5, None)
    store.mark_closed("manager", [alert.incident], NOW)
    assert store.waiting().get("manager") is None
    store.take([clock.resumed(5)], {0: 3}, NOW)
    store.mark_closed("manager", [alert.incident], NOW)  # for an earlier round
    (alert,) = store.alerts("manager")
    assert (alert.shown_at, alert.shown_by, alert.closed_at) == (None, None, None)
    assert store.waiting()["manager"].number == 1


def test_old_ended_clocks_are_deleted(store: Store) -> None:
    report_breaches(store, 1, 2)
    store.take([SlaClockStub(1).met()], {0: 3}, NOW)
    store.forget(NOW + 1)
    assert store.count_open() == {IncidentKind.BREACHED: 1}
    assert store.take([SlaClockStub(1).breached()], {0: 4}, NOW) == 1
    assert store.take([SlaClockStub(2).breached()], {0: 5}, NOW) == 0


def test_held_back_incident_survives_a_restart_and_is_sent_once(tmp_path: Path) -> None:
    late = SlaClockStub(1).breached(recorded_at=NOON + timedelta(hours=1))
    with notify_process.sending_store(tmp_path, DESK) as store:
        store.take([late], {0: 1}, NOW)
        assert store.waiting() == {}
        assert store.release(NOW + HOLD_MS - 1) == 0
    with closing(Store(tmp_path, DESK)) as store:
        store.register_receivers()
        assert store.waiting() == {}
        assert store.release(NOW + HOLD_MS) == 1
        assert store.release(NOW + HOLD_MS) == 0
        store.take([late], {0: 2}, NOW)
        assert {name: found.number for name, found in store.waiting().items()} == {"desk": 1, "night": 1, "manager": 1}


def test_held_back_incident_that_ends_later_is_sent_with_its_end(store: Store) -> None:
    clock = SlaClockStub(1)
    store.take([clock.breached(recorded_at=NOON + timedelta(hours=1))], {0: 1}, NOW)
    store.take([clock.met(61)], {0: 2}, NOW)
    assert store.release(NOW + HOLD_MS) == 0
    first = following(store)
    store.mark_delivered(first)
    sent = [one.what for one in (*first.notices, *following(store).notices)]
    assert sent == [ChangeKind.STARTED, ChangeKind.ENDED]


def test_old_incident_of_the_first_reading_is_not_sent(tmp_path: Path) -> None:
    store = Store(tmp_path, DESK, max_age_ms=3_600_000)
    store.topic("one")
    store.take([SlaClockStub(1).breached(), SlaClockStub(2, NOON + timedelta(minutes=30)).breached()], {0: 2}, NOW)
    store.start_sending(milliseconds(NOON + timedelta(minutes=61)))
    assert store.unsent() == {("breached", "old"): 1}
    (alert,) = store.alerts("manager")
    assert alert.incident.contact[-1] == "2"
    store.take([SlaClockStub(1).met()], {0: 3}, NOW)
    assert store.waiting()["desk"].number == 1
    store.close()


def test_unsent_incident_is_sent_when_another_deadline_passes(store: Store) -> None:
    clock = SlaClockStub(1)
    store.take([clock.breached(recorded_at=NOON + timedelta(days=10))], {0: 1}, NOW)
    assert store.waiting() == {}
    later = NOON + timedelta(days=12)
    store.take([clock.moved(10 * 24 * 60 + 1, later), clock.breached()], {0: 3}, NOW)
    assert [one.what for one in following(store).notices] == [ChangeKind.STARTED]
    assert store.unsent() == {("breached", "old"): 1}


def test_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database at all, but long enough to be taken for one" * 50)
    with pytest.raises(ConnectorError, match=FILE):
        Store(tmp_path, DESK)
