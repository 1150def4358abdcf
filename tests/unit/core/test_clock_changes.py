"""Changes of SLA clocks: each is reported once, with the time at which it took effect."""

import json
import tomllib

import pytest

from models.events import Event
from models.policies import Policies, SlaFile
from models.sla import SlaData, SlaEvent, SlaMet, decode_sla
from streams.core.contacts import contact
from streams.core.contacts.contact import Contact
from streams.core.sla import events as sla
from streams.core.sla.clock import SlaClock, due_at
from streams.core.sla.clock_changes import ClockChange, advance, advance_time
from streams.core.sla.clock_intervals import clock_intervals
from tests.support.events import CALL, START_MS, answered_call, make
from tests.support.sla_events import SIEGE

FILE = (
    SIEGE
    + """
[[policy]]
name = "telephone"
match = { channel = "call" }
calendar = "siege"
[policy.clocks.answer]
target = 60
unit = "elapsed"
at_risk = 0.5

[[policy]]
name = "dossiers"
match = { channel = "form" }
calendar = "siege"
[policy.clocks.resolution]
target = 10
unit = "working_days"
[policy.clocks.acknowledge]
target = 4
unit = "opening_hours"

[[policy]]
name = "dossiers"
from = 2025-06-01
match = { channel = "form" }
calendar = "siege"
clocks.resolution = { target = 5, unit = "working_days" }
"""
)
FORM = "form:demarches/siege:12"
SECOND, HOUR, DAY = 1000, 3_600_000, 86_400_000
TENTH_DAY = START_MS + 15 * DAY - 9 * HOUR
"""10 working days after Monday the 3rd of March, 9 o'clock: Monday the 17th at 24:00."""


def policies(text: str = FILE) -> Policies:
    return Policies(SlaFile.model_validate(tomllib.loads(text)))


class ClockedContact:
    """A contact, and all reported changes of its clocks."""

    def __init__(self) -> None:
        self.policies = policies()
        self.row: Contact | None = None
        self.reported: list[ClockChange] = []

    def __call__(self, at: float, *events: Event) -> list[str]:
        """Fold events, or let time pass, `at` seconds after the start. Return clock, change and time of the reported changes."""
        now = START_MS + round(at * SECOND)
        if events:
            for event in events:
                self.row = contact.fold(self.row, event)
            assert self.row is not None
            clocks, changes = advance(self.row.clocks, clock_intervals(self.row), self.policies, now)
        else:
            clocks, changes = advance_time(self.clocks, now, now)
        assert self.row is not None
        self.row = self.row.__copy__()
        self.row.clocks = clocks
        self.reported += changes
        return [f"{change.clock.kind} {change.kind} {(change.at - START_MS) / SECOND:g}" for change in changes]

    @property
    def clocks(self) -> tuple[SlaClock, ...]:
        return self.row.clocks if self.row else ()


def submitted(at: float = 0) -> Event:
    return make("form.submitted", at, subject=FORM, procedure="transport", site="siege", service="mobilite")


def form_event(kind: str, at: float) -> Event:
    return make(f"form.{kind}", at, subject=FORM)


def test_waiting_call_is_at_risk_then_breached_then_met_late() -> None:
    call = ClockedContact()
    arrived, queued, answered, ended = answered_call(wait=100)
    assert call(6, arrived, queued) == ["answer started 5"]
    assert due_at(call.clocks) == START_MS + 35 * SECOND
    assert call(35) == []
    assert call(36) == ["answer at_risk 35"]
    assert call(65) == []
    assert call(66) == ["answer breached 65"]
    assert due_at(call.clocks) is None
    assert call(67) == []
    assert call(105, answered) == ["answer met 105"]
    assert call(400, ended) == []
    assert call.clocks[0].is_breached


def test_late_event_of_an_answer_in_time_withdraws_the_breach() -> None:
    call = ClockedContact()
    arrived, queued, answered, _ = answered_call(wait=20)
    call(6, arrived, queued)
    assert call(7200) == ["answer at_risk 35", "answer breached 65"], "after a gap, with their true times"
    assert call.clocks[0].is_overdue
    assert call(7201, answered) == ["answer met 25"]
    assert not call.clocks[0].is_breached
    assert decode_sla(sla.record(CALL.encode(), "", call.reported[-1], START_MS)[1]).data.in_time


def test_abandoned_call_cancels_the_clock() -> None:
    call = ClockedContact()
    events = make("call.queued", 0, queue="mdph"), make("call.abandoned", 30, queue="mdph")
    assert call(31, *events) == ["answer started 0", "answer cancelled 30"]


def test_clock_is_paused_while_the_citizen_has_to_act() -> None:
    form = ClockedContact()
    assert form(1, submitted()) == ["acknowledge started 0", "resolution started 0"]
    (resolution,) = (clock for clock in form.clocks if clock.kind == "resolution")
    assert resolution.deadline_at == TENTH_DAY
    requested, corrected = form_event("correction_requested", 2 * 86_400), form_event("corrected", 6 * 86_400)
    assert form(2 * 86_400, requested)[-1] == "resolution paused 172800"
    assert form.clocks[-1].deadline_at is None
    assert form(20 * 86_400) == []
    # From Wednesday to Sunday: the ends of Wednesday, Thursday and Friday do not count.
    assert form(20 * 86_400 + 1, corrected)[0] == "resolution resumed 518400"
    assert form.clocks[-1].deadline_at == TENTH_DAY + 3 * DAY
    assert form(30 * 86_400, make("form.decided", 17 * 86_400, subject=FORM, decision="accepted")) == [
        "resolution met 1.4688e+06"
    ]


def test_case_closed_during_a_pause_does_not_resume() -> None:
    form = ClockedContact()
    form(1, submitted(), form_event("correction_requested", 1))
    assert form(9, make("form.decided", 8, subject=FORM, decision="rejected")) == ["resolution met 8"]
    assert form(90_000, form_event("taken_up", 90_000)) == ["resolution resumed 90000"]
    assert form(90_001, form_event("taken_up", 90_001)) == []


def test_ended_clock_ignores_a_change_of_the_file() -> None:
    form = ClockedContact()
    form(1, submitted())
    late = 20 * 86_400
    form(late, make("form.decided", late, subject=FORM, decision="rejected"))
    form.policies = policies(FILE.replace("target = 10", "target = 30"))
    assert form(late + 1, make("feedback.invited", late + 1, subject=FORM, channel="feedback")) == []
    assert form.clocks[-1].is_breached
    reopened = form(late + 3, form_event("taken_up", late + 3))
    assert reopened[-1] == f"resolution resumed {late + 3:g}"
    assert not form.clocks[-1].is_breached


@pytest.mark.parametrize("late", [False, True])
def test_reported_changes_become_sla_events(*, late: bool) -> None:
    call = ClockedContact()
    call(400, *answered_call(wait=100 if late else 20))
    values = [sla.record(CALL.encode(), "social", change, START_MS + 400 * SECOND)[1] for change in call.reported]
    for value in values:
        fields = json.loads(value)
        assert fields.keys() <= SlaEvent.model_fields.keys()
        assert fields["data"].keys() <= SlaData.model_fields.keys()
    events = [decode_sla(value) for value in values]
    assert len({event.id for event in events}) == len(events)
    assert all(event.data.late for event in events), "reported minutes later"
    *_, met = events
    assert isinstance(met, SlaMet)
    assert met.data.in_time is not late
    assert (met.subject, met.service, met.data.queue, met.sector) == (CALL, "autonomie", "mdph", "social")
