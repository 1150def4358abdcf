"""Old and repeated events in the contacts agent: figures have the time of the history, and nothing counts twice."""

import pytest

from models import topics
from models.events import Event
from streams.core.figures.figure import BUCKET_SECONDS, PROGRESS_KEY
from streams.core.figures.figure_schemas import QUEUE_SCHEMA
from streams.engine.job import Step
from tests.support.events import AGENT, CALL, START_MS, answered_call, make
from tests.unit.agents.worker import DAY_MS, HOUR_MS, PLACE, TOPIC, Worker, record


def test_figures_are_as_of_the_read_events_while_the_worker_catches_up() -> None:
    worker = Worker()
    seen = []
    for as_of in (START_MS - 60_000, START_MS - 90_000, None):
        step = Step(0, worker.now, [topics.TIMELINE.name], as_of)
        worker.job.fold(TOPIC, [record(answered_call()[1])], step)
        worker.commit()
        seen.append(worker.job.progress.rows[PROGRESS_KEY].step_at)
    assert seen == [START_MS - 60_000, START_MS - 60_000, worker.now]


def test_no_call_is_ended_while_its_source_reads_its_history() -> None:
    worker = Worker()
    worker.now += DAY_MS
    worker.tick()
    worker.tick(60_000)
    other = "call:asterisk/annexe:1740988800.7"
    worker.fold(*answered_call()[:2])  # yesterday's events, read now
    worker.job.fold(TOPIC, [record(event) for event in answered_call(other, queue="apa")[:2]], worker.step())
    worker.commit()
    told_until = START_MS + 5_000
    assert worker.job.progress.rows[PROGRESS_KEY].step_at == told_until
    for _ in range(3):
        worker.tick(1_500)
        assert worker.job.progress.rows[PROGRESS_KEY].step_at == told_until
        assert worker.total() == {"offered": 1, "waiting": 1}
        assert worker.total(PLACE._replace(queue="apa")) == {"offered": 1, "left_forgotten": 1}
    worker.fold(*answered_call()[2:])
    worker.commit()
    assert "left_forgotten" not in worker.total()
    worker.tick(35_000)  # the log is read to its end: without events, calls can end now
    assert worker.job.progress.rows[PROGRESS_KEY].step_at == worker.now
    worker.fold(make("call.arrived", 60, subject=f"{CALL}1"))
    assert worker.job.progress.rows[PROGRESS_KEY].step_at == START_MS + 60_000
    worker.fold(make("call.arrived", (worker.now - START_MS) / 1000, subject=f"{CALL}2"))
    assert worker.job.progress.rows[PROGRESS_KEY].step_at == worker.now


def test_replayed_dead_letter_is_no_history() -> None:
    worker = Worker()
    worker.now += DAY_MS
    step = worker.step()
    sent = record(answered_call()[1], timestamp=worker.now, headers=[(topics.REPLAYED_FROM_HEADER, b"0:7")])
    worker.job.fold(TOPIC, [sent], step)
    assert worker.job.progress.rows[PROGRESS_KEY].step_at == worker.now


def test_history_has_its_own_time_even_if_other_sources_are_unknown() -> None:
    worker = Worker()
    step = Step(0, START_MS + DAY_MS, [topics.TIMELINE.name], 0)
    worker.job.fold(TOPIC, [record(answered_call()[1], timestamp=step.now)], step)
    assert worker.job.progress.rows[PROGRESS_KEY].step_at == START_MS + 5_000


def test_old_ring_repeated_within_the_hour_counts_once() -> None:
    worker = Worker()
    worker.now = START_MS + 90 * DAY_MS
    where = {"subject": AGENT, "queue": "mdph", "site": "siege", "service": "autonomie"}
    ring = make("agent.state_changed", 0, change="ring_unanswered", **where)
    worker.fold(ring)
    worker.commit()
    for _ in range(4):
        worker.tick(10 * 60_000)
    worker.fold(ring)
    worker.commit()
    assert worker.total()["ring_unanswered"] == 1
    for _ in range(3):
        worker.tick(HOUR_MS)
    assert not worker.job.agents.rows


def test_old_log_read_again_counts_no_ring_twice() -> None:
    worker = Worker()
    where = {"subject": AGENT, "queue": "mdph", "site": "siege", "service": "autonomie"}
    ring = make("agent.state_changed", 0, change="ring_unanswered", **where)
    worker.fold(ring)
    worker.commit()
    for day in (50, 51):
        worker.now = START_MS + day * DAY_MS
        worker.fold(*answered_call(f"call:asterisk/siege:{day}", at=day * 86_400))
        worker.commit()
        for _ in range(3):
            worker.tick(BUCKET_SECONDS * 1000)
        assert worker.job.agents.rows == {}
        assert [letter.reason for letter in worker.fold(ring).dead_letters] == ["told_again"]
        worker.commit()
    worker.fold(make("agent.state_changed", 51 * 86_400, change="logged_in", **where))
    assert [letter.reason for letter in worker.fold(ring).dead_letters] == ["told_again"]
    assert worker.total()["ring_unanswered"] == 1


@pytest.mark.parametrize("opinion", [[], [make("feedback.given", 59 * 86_400, scale="csat_1_5", score=4)]])
def test_log_read_again_from_its_start_counts_nothing_twice(opinion: list[Event]) -> None:
    worker = Worker()
    late = 60 * 86_400
    log = [*answered_call(), *answered_call(f"{CALL}9", at=late)]
    worker.now = START_MS + (late + 300) * 1000
    worker.fold(*log)
    worker.commit()
    counted = worker.total()
    for _ in range(3):  # the first call's row is deleted: closed before the retention, and unchanged for an hour
        worker.tick(HOUR_MS)
    assert list(worker.job.contacts.rows) == [f"{CALL}9".encode()]
    worker.fold(*opinion)  # about a call without a row
    worker.commit()
    step = worker.fold(*log)
    worker.commit()
    assert {letter.reason for letter in step.dead_letters} == {"told_again"}
    assert len(step.dead_letters) == 4
    assert worker.total() == counted
    assert worker.job.progress.rows[PROGRESS_KEY].duplicates == 4


def test_another_source_may_have_older_events() -> None:
    worker = Worker()
    worker.now = START_MS + 60 * DAY_MS
    worker.fold(*answered_call(at=59 * 86_400))
    other = "call:asterisk/annexe:1740988800.7"
    step = worker.fold(*answered_call(other))
    assert step.dead_letters == []


def test_history_does_not_end_during_an_outage() -> None:
    worker = Worker()
    worker.now += DAY_MS
    worker.tick(60_000)
    worker.fold(*answered_call()[:2])  # yesterday's events, read now
    worker.commit()
    worker.now += 600_000  # an outage of the broker, without ticks
    worker.job.tick(worker.step())
    worker.commit()
    assert worker.total() == {"offered": 1, "waiting": 1}
    assert worker.job.progress.rows[PROGRESS_KEY].step_at == START_MS + 5_000
    worker.fold(*answered_call()[2:])
    worker.commit()
    assert "left_forgotten" not in worker.total()
    assert not any(row.corrected.get(QUEUE_SCHEMA.index["left_forgotten"]) for row in worker.job.figures.rows.values())
