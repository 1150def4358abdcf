"""Promises in a citizen's timeline: what became known later takes back what was told in error."""

from streams.timeline.store import Timeline
from tests.support.events import CALL, make
from tests.unit.agents.clocks import QUEUED, Worker, waiting

CONTACT = f"{CALL}1"


def kept(timeline: Timeline, worker: Worker) -> list[str]:
    timeline.write(worker.entries)
    return [row["type"] for row in timeline.read_contact(CONTACT)]


def test_an_answer_in_time_that_is_told_late_takes_back_the_breach(timeline: Timeline) -> None:
    worker = Worker()
    worker.at(1, waiting())
    worker.until(100)
    assert kept(timeline, worker) == ["call.queued", "sla.breached"]
    worker.at(200, make("call.answered", 20, subject=CONTACT, **QUEUED))
    assert sorted(kept(timeline, worker)) == ["call.answered", "call.queued", "sla.met"]


def test_a_breach_that_was_one_stays(timeline: Timeline) -> None:
    worker = Worker()
    worker.at(1, waiting())
    worker.until(100)
    worker.at(200, make("call.answered", 90, subject=CONTACT, **QUEUED))
    assert sorted(kept(timeline, worker)) == ["call.answered", "call.queued", "sla.breached", "sla.met"]


def test_who_hung_up_in_time_as_is_told_late_was_promised_nothing_that_was_broken(timeline: Timeline) -> None:
    worker = Worker()
    worker.at(1, waiting())
    worker.until(100)
    worker.at(200, make("call.abandoned", 20, subject=CONTACT, **QUEUED))
    assert sorted(kept(timeline, worker)) == ["call.abandoned", "call.queued", "sla.cancelled"]
