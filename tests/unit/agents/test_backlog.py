"""Detection of channels whose history is being read; usual delays do not count as history."""

import pytest

from models import topics
from models.events import Event
from streams.core.contacts.history import GRACE_MS, MIN_OLD_EVENTS
from streams.core.figures.figure import PROGRESS_KEY
from tests.support.events import START_MS, make
from tests.unit.agents.worker import DAY_MS, HOUR_MS, Worker, record

ARRIVALS = {
    "mail": "letter.arrived",
    "email": "email.received",
    "form": "form.submitted",
    "appointment": "appointment.booked",
    "visit": "visit.arrived",
    "feedback": "feedback.invited",
}
MORE = {"form.submitted": {"procedure": "apa"}, "appointment.booked": {"starts_at": "2025-04-01T08:00:00Z"}}


def arrivals(channel: str, number: int, *, at: float = 0) -> list[Event]:
    """Return `number` contacts that begin one second apart, from `at` on, in seconds after the start."""
    kind = ARRIVALS[channel]
    more = MORE.get(kind, {})
    return [make(kind, at + second, subject=f"{channel}:x/siege:{at + second}", **more) for second in range(number)]


def delayed_worker(late_ms: int, *, begins: bool = False) -> Worker:
    """Return a worker `late_ms` after the start. It has counted before the start, unless `begins` is true."""
    worker = Worker()
    worker.now = START_MS
    if not begins:
        worker.tick()
    worker.now = START_MS + late_ms
    return worker


def history(worker: Worker) -> dict[str, int]:
    """Return the history in the written progress."""
    return dict(worker.job.progress.rows[PROGRESS_KEY].history)


@pytest.mark.parametrize("channel", ARRIVALS)
def test_channel_whose_history_is_read_is_reported_with_its_time(channel: str) -> None:
    worker = delayed_worker(10 * DAY_MS)
    worker.fold(*arrivals(channel, MIN_OLD_EVENTS))
    assert history(worker) == {channel: START_MS + 1000 * (MIN_OLD_EVENTS - 1)}
    assert worker.job.progress.rows[PROGRESS_KEY].step_at == worker.now, "the other figures are as of now"


def test_history_ends_without_old_events() -> None:
    worker = delayed_worker(10 * DAY_MS)
    worker.fold(*arrivals("email", MIN_OLD_EVENTS))
    worker.tick(GRACE_MS - 1)
    assert history(worker)
    worker.fold(*arrivals("email", 1, at=1000))
    worker.tick(GRACE_MS - 1)
    assert history(worker), "another old contact continues the history"
    worker.tick(GRACE_MS)
    assert history(worker) == {}


def test_recent_event_does_not_end_the_history() -> None:
    """A webhook delivers a recent event while the history is still being fetched."""
    worker = delayed_worker(10 * DAY_MS)
    worker.fold(*arrivals("form", MIN_OLD_EVENTS), *arrivals("form", 1, at=10 * DAY_MS / 1000))
    assert history(worker).keys() == {"form"}


@pytest.mark.parametrize(
    ("channel", "late_ms"),
    [("mail", 4 * DAY_MS), ("feedback", DAY_MS), ("email", HOUR_MS // 2), ("visit", HOUR_MS // 2), ("form", 0)],
)
def test_usual_delay_is_no_history(channel: str, late_ms: int) -> None:
    worker = delayed_worker(late_ms)
    worker.fold(*arrivals(channel, 10 * MIN_OLD_EVENTS))
    assert history(worker) == {}


@pytest.mark.parametrize("channel", ["mail", "feedback", "email"])
def test_contact_older_than_the_first_count_is_history(channel: str) -> None:
    """This makes the demo report that its letters of three days are incomplete."""
    worker = delayed_worker(HOUR_MS // 2, begins=True)
    worker.fold(*arrivals(channel, MIN_OLD_EVENTS))
    worker.commit()
    assert history(worker) == {channel: START_MS + 1000 * (MIN_OLD_EVENTS - 1)}
    worker.tick(GRACE_MS)
    assert history(worker) == {}
    worker.now += DAY_MS
    worker.fold(*arrivals(channel, MIN_OLD_EVENTS, at=DAY_MS / 1000 + HOUR_MS / 2000 - 60))
    assert history(worker) == {}, "these arrived and were published with the usual delay"


def test_backlog_in_kafka_is_no_history() -> None:
    worker = delayed_worker(HOUR_MS // 2, begins=True)
    sent = [record(event, timestamp=worker.now - 60_000) for event in arrivals("mail", MIN_OLD_EVENTS)]
    worker.job.fold(topics.SOURCES[topics.Channel.MAIL].name, sent, worker.step())
    assert history(worker) == {}


def test_partition_of_an_earlier_release_has_no_start_time() -> None:
    worker = delayed_worker(HOUR_MS // 2, begins=True)
    worker.tick()
    worker.job.progress.edit(PROGRESS_KEY, lambda: pytest.fail("it is there")).began_at = 0
    worker.commit()
    worker.fold(*arrivals("mail", MIN_OLD_EVENTS))
    assert history(worker) == {}
    assert worker.job.progress.rows[PROGRESS_KEY].began_at == 0


def test_a_few_late_registrations_are_no_history() -> None:
    worker = delayed_worker(10 * DAY_MS)
    for number in range(2 * MIN_OLD_EVENTS):
        worker.fold(*arrivals("email", 1, at=number))
        worker.tick(GRACE_MS if number % (MIN_OLD_EVENTS - 1) == 0 else 1000)
        assert history(worker) == {}


def test_late_event_of_a_known_contact_is_no_history() -> None:
    worker = delayed_worker(0)
    letters = arrivals("mail", MIN_OLD_EVENTS)
    worker.fold(*letters)
    worker.now += 10 * DAY_MS
    worker.fold(*[make("letter.registered", 60, subject=letter.subject, chrono="2025-7") for letter in letters])
    worker.fold(*letters)
    assert history(worker) == {}


def test_history_of_calls_is_reported_for_all_figures() -> None:
    worker = delayed_worker(10 * DAY_MS)
    worker.fold(
        *[make("call.arrived", second, subject=f"call:asterisk/siege:{second}") for second in range(MIN_OLD_EVENTS)]
    )
    assert history(worker) == {}
    assert worker.job.progress.rows[PROGRESS_KEY].step_at < worker.now
