"""Reading a source a second time changes no figure of the contacts agent, at any later time."""

from models import topics
from models.events import Event
from models.topics import Channel
from streams.agents.codecs import PROGRESS
from streams.core.figures.figure import PROGRESS_KEY, Progress
from streams.core.figures.recompute_diff import compare
from streams.engine.partition_task import MAX_ROW_BYTES
from tests.support.events import AGENT, CALL, IN_QUEUE, START_MS, answered_call, make
from tests.support.simulated_workers import DAY_MS, HOUR_MS
from tests.unit.agents.worker import Worker, record

LOG_DAYS = 40
LOG = [
    *(event for day in range(LOG_DAYS) for event in answered_call(f"{CALL}{day}", at=day * 86_400)),
    *(
        make("agent.state_changed", day * 86_400, subject=AGENT, change="ring_unanswered", queue="mdph")
        for day in range(LOG_DAYS)
    ),
]
REREAD_HEADER = [(topics.REREAD_HEADER, b"1")]


def read(worker: Worker, events: list[Event]) -> list[str]:
    reasons = [letter.reason for letter in worker.fold(*events).dead_letters]
    worker.commit()
    return reasons


def pass_hours(worker: Worker, hours: int) -> None:
    for _ in range(hours):
        worker.tick(HOUR_MS)


def test_older_history_counts_while_no_row_of_its_source_was_deleted() -> None:
    worker = Worker()
    worker.now = START_MS + 400 * DAY_MS
    read(worker, answered_call(f"{CALL}now", at=399 * 86_400))
    pass_hours(worker, 3)
    assert read(worker, LOG) == []
    assert worker.total()["offered"] == LOG_DAYS + 1


def test_old_event_of_a_deleted_and_recreated_contact_is_rejected() -> None:
    worker, call = Worker(), answered_call()
    read(worker, call)
    worker.now = START_MS + 50 * DAY_MS
    pass_hours(worker, 3)
    read(worker, [make("call.queued", 49 * 86_400, **IN_QUEUE, visit=2)])
    counted = worker.sums()
    assert {*read(worker, call)} == {"duplicate"}
    assert compare(worker.sums(), counted) == []


def test_old_ring_of_a_deleted_and_recreated_agent_is_rejected() -> None:
    worker = Worker()
    shift = [
        make("agent.state_changed", at, subject=AGENT, change=change, queue="mdph")
        for at, change in enumerate(("logged_in", "ring_unanswered", "logged_out"))
    ]
    read(worker, shift)
    worker.now = START_MS + 50 * DAY_MS
    pass_hours(worker, 3)
    assert not worker.job.agents.rows
    counted = worker.sums()
    assert read(worker, shift) == ["duplicate"]
    assert worker.job.agents.rows
    assert compare(worker.sums(), counted) == []


def test_opinion_after_the_deletion_of_its_call_does_not_recreate_the_call() -> None:
    worker, call = Worker(), answered_call()
    read(worker, call)
    worker.now = START_MS + 50 * DAY_MS
    pass_hours(worker, 3)
    during = make("feedback.given", 10, survey="enquete", scale="csat_1_5", score=4)
    assert read(worker, [during]) == []
    counted = worker.sums()
    assert read(worker, call) == ["duplicate"] * 4
    assert compare(worker.sums(), counted) == []


def letter(kind: str, at: float, **data: object) -> Event:
    return make(f"letter.{kind}", at, subject="letter:maarch/siege:1", channel="mail", **data)


def test_letter_counts_once_when_its_source_is_reread_and_a_late_letter_is_accepted() -> None:
    worker = Worker()
    worker.now += DAY_MS
    letters = [letter("arrived", 0), letter("answered", 86_400)]
    read(worker, letters)
    worker.now = START_MS + 50 * DAY_MS
    pass_hours(worker, 3)
    assert not worker.job.contacts.rows
    counted = worker.sums()

    def read_again(*events: Event) -> list[str]:
        step = worker.step()
        records = [record(event, timestamp=worker.now, headers=REREAD_HEADER) for event in events]
        worker.job.fold(topics.SOURCES[Channel.MAIL].name, records, step)
        worker.commit()
        return [letter.reason for letter in step.dead_letters]

    assert read_again(*letters) == ["duplicate"] * 2
    assert compare(worker.sums(), counted) == []
    late = make("letter.arrived", 3_600, subject="letter:maarch/siege:2", channel="mail")
    assert read(worker, [late]) == []  # published for the first time after weeks, as happens with letters
    assert read_again(late) == []
    assert worker.job.progress.rows[PROGRESS_KEY].duplicates == 1


def test_state_of_an_earlier_release_rejects_events_that_it_may_have_deleted() -> None:
    worker = Worker()
    worker.now = START_MS + 50 * DAY_MS
    before = Progress(step_at=worker.now, told_at={"asterisk/siege": START_MS + 49 * DAY_MS})
    worker.job.progress.rows[PROGRESS_KEY] = before
    assert {*read(worker, answered_call())} == {"duplicate"}
    assert read(worker, answered_call("call:asterisk/annexe:1")) == []
    assert read(worker, answered_call(at=20 * 86_400)) == []


def test_upgrade_while_a_history_is_read_continues_it() -> None:
    worker = Worker()
    worker.now = START_MS + 400 * DAY_MS
    before = Progress(step_at=worker.now, told_at={"asterisk/siege": START_MS + 49 * DAY_MS})
    worker.job.progress.rows[PROGRESS_KEY] = before
    assert {*read(worker, answered_call(at=48 * 86_400))} == {"duplicate"}
    assert read(worker, answered_call(at=50 * 86_400)) == []


def abandoned(number: int) -> Event:
    source = f"{number:04}" + "\N{ELECTRIC PLUG}" * 180
    return make("call.abandoned", subject=f"call:{source}:1", native_id=number, queue="mdph", wait_seconds=9)


def test_progress_row_stays_small_with_many_sources() -> None:
    worker = Worker()
    for number in range(600):
        read(worker, [abandoned(number)])
    worker.now = START_MS + 50 * DAY_MS
    pass_hours(worker, 3)
    assert not worker.job.contacts.rows
    assert len(PROGRESS.dump(worker.job.progress.rows[PROGRESS_KEY])) < MAX_ROW_BYTES
    for number in (0, 599):
        assert read(worker, [abandoned(number)]) == ["duplicate"]
