"""A partition says of which channels history is being read, and is not misled by what is told late as a matter of course."""

import pytest

from models import topics
from models.events import Event
from streams.agents.backlog import MIN_OLD_EVENTS, SILENCE_MS
from streams.core.figures.figure import PROGRESS_KEY
from tests.support.events import START_MS, make
from tests.unit.agents.worker import DAY_MS, HOUR_MS, Worker, record

COMES = {
    "mail": "letter.arrived",
    "email": "email.received",
    "form": "form.submitted",
    "appointment": "appointment.booked",
    "visit": "visit.arrived",
    "feedback": "feedback.invited",
}
MORE = {"form.submitted": {"procedure": "apa"}, "appointment.booked": {"starts_at": "2025-04-01T08:00:00Z"}}


def come(channel: str, number: int, *, at: float = 0) -> list[Event]:
    """Return so many contacts that begin a second apart from `at` on, seconds after the start."""
    kind = COMES[channel]
    more = MORE.get(kind, {})
    return [make(kind, at + second, subject=f"{channel}:x/siege:{at + second}", **more) for second in range(number)]


def told(late_ms: int, *, begins: bool = False) -> Worker:
    """Return a worker that is told what began at the start so much later; it was there before, unless it `begins` with it."""
    worker = Worker()
    worker.now = START_MS
    if not begins:
        worker.tick()
    worker.now = START_MS + late_ms
    return worker


def history(worker: Worker) -> dict[str, int]:
    """Return what the progress that is written says."""
    return dict(worker.job.progress.rows[PROGRESS_KEY].history)


@pytest.mark.parametrize("channel", COMES)
def test_channel_whose_history_is_read_is_reported_with_its_time(channel: str) -> None:
    worker = told(10 * DAY_MS)
    worker.fold(*come(channel, MIN_OLD_EVENTS))
    assert history(worker) == {channel: START_MS + 1000 * (MIN_OLD_EVENTS - 1)}
    assert worker.job.progress.rows[PROGRESS_KEY].step_at == worker.now, "all else is as of now"


def test_history_ends_without_old_events() -> None:
    worker = told(10 * DAY_MS)
    worker.fold(*come("email", MIN_OLD_EVENTS))
    worker.tick(SILENCE_MS - 1)
    assert history(worker)
    worker.fold(*come("email", 1, at=1000))
    worker.tick(SILENCE_MS - 1)
    assert history(worker), "another old one goes on with it"
    worker.tick(SILENCE_MS)
    assert history(worker) == {}


def test_recent_event_does_not_end_the_history() -> None:
    """A webhook tells of now while the history is still asked for."""
    worker = told(10 * DAY_MS)
    worker.fold(*come("form", MIN_OLD_EVENTS), *come("form", 1, at=10 * DAY_MS / 1000))
    assert history(worker).keys() == {"form"}


@pytest.mark.parametrize(
    ("channel", "late_ms"),
    [("mail", 4 * DAY_MS), ("feedback", DAY_MS), ("email", HOUR_MS // 2), ("visit", HOUR_MS // 2), ("form", 0)],
)
def test_usual_delay_is_no_history(channel: str, late_ms: int) -> None:
    worker = told(late_ms)
    worker.fold(*come(channel, 10 * MIN_OLD_EVENTS))
    assert history(worker) == {}


@pytest.mark.parametrize("channel", ["mail", "feedback", "email"])
def test_contact_older_than_the_first_count_is_history(channel: str) -> None:
    """So the demo says of its letters of three days that they are not all there yet."""
    worker = told(HOUR_MS // 2, begins=True)
    worker.fold(*come(channel, MIN_OLD_EVENTS))
    worker.commit()
    assert history(worker) == {channel: START_MS + 1000 * (MIN_OLD_EVENTS - 1)}
    worker.tick(SILENCE_MS)
    assert history(worker) == {}
    worker.now += DAY_MS
    worker.fold(*come(channel, MIN_OLD_EVENTS, at=DAY_MS / 1000 + HOUR_MS / 2000 - 60))
    assert history(worker) == {}, "these came, and were told, as ever"


def test_backlog_in_kafka_is_no_history() -> None:
    worker = told(HOUR_MS // 2, begins=True)
    sent = [record(event, timestamp=worker.now - 60_000) for event in come("mail", MIN_OLD_EVENTS)]
    worker.job.fold(topics.SOURCES[topics.Channel.MAIL].name, sent, worker.step())
    assert history(worker) == {}


def test_partition_of_an_earlier_release_has_no_start_time() -> None:
    worker = told(HOUR_MS // 2, begins=True)
    worker.tick()
    worker.job.progress.edit(PROGRESS_KEY, lambda: pytest.fail("it is there")).began_at = 0
    worker.commit()
    worker.fold(*come("mail", MIN_OLD_EVENTS))
    assert history(worker) == {}
    assert worker.job.progress.rows[PROGRESS_KEY].began_at == 0


def test_a_few_late_registrations_are_no_history() -> None:
    worker = told(10 * DAY_MS)
    for number in range(2 * MIN_OLD_EVENTS):
        worker.fold(*come("email", 1, at=number))
        worker.tick(SILENCE_MS if number % (MIN_OLD_EVENTS - 1) == 0 else 1000)
        assert history(worker) == {}


def test_late_event_of_a_known_contact_is_no_history() -> None:
    worker = told(0)
    letters = come("mail", MIN_OLD_EVENTS)
    worker.fold(*letters)
    worker.now += 10 * DAY_MS
    worker.fold(*[make("letter.registered", 60, subject=letter.subject, chrono="2025-7") for letter in letters])
    worker.fold(*letters)
    assert history(worker) == {}


def test_replayed_dead_letters_are_no_history() -> None:
    worker = told(10 * DAY_MS)
    headers = [(topics.REPLAYED_FROM_HEADER, b"0:7")]
    sent = [record(event, timestamp=worker.now, headers=headers) for event in come("email", MIN_OLD_EVENTS)]
    worker.job.fold(topics.SOURCES[topics.Channel.EMAIL].name, sent, worker.step())
    assert history(worker) == {}


def test_history_of_calls_is_reported_for_all_figures() -> None:
    worker = told(10 * DAY_MS)
    worker.fold(
        *[make("call.arrived", second, subject=f"call:asterisk/siege:{second}") for second in range(MIN_OLD_EVENTS)]
    )
    assert history(worker) == {}
    assert worker.job.progress.rows[PROGRESS_KEY].step_at < worker.now
