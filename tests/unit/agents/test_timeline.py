"""The timeline agent without Kafka: entries to the store, all else to the dead letters."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from models import topics
from models.reasons import Reason
from streams.agents.timeline import make_job
from streams.core import contact, promises, timeline
from streams.core.promises import Promised
from streams.core.timeline import Entry
from streams.engine.job import Step
from tests.support.events import CASE, START_MS, answered_call, make


class Record(NamedTuple):
    """As a fetch yields it."""

    offset: int
    timestamp: int
    key: bytes
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class Store:
    """Remembers what it is given."""

    def __init__(self) -> None:
        self.batches: list[list[Entry]] = []
        self.promised: list[Promised] = []
        self.tidied: list[int] = []
        self.carried: list[int] = []
        self.erased: set[str] = set()

    def write(self, entries: Sequence[Entry], promised: Sequence[Promised]) -> None:
        self.batches.append(list(entries))
        self.promised += promised

    def find_erased(self, contacts: Collection[str] | None = None) -> set[str]:
        return self.erased if contacts is None else self.erased & {*contacts}

    def find_owners(self, names: Collection[str]) -> set[str]:
        return {entry.citizen for batch in self.batches for entry in batch} & {*names}

    def carry(self, now: int) -> None:
        self.carried.append(now)

    def tidy(self, now: int) -> None:
        self.tidied.append(now)


def test_a_batch_is_written_at_once_and_what_is_no_entry_is_set_aside() -> None:
    event = answered_call()[0]
    key, value = timeline.record(event, contact.fold(None, event))
    records = [Record(0, 0, key, value), Record(1, 0, key, b"{}"), Record(2, 0, key, None), Record(3, 0, key, value)]
    store = Store()
    step = Step(0, 0, [])
    make_job("accueil", store).open(0).fold(topics.TIMELINE.name, records, step)
    assert [[entry.id for entry in batch] for batch in store.batches] == [[event.id, event.id]]
    assert [(letter.record.offset, letter.reason) for letter in step.dead_letters] == [
        (1, Reason.INVALID_FIELD.value),
        (2, Reason.NULL_VALUE.value),
    ]


def test_what_is_still_to_be_kept_is_written_and_is_no_entry() -> None:
    _, queued, *_ = answered_call()
    told = promises.record(contact.fold(None, queued), queued.subject, START_MS)
    broken = told[1].replace(b'"promises":[]', b'"promises":[["a","b"]]')
    store, step = Store(), Step(0, 0, [])
    records = [Record(0, 0, *told), Record(1, 0, told[0], broken)]
    make_job("accueil", store).open(0).fold(topics.TIMELINE.name, records, step)
    assert store.batches == [[]]
    assert [(one.contact, one.promises) for one in store.promised] == [(queued.subject, ())]
    assert [(letter.record.offset, letter.reason) for letter in step.dead_letters] == [(1, Reason.INVALID_FIELD.value)]


def test_whoever_was_erased_is_not_counted_by_a_dead_letter_that_is_sent_again() -> None:
    _, queued, *_ = answered_call()
    record = Record(0, 0, *timeline.record(queued, contact.fold(None, queued)))
    store = Store()
    store.erased.add(queued.subject)
    job = make_job("accueil", store).open(0)
    job.fold(topics.TIMELINE.name, [record], Step(0, START_MS, []))
    assert not any(table.rows for table in job.tables)
    store.erased.clear()
    job.fold(topics.TIMELINE.name, [record], Step(0, START_MS, []))
    assert any(table.rows for table in job.tables)


def test_nothing_is_written_of_nothing() -> None:
    store = Store()
    make_job("accueil", store).open(0).fold(topics.TIMELINE.name, [], Step(0, 0, []))
    assert store.batches == []


def test_one_of_all_who_write_tidies_up() -> None:
    store = Store()
    for partition in range(4):
        make_job("accueil", store).open(partition).tick(Step(partition, 7, []))
    assert store.tidied == [7]


def test_who_is_to_be_forgotten_is_so_though_the_tick_that_did_it_was_taken_back() -> None:
    event = make("letter.arrived", 0, subject="mail:s:1", identities=CASE)
    store = Store()
    job = make_job("accueil", store).open(0)
    job.fold(
        topics.TIMELINE.name, [Record(0, 0, *timeline.record(event, contact.fold(None, event)))], Step(0, START_MS, [])
    )
    rows = job.tables[0]
    rows.commit()
    assert rows.rows
    store.erased = {"mail:s:1"}
    job.tick(Step(0, START_MS + 1, []))
    assert not rows.rows
    rows.roll_back()
    job.undo()
    rows.commit()
    job.tick(Step(0, START_MS + 2, []))
    assert not rows.rows
