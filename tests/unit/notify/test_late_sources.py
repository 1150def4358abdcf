"""Sources added later or read once a night cause no alerts about contacts that had already ended."""

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from models.events import Event
from models.sla import decode_sla
from streams.notify.store import HOLD_MS, Receivers, Store
from tests.support import notify_process
from tests.support.events import START, START_MS, make
from tests.support.sla_events import SlaClockStub
from tests.unit.agents.clocks import FILE, QUEUED, Worker, policies

HOUR, DAY = 3600, 86_400
WRITTEN = """
[[policy]]
name = "desks"
match = { channel = "visit" }
calendar = "always"
clocks.answer = { target = 600, unit = "elapsed", at_risk = 0.5 }
[[policy]]
name = "written"
match = { channel = ["mail", "email", "form"] }
calendar = "always"
clocks.first_response = { target = 3600, unit = "elapsed", at_risk = 0.5 }
clocks.resolution = { target = 7200, unit = "elapsed", at_risk = 0.5 }
"""
WHERE = {"site": "siege", "service": "autonomie"}
FORM = WHERE | {"procedure": "apa"}
LIVES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "call:asterisk/later": [("call.queued", QUEUED), ("call.answered", QUEUED)],
    "visit:desk/later": [("visit.arrived", QUEUED), ("visit.called", QUEUED)],
    "mail:maarch/later": [("letter.arrived", WHERE), ("letter.assigned", WHERE), ("letter.answered", WHERE)],
    "email:imap/later": [("email.received", WHERE), ("email.acknowledged", WHERE), ("email.answered", WHERE)],
    "form:demarches/later": [
        ("form.submitted", FORM),
        ("form.taken_up", FORM),
        ("form.decided", FORM | {"decision": "accepted"}),
    ],
    "appointment:rdv/later": [
        ("appointment.booked", WHERE | {"starts_at": "2025-03-03T10:00:00Z"}),
        ("appointment.attended", WHERE),
    ],
}
"""Source → events of a contact, three hours apart, which is longer than any target."""
WITH_TARGETS = [source for source in LIVES if not source.startswith("appointment")]
DESK = Receivers(("manager",), {"desk": ("breached", "at_risk")})


class Desk:
    """A worker that has run for a minute, and the store that receives its SLA events."""

    def __init__(self, store: Store) -> None:
        self.worker, self.store, self.breaches = Worker(policies(FILE + WRITTEN)), store, 0
        self.until(60)

    def at(self, seconds: float, *events: Event) -> None:
        self.breaches += self.worker.at(seconds, *events).count("sla.breached")
        reported, self.worker.reported = self.worker.reported, []
        self.store.take([decode_sla(json.dumps(event).encode()) for event in reported], {}, self.worker.now)
        self.store.release(self.worker.now)

    def until(self, seconds: float) -> None:
        while (now := (self.worker.now - START_MS) / 1000) < seconds:
            self.at(min(now + 4, seconds))

    def report(self, seconds: float, events: Sequence[Event], size: int) -> None:
        """Fold events in steps of `size` records after two minutes of ticks, then tick for four more minutes."""
        self.worker.now = START_MS + round((seconds - 120) * 1000)
        self.until(seconds)
        for index in range(0, len(events), size):
            self.at(seconds + index / 10, *events[index : index + size])
        self.until(seconds + len(events) / 10 + 240)

    @property
    def sent(self) -> list[tuple[str, str]]:
        """Return the changes sent to the webhook since the last call: kind of incident, beginning or end."""
        notices = []
        while message := self.store.next_message("desk", 1, 1000, after_outage=False):
            notices += message.notices
            self.store.mark_delivered(message)
        known = {alert.incident.id for alert in self.store.alerts("manager")}
        assert known >= {one.incident.id for one in notices}
        assert not known or notices
        return sorted({(one.incident.kind.value, one.what.value) for one in notices})

    def unsent(self, kind: str) -> int:
        return sum(number for (its, _), number in self.store.unsent().items() if its == kind)


def life(source: str, number: int, begins_at: float, steps: int = 3) -> list[Event]:
    """Return a contact's events, the first one `begins_at` seconds after the start."""
    return [
        make(kind, begins_at + index * 3 * HOUR, subject=f"{source}:{number}", **fields)
        for index, (kind, fields) in enumerate(LIVES[source][:steps])
    ]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with notify_process.sending_store(tmp_path, DESK) as store:
        yield Desk(store)


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize("source", LIVES)
def test_contacts_of_a_new_source_are_counted_and_not_sent(desk: Desk, source: str, size: int) -> None:
    desk.report(180, [event for number in range(5) for event in life(source, number, -30 * DAY + number)], size)
    assert desk.sent == []
    assert desk.unsent("breached") == desk.breaches
    assert (desk.breaches > 0) is (source in WITH_TARGETS)
    assert desk.store.count_open() == {}


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize("source", WITH_TARGETS)
def test_contacts_of_a_nightly_file_are_counted_and_not_sent(desk: Desk, source: str, size: int) -> None:
    for night in range(1, 4):
        begins_at = night * DAY - 10 * HOUR
        events = [event for number in range(5) for event in life(source, 10 * night + number, begins_at + number)]
        desk.report(night * DAY, events, size)
        assert desk.sent == []
    assert desk.unsent("breached") == desk.breaches >= 15


@pytest.mark.parametrize("source", [source for source in WITH_TARGETS if source[0] in "mef"])
@pytest.mark.parametrize(("age_days", "is_sent"), [(2, True), (4, False)])
def test_open_contact_is_sent_unless_older_than_max_age(
    desk: Desk, source: str, age_days: float, is_sent: bool
) -> None:
    desk.report(180, life(source, 1, -age_days * DAY, steps=1), 1)
    assert desk.sent == [("breached", "started")] * is_sent
    assert desk.unsent("breached") == (0 if is_sent else desk.breaches)
    assert desk.store.count_open() == {"breached": desk.breaches}
    (last,) = life(source, 1, DAY - 60 - 6 * HOUR)[2:]
    desk.report(DAY, [last], 1)
    assert desk.sent == [("breached", "ended")] * is_sent


def test_waiting_call_of_a_late_log_is_sent(desk: Desk) -> None:
    desk.report(1200, life("call:asterisk/later", 1, 600, steps=1), 1)
    assert desk.sent == [("breached", "started")]


@pytest.mark.parametrize(("age_days", "is_sent"), [(2, True), (4, False)])
def test_warning_is_sent_unless_older_than_max_age(tmp_path: Path, age_days: float, is_sent: bool) -> None:
    clock = SlaClockStub(1, START + timedelta(hours=2))
    event = clock.at_risk(recorded_at=clock.at_risk().time + timedelta(days=age_days))
    later = event.model_copy(update={"data": event.data.model_copy(update={"deadline_at": START + timedelta(days=30)})})
    with notify_process.sending_store(tmp_path, DESK) as store:
        store.take([later], {}, START_MS)
        store.release(START_MS + HOLD_MS)
        message = store.next_message("desk", 1, 1000, after_outage=True)
        assert (message is not None) is is_sent
        assert store.unsent() == ({} if is_sent else {("at_risk", "old"): 1})


def test_late_incident_whose_end_follows_in_the_next_step_is_not_sent(desk: Desk) -> None:
    first, second, third = life("mail:maarch/later", 1, -20 * HOUR)
    desk.at(70, first)
    desk.at(70.1, second)
    assert desk.sent == []
    assert desk.store.count_open()
    desk.at(70.2, third)
    desk.until(120)
    assert desk.sent == []
    assert desk.unsent("breached") == desk.breaches > 0
