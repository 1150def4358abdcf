"""The contacts agent reads a source a second time: no figure changes, however late that is."""

import pytest

from models import topics
from models.events import Event
from models.topics import Channel
from streams.agents.codecs import PROGRESS
from streams.core.figures.figure import PROGRESS_KEY, Progress
from streams.core.figures.recompute_diff import Sums, compare, sum_by_day
from streams.engine.partition_task import MAX_ROW_BYTES
from tests.support.events import AGENT, CALL, START_MS, answered_call, make
from tests.unit.agents.worker import DAY_MS, HOUR_MS, TIMES, Worker, record

LOG_DAYS = 40
LOG = [
    *(event for day in range(LOG_DAYS) for event in answered_call(f"{CALL}{day}", at=day * 86_400)),
    *(
        make("agent.state_changed", day * 86_400, subject=AGENT, change="ring_unanswered", queue="mdph")
        for day in range(LOG_DAYS)
    ),
]
REREAD_HEADER = [(topics.REREAD_HEADER, b"1")]


def sums(worker: Worker) -> Sums:
    """Return totals and days; five minutes become a part of their day in time."""
    found: Sums = {}
    sum_by_day(worker.job.figures.rows.items(), worker.job.days.rows.items(), TIMES.zone, found)
    return found


def read(worker: Worker, events: list[Event]) -> list[str]:
    reasons = [letter.reason for letter in worker.fold(*events).dead_letters]
    worker.commit()
    return reasons


def pass_hours(worker: Worker, hours: int) -> None:
    for _ in range(hours):
        worker.tick(HOUR_MS)


@pytest.mark.parametrize("days_after", [0, 10, 20, 36, 400])
def test_a_log_that_ended_long_ago_counts_once_when_it_is_read_again(days_after: int) -> None:
    worker = Worker()
    worker.now = START_MS + (LOG_DAYS + days_after) * DAY_MS
    assert read(worker, LOG) == []
    counted = sums(worker)
    pass_hours(worker, 3)  # contacts closed more than 35 days ago are dropped
    assert abs(len(worker.job.contacts.rows) - max(0, 35 - days_after)) <= 1
    for _ in range(2):
        assert {*read(worker, LOG)} == {"told_again"}
        assert compare(sums(worker), counted) == []
        pass_hours(worker, 3)


def test_older_history_of_a_source_counts_as_long_as_nothing_of_it_was_dropped() -> None:
    worker = Worker()
    worker.now = START_MS + 400 * DAY_MS
    read(worker, answered_call(f"{CALL}now", at=399 * 86_400))
    pass_hours(worker, 3)
    assert read(worker, LOG) == []
    assert worker.total()["offered"] == LOG_DAYS + 1


def test_what_a_dropped_contact_did_before_is_refused_though_more_became_known_of_it_since() -> None:
    worker, told = Worker(), answered_call()
    read(worker, told)
    worker.now = START_MS + 50 * DAY_MS
    pass_hours(worker, 3)
    read(worker, [make("call.queued", 49 * 86_400, queue="mdph", site="siege", service="autonomie", visit=2)])
    counted = sums(worker)
    assert {*read(worker, told)} == {"told_again"}
    assert compare(sums(worker), counted) == []


def test_an_opinion_that_comes_after_its_call_was_dropped_does_not_begin_the_call_anew() -> None:
    worker, told = Worker(), answered_call()
    read(worker, told)
    worker.now = START_MS + 50 * DAY_MS
    pass_hours(worker, 3)
    during = make("feedback.given", 10, survey="enquete", scale="csat_1_5", score=4)
    assert read(worker, [during]) == []
    counted = sums(worker)
    assert read(worker, told) == ["told_again"] * 4
    assert compare(sums(worker), counted) == []


def letter(kind: str, at: float, **data: object) -> Event:
    return make(f"letter.{kind}", at, subject="letter:maarch/siege:1", channel="mail", **data)


def test_a_letter_counts_once_when_its_source_is_read_again_by_command_and_a_late_one_is_accepted() -> None:
    worker = Worker()
    worker.now += DAY_MS
    told = [letter("arrived", 0), letter("answered", 86_400)]
    read(worker, told)
    worker.now = START_MS + 50 * DAY_MS
    pass_hours(worker, 3)
    assert not worker.job.contacts.rows
    counted = sums(worker)

    def read_again(*events: Event) -> list[str]:
        step = worker.step()
        records = [record(event, timestamp=worker.now, headers=REREAD_HEADER) for event in events]
        worker.job.fold(topics.SOURCES[Channel.MAIL].name, records, step)
        worker.commit()
        return [one.reason for one in step.dead_letters]

    assert read_again(*told) == ["told_again"] * 2
    assert compare(sums(worker), counted) == []
    late = make("letter.arrived", 3_600, subject="letter:maarch/siege:2", channel="mail")
    assert read(worker, [late]) == []  # first told after weeks, as letters sometimes are
    assert read_again(late) == []
    assert worker.job.progress.rows[PROGRESS_KEY].duplicates == 1


def test_state_of_an_earlier_release_refuses_what_that_may_have_dropped() -> None:
    worker = Worker()
    worker.now = START_MS + 50 * DAY_MS
    before = Progress(step_at=worker.now, told_at={"asterisk/siege": START_MS + 49 * DAY_MS})
    worker.job.progress.rows[PROGRESS_KEY] = before
    assert {*read(worker, answered_call())} == {"told_again"}
    assert read(worker, answered_call("call:asterisk/annexe:1")) == []
    assert read(worker, answered_call(at=20 * 86_400)) == []


def test_a_history_that_is_half_read_when_a_release_comes_goes_on() -> None:
    worker = Worker()
    worker.now = START_MS + 400 * DAY_MS
    before = Progress(step_at=worker.now, told_at={"asterisk/siege": START_MS + 49 * DAY_MS})
    worker.job.progress.rows[PROGRESS_KEY] = before
    assert {*read(worker, answered_call(at=48 * 86_400))} == {"told_again"}
    assert read(worker, answered_call(at=50 * 86_400)) == []


def abandoned(number: int) -> Event:
    source = f"{number:04}" + "\N{ELECTRIC PLUG}" * 180
    return make("call.abandoned", subject=f"call:{source}:1", native_id=number, queue="mdph", wait_seconds=9)


def test_sources_without_number_fit_into_one_row() -> None:
    worker = Worker()
    for number in range(600):
        read(worker, [abandoned(number)])
    worker.now = START_MS + 50 * DAY_MS
    pass_hours(worker, 3)
    assert not worker.job.contacts.rows
    assert len(PROGRESS.dump(worker.job.progress.rows[PROGRESS_KEY])) < MAX_ROW_BYTES
    for number in (0, 599):
        assert read(worker, [abandoned(number)]) == ["told_again"]
