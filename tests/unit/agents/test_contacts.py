"""Steps of the contacts agent without a broker: changes, outputs, rejects and undo."""

import gc
import weakref
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import topics
from models.events import Event
from streams.core.figures.figure import PROGRESS_KEY
from streams.core.rows import MAX_DIMENSIONS_PER_ROW
from streams.engine.job import Step, roll_back
from streams.engine.partition_start import OFFSETS_KEY
from streams.engine.partition_task import MAX_ROW_BYTES
from streams.kafka.partitioner import partition_of
from tests.support.events import AGENT, CALL, IN_QUEUE, START_MS, answered_call, call_histories, make
from tests.support.simulated_workers import DAY_MS, HOUR_MS
from tests.unit.agents.worker import PLACE, TOPIC, Worker, numbers, record


def slices(events: Sequence[Event], cuts: Iterable[int]) -> Iterable[Sequence[Event]]:
    """Return the events in slices that end at `cuts`."""
    edges = [0, *sorted(cuts), len(events)]
    return [events[begin:end] for begin, end in pairwise(edges) if begin < end]


@st.composite
def mixed_histories(draw: st.DrawFn) -> tuple[list[Event], set[int]]:
    """Draw events of several calls and an agent, in any order and with duplicates, and the positions of batch boundaries."""
    calls = [draw(call_histories(f"{CALL}{number}")) for number in range(draw(st.integers(1, 4)))]
    changes = draw(
        st.lists(st.sampled_from(["logged_in", "paused", "contact_started", "ring_unanswered", "logged_out"]))
    )
    agent = [
        make("agent.state_changed", at, subject=AGENT, change=change, **IN_QUEUE) for at, change in enumerate(changes)
    ]
    events = draw(st.permutations([event for call in [*calls, agent] for event in call]))
    events += draw(st.lists(st.sampled_from(events), max_size=5)) if events else []
    return events, draw(st.sets(st.integers(0, len(events)), max_size=6))


@given(mixed_histories(), st.sampled_from(["after each batch", "once"]))
def test_figures_do_not_depend_on_batches(histories: tuple[list[Event], set[int]], commits: str) -> None:
    events, cuts = histories
    one_by_one, batched = Worker(), Worker()
    for worker in (one_by_one, batched):
        worker.now = START_MS + HOUR_MS
    for event in events:
        one_by_one.fold(event)
        one_by_one.commit()
    step = batched.step()
    for part in slices(events, cuts):
        batched.fold(*part, step=step)
        if commits == "after each batch":
            batched.commit()
            step = batched.step()
    assert numbers(batched) == numbers(one_by_one)
    assert batched.job.contacts.rows == one_by_one.job.contacts.rows


class _Defective(list[Any]):
    """A list of records whose iteration raises after the last record."""

    def __iter__(self) -> Iterator[Any]:
        yield from super().__iter__()
        raise ZeroDivisionError


@given(mixed_histories())
def test_undone_step_leaves_no_trace(histories: tuple[list[Event], set[int]]) -> None:
    events, cuts = histories
    undisturbed, disturbed = Worker(), Worker()
    for worker in (undisturbed, disturbed):
        worker.now = START_MS + HOUR_MS
    for part in slices(events, cuts):
        disturbed.fold(*reversed(part))
        roll_back(disturbed.job)
        with pytest.raises(ZeroDivisionError):
            disturbed.job.fold(TOPIC, _Defective(record(event) for event in part), disturbed.step())
        roll_back(disturbed.job)
        middle = len(part) // 2  # like the engine, which bisects to isolate the failing record
        for worker in (undisturbed, disturbed):
            for half in (part[:middle], part[middle:]):
                worker.fold(*half)
                worker.commit()
    assert numbers(disturbed) == numbers(undisturbed)
    assert disturbed.written == undisturbed.written


def test_each_event_of_a_contact_makes_one_timeline_entry_and_duplicates_none() -> None:
    worker = Worker()
    events = answered_call()
    step = worker.fold(*events, *events)
    assert len(step.outputs[topics.TIMELINE.name]) == 4
    progress = worker.job.progress.rows[PROGRESS_KEY]
    assert (progress.events, progress.duplicates) == (4, 4)


def test_unusable_records_are_rejected_and_the_others_count() -> None:
    worker = Worker()
    event = answered_call()[1]
    reasons = {
        "invalid_json": record(event, value=b"{"),
        "missing_key": record(event, key=None),
        "key_mismatch": record(event, key=b"call:other"),
        "time_in_future": record(make("call.queued", 99_999, queue="mdph")),
        "time_in_past": record(make("call.queued", -20 * 365 * 86_400, queue="mdph")),
    }
    of_an_agent = record(make("call.queued", subject=AGENT, queue="mdph"))
    step = worker.step()
    worker.job.fold(TOPIC, [*reasons.values(), of_an_agent, record(event)], step)
    assert [letter.reason for letter in step.dead_letters] == [*reasons, "key_mismatch"]
    assert worker.total() == {"offered": 1, "waiting": 1}
    assert sum(worker.job.progress.rows[PROGRESS_KEY].dead_letters.values()) == 6


def test_rejected_records_do_not_keep_the_step_in_memory() -> None:
    class Referable(SimpleNamespace):
        """A record that supports weak references."""

    worker = Worker()
    worker.fold(*answered_call())
    gc.collect()
    gc.disable()
    try:
        valid, invalid = record(answered_call()[1]), record(answered_call()[1], value=b"{")
        records = [Referable(**vars(valid)), Referable(**vars(invalid))]
        references = [weakref.ref(item) for item in records]
        step = worker.step()
        worker.job.fold(TOPIC, records, step)
        assert len(step.dead_letters) == 1
        records.clear()
        del step
        # Freed without garbage collection, which runs rarely: a step has megabytes.
        assert [reference() for reference in references] == [None, None]
    finally:
        gc.enable()


def test_event_time_is_checked_against_the_broker_time() -> None:
    worker = Worker()
    event = make("call.queued", 600, **IN_QUEUE)
    step = worker.step()  # with a worker clock ten minutes behind
    worker.job.fold(TOPIC, [record(event, timestamp=START_MS + 600_000)], step)
    assert step.dead_letters == []
    step = worker.step()
    worker.job.fold(TOPIC, [record(event, timestamp=START_MS)], step)
    assert [letter.reason for letter in step.dead_letters] == ["time_in_future"]


def test_record_in_the_wrong_partition_is_rejected() -> None:
    worker = Worker()
    events = [make("call.queued", subject=f"{CALL}{number}", queue="mdph") for number in range(40)]
    step = Step(0, worker.now, [topics.TIMELINE.name], partitions=4)
    worker.fold(*events, step=step)
    own = {event.subject.encode() for event in events if partition_of(event.subject.encode(), 4) == 0}
    assert worker.job.contacts.rows.keys() == own
    assert {letter.reason for letter in step.dead_letters} == {"key_mismatch"}
    assert len(step.dead_letters) == 40 - len(own) > 0


def test_number_of_dimensions_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.core.rows._INTERNED", {})
    monkeypatch.setattr("streams.core.contacts.queue_stay.MAX_DIMENSIONS", 3)
    worker = Worker()
    calls = [make("call.queued", subject=f"{CALL}{number}", queue=f"extension-{number}") for number in range(5)]
    step = worker.fold(*calls, *calls)
    assert [letter.reason for letter in step.dead_letters] == ["too_many_places"] * 4
    assert len(worker.job.contacts.rows) == 3
    feedback = [
        make("feedback.invited", 50, subject=f"{CALL}{number}", queue=f"extension-{number}") for number in range(3)
    ]
    assert worker.fold(*feedback).dead_letters == [], "derived dimensions do not count"


def test_queues_of_an_agent_and_sectors_of_a_contact_are_limited() -> None:
    worker, where = Worker(), {"subject": AGENT, "site": "s" * 64, "service": "s" * 64}
    logins, pauses = (
        [
            make("agent.state_changed", n / 1000, **where, change=change, queue=f"{n:064}")
            for n in range(MAX_DIMENSIONS_PER_ROW + 3)
        ]
        for change in ("logged_in", "paused")
    )
    contacts = [
        make("call.queued", n / 1000, subject=f"{CALL}1", queue="mdph").model_copy(
            update={"sector": f"{n:064}", "identities": "x" * 990}
        )
        for n in range(MAX_DIMENSIONS_PER_ROW + 3)
    ]
    step = worker.fold(*logins, *pauses, *contacts)
    assert [letter.reason for letter in step.dead_letters] == ["too_many_places"] * 9
    assert worker.fold(logins[5], contacts[5]).dead_letters == [], "known queues and sectors are accepted"
    worker.commit()
    assert max(map(len, filter(None, worker.written.values()))) < MAX_ROW_BYTES


@pytest.mark.parametrize("subject", [OFFSETS_KEY.decode(), "\0", "\ncall:s:1", " call:s:1"])
def test_subject_reserved_for_the_engine_is_rejected(subject: str) -> None:
    worker = Worker()
    letters = worker.fold(make("call.queued", 0, subject=subject, queue="mdph")).dead_letters
    assert [(letter.reason, letter.detail.split(":")[0]) for letter in letters] == [("invalid_field", "subject")]
    assert not worker.job.contacts.rows


def test_undone_step_restores_the_day_row() -> None:
    worker = Worker()
    worker.now += 20 * DAY_MS
    worker.fold(*answered_call())
    worker.commit()
    ((key, row),) = ((key, row) for key, row in worker.job.days.rows.items() if key[1] == PLACE)
    before = [*row.counts], [*(row.by_hour or ())]
    worker.fold(*answered_call(f"{CALL}9"))
    assert worker.job.days.rows[key].counts != before[0]
    roll_back(worker.job)
    assert (worker.job.days.rows[key].counts, worker.job.days.rows[key].by_hour) == before
