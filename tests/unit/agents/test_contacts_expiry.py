"""Erasure and expiry of rows in the contacts agent: the figures stay."""

from datetime import datetime
from zoneinfo import ZoneInfo

from models import topics
from models.events import Event
from streams.agents.contacts import ContactJob
from streams.core.contacts.contact import ContactState
from streams.core.figures.figure import PROGRESS_KEY
from streams.core.figures.figure_schemas import QUEUE_SCHEMA
from tests.support.events import AGENT, CALL, PHONE, START_MS, answered_call, make
from tests.support.simulated_workers import DAY_MS, HOUR_MS
from tests.unit.agents.worker import PAUSE_MS, PLACE, TIMES, Worker, numbers


def erasure(at: float = 0, subject: str = CALL) -> Event:
    return make("personal_data.erased", at, subject=subject, channel="call", site="", service="")


def test_erased_contact_gets_no_timeline_entries() -> None:
    worker, call = Worker(), answered_call()
    first = worker.fold(*call[:2])
    second = worker.fold(erased := erasure(), *call)
    worker.commit()
    assert [len(step.outputs[topics.TIMELINE.name]) for step in (first, second)] == [2, 1]
    [(key, value)] = second.outputs[topics.TIMELINE.name]
    assert PHONE.encode() not in value
    assert (key, "personal_data.erased" in value.decode()) == (CALL.encode(), True)
    assert worker.fold(*call, erased).outputs[topics.TIMELINE.name] == []  # the topic is read again
    assert worker.job.contacts.rows[CALL.encode()].state is ContactState.CLOSED
    assert PHONE.encode() not in b"".join(filter(None, worker.written.values()))


def test_erasure_changes_no_figure_and_is_no_history() -> None:
    worker, other = Worker(), Worker()
    for each in (worker, other):
        each.fold(*answered_call())
    worker.now = other.now = START_MS + 3 * HOUR_MS
    step = worker.step()
    worker.fold(erasure(0), erasure(0, "call:asterisk/siege:unknown"), step=step)
    worker.commit()
    other.commit()
    assert numbers(worker) == numbers(other)
    assert worker.job.progress.rows[PROGRESS_KEY].step_at == worker.now


def test_deleted_and_then_erased_call_is_not_counted_again() -> None:
    worker = Worker()
    worker.fold(*answered_call())
    worker.now += 50 * DAY_MS
    worker.fold(*answered_call("call:asterisk/siege:later", at=50 * 86_400))
    for _ in range(2):
        worker.tick(PAUSE_MS * 2)
    assert CALL.encode() not in worker.job.contacts.rows
    before = numbers(worker)
    worker.fold(erasure(50 * 86_400))
    step = worker.fold(*answered_call())
    assert [letter.reason for letter in step.dead_letters] == ["duplicate"] * 4
    assert numbers(worker) == before


def test_tick_ends_a_call_without_an_end() -> None:
    worker = Worker()
    worker.fold(*answered_call()[:2])
    worker.commit()
    worker.tick()
    worker.tick(HOUR_MS - 1)
    assert worker.total() == {"offered": 1, "waiting": 1}
    worker.tick(1)
    assert worker.total() == {"offered": 1, "left_forgotten": 1}
    assert worker.job.figures.rows[0, PLACE].oldest_waiting_at is None


def test_silent_agent_is_logged_out_and_can_return() -> None:
    worker = Worker()
    where = {"subject": AGENT, "queue": "mdph", "site": "siege", "service": "autonomie"}
    worker.fold(make("agent.state_changed", 0, change="logged_in", **where))
    worker.commit()
    worker.tick(3 * DAY_MS - HOUR_MS)
    assert worker.total() == {"agents_available": 1}
    worker.tick(HOUR_MS)
    assert worker.total() == {}
    worker.fold(make("agent.state_changed", 3 * 86_400, change="paused", **where))
    worker.commit()
    assert worker.total() == {"agents_paused": 1}


def test_expired_rows_are_deleted_and_stay_counted() -> None:
    worker = Worker()
    where = {"subject": AGENT, "queue": "mdph", "site": "siege", "service": "autonomie"}
    worker.now = START_MS + HOUR_MS
    worker.fold(*answered_call(), make("agent.state_changed", 0, change="logged_in", **where))
    worker.commit()
    counted = {name: number for name, number in worker.total().items() if name in QUEUE_SCHEMA.counts}
    worker.tick(36 * DAY_MS)
    for _ in range(2):  # the first tick restarts the sweep, the second checks the rows
        worker.tick(HOUR_MS)
    assert worker.written[CALL.encode()] is None
    assert worker.written[AGENT.encode()] is None
    assert not worker.job.contacts.rows
    assert not worker.job.agents.rows
    assert worker.total() == counted
    assert [start for start, _ in worker.job.figures.rows if start] == []


def test_old_buckets_and_late_events_count_in_the_day_row() -> None:
    worker = Worker()
    worker.fold(*answered_call())
    worker.commit()
    buckets = {key: row for key, row in worker.job.figures.rows.items() if key[0] and key[1] == PLACE}
    worker.tick(9 * DAY_MS)
    assert not any(start for start, _ in worker.job.figures.rows)
    began_at = datetime.fromtimestamp(START_MS / 1000, ZoneInfo("Europe/Paris"))
    day = worker.job.days.rows[began_at.date(), PLACE]
    in_buckets = [sum(column) for column in zip(*(row.counts for row in buckets.values()), strict=True)]
    assert day.counts == worker.job.figures.rows[0, PLACE].counts == in_buckets
    assert day.by_hour == [int(hour == began_at.hour) for hour in range(24)]
    worker.fold(*answered_call(f"{CALL}9"))
    worker.commit()
    assert worker.job.days.rows[began_at.date(), PLACE].counts == worker.job.figures.rows[0, PLACE].counts
    assert not any(start for start, _ in worker.job.figures.rows)
    (key,) = (key for key in worker.written if key.startswith(b'["day"') and b'"call"' in key)
    assert key == b'["day","%s","call","siege","autonomie","mdph"]' % began_at.date().isoformat().encode()
    read = ContactJob(0, TIMES)
    for table in read.tables:
        if table.topic == topics.FIGURES.name:
            assert table.load(key, worker.written[key]) == (table is read.days)
    assert read.days.rows == {key: day for key, day in worker.job.days.rows.items() if key[1] == PLACE}
    worker.tick((TIMES.keep_days + 1) * DAY_MS)
    assert worker.written[key] is None
    assert not worker.job.days.rows


def test_clock_ahead_for_a_moment_deletes_nothing() -> None:
    worker = Worker()
    worker.fold(*answered_call())
    worker.commit()
    for ahead in (40 * DAY_MS, -40 * DAY_MS):
        worker.now += ahead
        for _ in range(3):
            worker.job.tick(worker.step())
            worker.commit()
        assert CALL.encode() in worker.job.contacts.rows
    for after_ms in (40 * DAY_MS, PAUSE_MS):
        worker.tick(after_ms)
    assert CALL.encode() not in worker.job.contacts.rows, "the clock stays ahead: the event is that late"
