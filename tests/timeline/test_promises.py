"""SLA entries of a timeline: later knowledge withdraws wrong breaches."""

from streams.timeline.store import Timeline
from tests.support.events import CALL, make
from tests.unit.agents.clocks import QUEUED, Worker, waiting

CONTACT = f"{CALL}1"


def stored_types(timeline: Timeline, worker: Worker) -> list[str]:
    timeline.write(worker.entries)
    return [row["type"] for row in timeline.read_contact(CONTACT)]


def test_late_report_of_an_answer_in_time_withdraws_the_breach(timeline: Timeline) -> None:
    worker = Worker()
    worker.at(1, waiting())
    worker.until(100)
    assert stored_types(timeline, worker) == ["call.queued", "sla.breached"]
    worker.at(200, make("call.answered", 20, subject=CONTACT, **QUEUED))
    assert sorted(stored_types(timeline, worker)) == ["call.answered", "call.queued", "sla.met"]


def test_true_breach_stays(timeline: Timeline) -> None:
    worker = Worker()
    worker.at(1, waiting())
    worker.until(100)
    worker.at(200, make("call.answered", 90, subject=CONTACT, **QUEUED))
    assert sorted(stored_types(timeline, worker)) == ["call.answered", "call.queued", "sla.breached", "sla.met"]


def test_late_report_of_an_early_hang_up_withdraws_the_breach(timeline: Timeline) -> None:
    worker = Worker()
    worker.at(1, waiting())
    worker.until(100)
    worker.at(200, make("call.abandoned", 20, subject=CONTACT, **QUEUED))
    assert sorted(stored_types(timeline, worker)) == ["call.abandoned", "call.queued", "sla.cancelled"]
