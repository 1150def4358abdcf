"""A target met in time is never reported as breached, whichever of source, connector and worker lags behind."""

from typing import Any

import pytest

from models import topics
from models.events import Event
from models.policies import Policies
from streams.core.sla.report_delay import SlaDelays
from streams.engine.job import Step
from tests.support.events import CALL, START_MS, make
from tests.unit.agents import worker as agent
from tests.unit.agents.clocks import ALWAYS, FILE, QUEUED, Worker, policies, waiting
from tests.unit.agents.worker import TIMES, TOPIC, record

DAY = 86_400
CASES = (
    ALWAYS
    + """
[[policy]]
name = "cases"
match = { channel = ["mail", "email", "form"] }
calendar = "always"
clocks.KIND = { target = 864000, unit = "elapsed", at_risk = 0.8 }
"""
)
WHERE = {"site": "siege", "service": "autonomie"}
MAIL = {"subject": "email:imap/accueil:1", **WHERE}
LETTER = {"subject": "mail:maarch/ged:1", **WHERE}
FORM = {"subject": "form:demarches/essai:1", "procedure": "apa", **WHERE}
EVENT_DATA = {"form.decided": {"decision": "accepted"}}


def reported_types(worker: Worker, subject: str = "") -> list[str]:
    return [event["type"] for event in worker.reported if event["subject"].startswith(subject)]


def case_worker(kind: str) -> Worker:
    return Worker(policies(CASES.replace("KIND", kind)))


def answered(at: float) -> Event:
    return make("call.answered", at, subject=f"{CALL}1", **QUEUED)


def assert_met_in_time(worker: Worker) -> None:
    assert reported_types(worker)[-1] == "sla.met"
    assert worker.reported[-1]["data"]["in_time"]
    assert "sla.breached" not in reported_types(worker)


def test_lagging_worker_does_not_breach_beyond_its_events() -> None:
    worker = Worker()
    worker.at(1, waiting())
    worker.until(50)
    worker.now = START_MS + 75_000
    step = worker.step(START_MS + 58_000)
    worker.job.tick(step)
    worker.commit(step)
    worker.at(75.1, answered(59))
    assert_met_in_time(worker)


def test_after_an_outage_the_connector_gets_a_grace_period() -> None:
    worker = Worker()
    worker.at(1, waiting(1), waiting(2))
    worker.until(30)
    worker.kill()
    assert worker.at(600) == []
    worker.at(601, answered(45))
    worker.until(700)
    assert "sla.breached" not in reported_types(worker, f"{CALL}1")
    assert "sla.breached" in reported_types(worker, f"{CALL}2")


def test_no_breach_while_a_switchboard_reads_its_history() -> None:
    worker = Worker(policies(FILE.replace("target = 60", "target = 1200")))
    worker.at(0.5, waiting(1))
    worker.until(1190)
    for number, at in enumerate((40, 60, 80)):  # the connector was down since second 31
        worker.at(1195 + number, make("call.queued", at, subject=f"{CALL}9{number}", **QUEUED))
    worker.until(1205)
    worker.at(1206, answered(90))
    assert "sla.breached" not in reported_types(worker, f"{CALL}1")


def test_recent_opinion_does_not_advance_the_contacts_source() -> None:
    worker, name = case_worker("first_response"), "form:demarches/essai:{}"
    forms = [make("form.submitted", n, subject=name.format(n), procedure="apa", **WHERE) for n in range(12)]
    worker.at(60 * DAY, *forms)
    opinion = make("feedback.given", 60 * DAY, subject=name.format(3), channel="feedback", scale="csat_1_5", score=4)
    worker.at(60 * DAY + 2, opinion)
    worker.until(60 * DAY + 10)
    decided = make("form.decided", 5 * DAY, subject=name.format(3), decision="accepted", procedure="apa", **WHERE)
    worker.at(60 * DAY + 11, decided)
    assert "sla.breached" not in reported_types(worker, name.format(3))


def test_answer_within_the_second_of_the_deadline_is_in_time() -> None:
    worker = Worker()
    worker.at(0.9, waiting())
    worker.until(60.2)
    assert worker.at(60.6, answered(60)) == ["sla.met"]


@pytest.mark.parametrize(
    ("first", "answer", "again"),
    [
        (
            make("letter.arrived", 0, **LETTER),
            make("letter.answered", 3 * DAY, **LETTER),
            make("letter.closed", 30 * DAY, outcome="resolved", **LETTER),
        ),
        (
            make("email.received", 0, **MAIL),
            make("email.answered", 3 * DAY, **MAIL),
            make("email.answered", 30 * DAY, **MAIL),
        ),
    ],
    ids=["archived later", "answered twice"],
)
def test_second_closure_causes_no_breach(first: Event, answer: Event, again: Event) -> None:
    worker = case_worker("resolution")
    worker.at(1, first)
    assert worker.at(3 * DAY, answer) == ["sla.met"]
    assert worker.at(11 * DAY) == worker.at(30 * DAY, again) == worker.at(31 * DAY) == []


def test_time_while_a_case_is_closed_does_not_count() -> None:
    worker = case_worker("resolution")
    worker.at(1, make("email.received", 0, **MAIL))
    worker.at(3 * DAY, make("email.answered", 3 * DAY, **MAIL))
    worker.until(3 * DAY + 60)
    assert worker.at(30 * DAY, make("email.received", 30 * DAY, **MAIL)) == ["sla.resumed"]
    assert worker.reported[-1]["data"]["deadline_at"] == "2025-04-09T08:00:00.000Z"  # seven days are left
    worker.at(32 * DAY, make("email.answered", 32 * DAY, **MAIL))
    worker.at(40 * DAY, make("email.received", 40 * DAY, **MAIL))
    assert worker.reported[-1]["data"]["deadline_at"] == "2025-04-17T08:00:00.000Z"  # five
    assert "sla.breached" not in reported_types(worker)


def test_contact_that_ended_without_a_policy_gets_no_clock() -> None:
    worker = Worker(Policies())
    worker.at(1, make("email.received", 0, **MAIL))
    worker.at(20 * DAY, make("email.answered", 20 * DAY, **MAIL))
    worker.policies = policies(CASES.replace("KIND", "resolution"))
    worker.until(20 * DAY + 60)
    opinion = make("feedback.given", 30 * DAY, subject=MAIL["subject"], channel="feedback", scale="csat_1_5", score=4)
    assert worker.at(30 * DAY, opinion) == []


def test_file_with_a_later_risk_time_withdraws_the_risk() -> None:
    text = CASES.replace("KIND", "first_response")
    worker = Worker(policies(text.replace("0.8", "0.2")))
    worker.at(1, make("email.received", 0, **MAIL))
    worker.at(3 * DAY)
    assert worker.until(3 * DAY + 40) == ["sla.at_risk"]
    worker.policies = policies(text.replace("0.8", "0.9"))
    assert worker.until(3 * DAY + 60) == ["sla.moved"]
    assert worker.reported[-1]["data"]["at_risk_at"] == "2025-03-12T08:00:00.000Z"


@pytest.mark.parametrize("late", [20, 200, 301])
def test_connector_that_catches_up_delivers_the_answer_after_the_call(late: int) -> None:
    worker = Worker()
    worker.until(late)
    worker.at(late, waiting())
    worker.at(late + 0.1)
    worker.at(late + 1, answered(50))
    assert_met_in_time(worker)


def test_batches_of_one_step_are_evaluated_together() -> None:
    worker = Worker()
    worker.until(100)
    worker.now = START_MS + 100_000
    step = worker.step()
    for event in (waiting(), answered(50)):
        worker.job.fold(TOPIC, [record(event, timestamp=worker.now)], step)
    worker.commit(step)
    assert_met_in_time(worker)


def test_polled_source_delivers_the_answer_after_the_deadline() -> None:
    worker, due = case_worker("first_response"), 10 * DAY
    worker.at(1, make("email.received", 0, **MAIL))
    worker.at(due - 60)
    worker.until(due + 40)
    worker.at(due + 40, make("email.answered", due - 20, **MAIL))
    assert_met_in_time(worker)


def test_worker_waits_for_the_second_of_a_near_deadline() -> None:
    worker = Worker(policies(FILE.replace("target = 60", "target = 10").replace("0.5", "0.99")))
    worker.until(39)
    worker.at(39.9, waiting(1, 39))
    worker.until(49)
    assert worker.at(50.4) == []
    assert worker.at(50.45) == ["sla.at_risk"]
    assert worker.at(50.5) == []
    worker.at(50.6, answered(49))
    assert_met_in_time(worker)


@pytest.mark.parametrize("stopped_at", [40, 58])
def test_deadline_just_after_a_start_waits_for_the_connector(stopped_at: int) -> None:
    worker = Worker()
    worker.at(1, waiting())
    worker.until(stopped_at)
    worker.kill()
    assert worker.until(stopped_at + 28) == []
    worker.at(stopped_at + 28, answered(45))
    assert_met_in_time(worker)


def test_outage_of_the_broker_delays_breaches() -> None:
    worker = Worker()
    worker.at(1, waiting())
    worker.until(50)
    worker.at(75)
    worker.at(75.5, answered(55))
    assert_met_in_time(worker)


@pytest.mark.parametrize("grace", [40, 120])
def test_grace_period_follows_the_setting(monkeypatch: pytest.MonkeyPatch, grace: int) -> None:
    monkeypatch.setattr(agent, "TIMES", TIMES._replace(sla_delays=SlaDelays(grace * 1000)))
    worker = Worker()
    worker.at(1, waiting())
    worker.kill()
    worker.at(590)
    worker.until(590 + grace - 1)
    assert reported_types(worker) == ["sla.started"]
    assert worker.at(590 + grace) == ["sla.at_risk", "sla.breached"]


@pytest.mark.parametrize(
    ("case", "first", "closing", "reopening"),
    [
        (LETTER, "letter.arrived", "letter.answered", "letter.assigned"),
        (FORM, "form.submitted", "form.decided", "form.taken_up"),
    ],
)
def test_reopened_case_stays_overdue(case: dict[str, Any], first: str, closing: str, reopening: str) -> None:
    worker = case_worker("resolution")
    worker.at(1, make(first, 0, **case))
    for day, name in ((1, reopening), (5, closing), (6, reopening)):
        worker.at(day * DAY + 1, make(name, day * DAY, **case, **EVENT_DATA.get(name, {})))
    worker.at(12 * DAY)
    worker.until(12 * DAY + 31)
    assert reported_types(worker)[-1] == "sla.breached"
    worker.at(13 * DAY + 1, make(reopening, 13 * DAY, **case))
    worker.at(14 * DAY)
    worker.until(14 * DAY + 31)
    assert reported_types(worker)[-1] == "sla.breached"


def test_contact_that_ended_before_the_file_existed_gets_no_clock() -> None:
    worker = Worker(Policies())
    worker.at(1, make("letter.arrived", 0, **LETTER))
    worker.at(DAY + 1, make("letter.acknowledged", DAY, **LETTER))
    worker.policies = policies(CASES.replace("KIND", "acknowledge"))
    worker.at(200 * DAY)
    worker.until(200 * DAY + 40)
    assert reported_types(worker) == []


def test_tick_returns_the_time_of_the_next_deadline() -> None:
    worker = Worker()
    worker.at(1, waiting())
    worker.until(36)
    step = Step(0, START_MS + 37_000, [topics.TIMELINE.name, topics.SLA.name])
    assert worker.job.tick(step) == START_MS + 61_501
