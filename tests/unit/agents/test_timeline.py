"""Timeline agent without Kafka: entries go to the store, invalid records to the dead letters."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import pytest

from models import topics
from models.reasons import Reason
from streams.agents import citizens
from streams.agents.timeline import make_job
from streams.core.citizens.citizen_figures import TOTAL_PERIOD, CitizenFigureKey
from streams.core.contacts import contact
from streams.core.contacts.contact import ERASED
from streams.core.sla import open_targets
from streams.core.timeline import entries as timeline
from streams.engine.job import Step, roll_back
from streams.engine.partition_start import UnrecoverableStateError
from streams.timeline import positions
from tests.support.citizens import FakeTimeline, named
from tests.support.events import CASE, START_MS, answered_call, make


class Record(NamedTuple):
    """A record as the consumer returns it."""

    offset: int
    timestamp: int
    key: bytes
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


def test_batch_is_written_in_one_call_and_invalid_entries_are_rejected() -> None:
    event = answered_call()[0]
    key, value = timeline.record(event, contact.fold(None, event))
    records = [Record(0, 0, key, value), Record(1, 0, key, b"{}"), Record(2, 0, key, None), Record(3, 0, key, value)]
    store = FakeTimeline()
    step = Step(0, 0, [])
    make_job("accueil", store).open(0).fold(topics.TIMELINE.name, records, step)
    assert [[entry.id for entry in batch] for batch in store.batches] == [[event.id, event.id]]
    assert [(letter.record.offset, letter.reason) for letter in step.dead_letters] == [
        (1, Reason.INVALID_FIELD.value),
        (2, Reason.NULL_VALUE.value),
    ]


def test_open_targets_are_written_and_are_no_entries() -> None:
    _, queued, *_ = answered_call()
    targets = open_targets.record(contact.fold(None, queued), queued.subject, START_MS)
    broken = targets[1].replace(b'"promises":[]', b'"promises":[["a","b"]]')
    store, step = FakeTimeline(), Step(0, 0, [])
    records = [Record(0, 0, *targets), Record(1, 0, targets[0], broken)]
    make_job("accueil", store).open(0).fold(topics.TIMELINE.name, records, step)
    assert store.batches == [[]]
    assert [(item.contact, item.sla_targets) for item in store.sla_targets] == [(queued.subject, ())]
    assert [(letter.record.offset, letter.reason) for letter in step.dead_letters] == [(1, Reason.INVALID_FIELD.value)]


def test_replayed_dead_letter_of_an_erased_contact_does_not_count() -> None:
    _, queued, *_ = answered_call()
    record = Record(0, START_MS + 1, *timeline.record(queued, contact.fold(None, queued)))
    store = FakeTimeline()
    store.erased[queued.subject] = START_MS
    job = make_job("accueil", store).open(0)
    job.fold(topics.TIMELINE.name, [record], Step(0, START_MS, []))
    assert not any(table.rows for table in job.tables)
    store.erased.clear()
    job.fold(topics.TIMELINE.name, [record], Step(0, START_MS, []))
    assert any(table.rows for table in job.tables)


@pytest.mark.parametrize("cuts", [(3,), (2, 3), (1, 2, 3)])
@pytest.mark.parametrize("crash", [False, True])
def test_entries_before_an_erasure_count_in_any_batch_and_after_a_crash(cuts: tuple[int, ...], crash: bool) -> None:
    name, records, row = {"subject": "mail:s:1"}, [], None
    for offset, kind in enumerate(("letter.arrived", "letter.answered", ERASED)):
        event = make(kind, offset, **name, **({"channel": "mail"} if kind == ERASED else {"identities": CASE}))
        row = contact.fold(row, event)
        records.append(Record(offset, START_MS + 9000 + offset // 2, *timeline.record(event, row)))
    job = make_job("accueil", FakeTimeline()).open(0)
    for start, end in pairwise((0, *cuts)):
        for is_committed in (False, True) if crash else (True,):
            job.fold(topics.TIMELINE.name, records[start:end], Step(0, START_MS + 10_000, []))
            for table in job.tables:
                if not is_committed:
                    table.roll_back()
                table.commit()
    _, figures, _ = job.tables
    counted = named(figures.rows)[CitizenFigureKey(TOTAL_PERIOD, 0, "")]
    assert counted == dict.fromkeys(("active", "began_mail_other", "handled_mail_first_alone", "hop_none_mail"), 1)


def test_empty_batch_is_not_written() -> None:
    store = FakeTimeline()
    make_job("accueil", store).open(0).fold(topics.TIMELINE.name, [], Step(0, 0, []))
    assert store.batches == []


def test_only_the_first_partition_expires_entries() -> None:
    store = FakeTimeline()
    for partition in range(4):
        make_job("accueil", store).open(partition).tick(Step(partition, 7, []))
    assert store.expirations == [7]


def test_sweep_is_repeated_after_an_undone_tick() -> None:
    event = make("letter.arrived", 0, subject="mail:s:1", identities=CASE)
    store = FakeTimeline()
    job = make_job("accueil", store).open(0)
    job.fold(
        topics.TIMELINE.name, [Record(0, 0, *timeline.record(event, contact.fold(None, event)))], Step(0, START_MS, [])
    )
    rows = job.tables[0]
    rows.commit()
    assert rows.rows
    store.erased = {"mail:s:1": START_MS}
    job.tick(Step(0, START_MS + 1, []))
    assert not rows.rows
    roll_back(job)
    job.tick(Step(0, START_MS + 2, []))
    assert not rows.rows


def test_undone_step_does_not_restart_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(citizens, "SWEPT_PER_TICK", 2)
    store = FakeTimeline()
    job = make_job("accueil", store).open(0)
    letters = [make("letter.arrived", 0, subject=f"mail:s:{n}") for n in range(5)]
    records = [Record(0, 0, *timeline.record(letter, contact.fold(None, letter))) for letter in letters]
    job.fold(topics.TIMELINE.name, records, Step(0, START_MS, []))
    store.erased = {letter.subject: START_MS for letter in letters}
    rows, left = job.tables[0], []

    def end_step(*, is_committed: bool) -> None:
        if not is_committed:
            roll_back(job)
        for table in job.tables:
            table.commit()
        left.append(len(rows.rows))

    end_step(is_committed=True)
    for is_committed in (True, False, True):
        job.tick(Step(0, START_MS + 1, []))
        end_step(is_committed=is_committed)
    job.fold(topics.TIMELINE.name, records[:1], Step(0, START_MS + 1, []))
    end_step(is_committed=False)
    job.tick(Step(0, START_MS + 1, []))
    end_step(is_committed=False)
    job.tick(Step(0, START_MS + 1, []))
    end_step(is_committed=True)
    assert left == [5, 3, 3, 1, 1, 1, 0]


def test_store_that_lacks_committed_entries_is_detected() -> None:
    store, topic = FakeTimeline(), topics.TIMELINE.name
    writer = make_job("accueil", store).open(0)
    writer.check_positions({})  # no offset was ever committed
    with pytest.raises(UnrecoverableStateError, match=r"lacks entries of citizen.timeline.v1: 0 to 7"):
        writer.check_positions({topic: 7})
    writer.fold(topic, [], Step(0, START_MS, [], taken={topic: 7}))  # only transaction markers
    writer.check_positions({topic: 7})
    invalid = Record(0, 0, b"phone:a", b"no entry")
    writer.reject_record(topic, invalid, ValueError(), Step(0, START_MS, [], taken={topic: 8}))
    writer.check_positions({topic: 8})
    writer.check_positions({topic: 5})  # a crash before the offsets were committed
    with pytest.raises(UnrecoverableStateError, match=r": 8 to 9"):
        writer.check_positions({topic: 9})
    assert positions.find_missing({positions.EARLIER_RELEASE: 0}, 0, 9) is None
