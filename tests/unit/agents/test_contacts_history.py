"""Old and repeated events in the contacts agent: figures have the time of the history, and nothing counts twice."""

from models import topics
from streams.core.figures.figure import PROGRESS_KEY
from streams.core.figures.figure_schemas import QUEUE_SCHEMA
from streams.engine.job import Step
from tests.support.events import CALL, START_MS, answered_call, make
from tests.support.simulated_workers import DAY_MS
from tests.unit.agents.worker import PLACE, TOPIC, Worker, record


def test_figures_are_as_of_the_read_events_while_the_worker_catches_up() -> None:
    worker = Worker()
    seen = []
    for as_of in (START_MS - 60_000, START_MS - 90_000, None):
        step = worker.step(as_of)
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
    history_until = START_MS + 5_000
    assert worker.job.progress.rows[PROGRESS_KEY].step_at == history_until
    for _ in range(3):
        worker.tick(1_500)
        assert worker.job.progress.rows[PROGRESS_KEY].step_at == history_until
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
