"""The verifier of the phone path accepts the worker's output for generated calls, and finds each change in it."""

from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from models import topics
from streams.agents.contacts import ContactJob, WorkerTimings
from streams.core.contacts.row_expiry import RowRetention
from streams.core.contacts.stay_outcome import TimesToLive
from streams.engine.job import Step
from tests.bench.calls import TOPIC, Calls, Ledger
from tests.bench.records import Stored
from tests.bench.verify import differences

BEGIN = 1_793_606_400
NOW_MS = (BEGIN + 7200) * 1000
Topics = dict[str, list[Stored]]


def make_calls(count: int = 400) -> tuple[Ledger, Topics]:
    """Return the expected results of `count` calls, and the output topics of a worker of one partition."""
    calls = Calls(1, longest_wait=240, longest_talk=900)
    lines = calls.lines(BEGIN + nth / 4 for nth in range(count))
    records = [record for line in lines for record in calls.records(line)]
    job = ContactJob(
        0, WorkerTimings(TimesToLive(14_400_000, 43_200_000, 43_200_000), RowRetention(10**12, 0), 10**12, 10**12)
    )
    step = Step(0, NOW_MS, [topics.TIMELINE.name])
    job.fold(
        TOPIC,
        [SimpleNamespace(key=record.key, value=record.value, timestamp=NOW_MS, headers=()) for record in records],
        step,
    )
    written: Topics = {topic.name: [] for topic in topics.STATES}
    for each in job.tables:
        written[each.topic] += [Stored(0, key or b"", value) for key, value in each.changes()]
    written[topics.TIMELINE.name] = [Stored(0, key or b"", value) for key, value in step.outputs[topics.TIMELINE.name]]
    letters = [letter.record for letter in step.dead_letters]
    written[topics.DEAD_LETTERS.name] = [Stored(0, letter.key or b"", letter.value) for letter in letters]
    return calls.ledger, written


@pytest.fixture(scope="module")
def exact() -> tuple[Ledger, Topics]:
    return make_calls()


def test_generated_calls_contain_all_kinds_of_records(exact: tuple[Ledger, Topics]) -> None:
    ledger, _ = exact
    outcomes = Counter(story.outcome for story in ledger.stories.values())
    assert outcomes.keys() == {"answered", "abandoned"}
    assert len(ledger.stories) == 400
    assert ledger.repeated
    assert ledger.unusable
    assert ledger.records == ledger.events + ledger.repeated + ledger.unusable
    assert ledger.entries == 400 * 2 + outcomes["answered"] * 2 + outcomes["abandoned"]


def test_same_seed_gives_the_same_records() -> None:
    assert make_calls(50) == make_calls(50)


def test_output_of_the_worker_is_exact(exact: tuple[Ledger, Topics]) -> None:
    ledger, written = exact
    assert differences(written.__getitem__, ledger, kept=True) == []


def lose(records: list[Stored]) -> list[Stored]:
    return records[1:]


def repeat(records: list[Stored]) -> list[Stored]:
    return [*records, records[0]]


def swap(records: list[Stored]) -> list[Stored]:
    first, second, *rest = records
    return [first, first._replace(key=second.key), *rest]


def delete(records: list[Stored]) -> list[Stored]:
    return [*records, records[0]._replace(value=None)]


@pytest.mark.parametrize(
    ("topic", "change", "difference"),
    [
        (topics.CONTACTS, lose, "1 contacts missing"),
        (topics.CONTACTS, delete, "1 contacts missing"),
        (topics.CONTACTS, swap, "1 contacts differ"),
        (topics.TIMELINE, lose, "timeline entries instead of"),
        (topics.TIMELINE, repeat, "timeline entries instead of"),
        (topics.TIMELINE, swap, "not the same"),
        (topics.DEAD_LETTERS, lose, "dead letters instead of"),
        (topics.DEAD_LETTERS, repeat, "dead letters instead of"),
        (topics.FIGURES, lose, "instead of"),
        (topics.FIGURES, swap, "instead of"),
    ],
)
def test_change_in_the_output_is_found(
    exact: tuple[Ledger, Topics],
    topic: topics.Topic,
    change: Callable[[list[Stored]], list[Stored]],
    difference: str,
) -> None:
    ledger, written = exact
    found = differences((written | {topic.name: change(written[topic.name])}).__getitem__, ledger, kept=True)
    assert difference in "; ".join(found)


def test_contacts_that_were_not_deleted_are_found(exact: tuple[Ledger, Topics]) -> None:
    ledger, written = exact
    assert differences(written.__getitem__, ledger, kept=False) == ["400 contacts too many"]
    gone = [record._replace(value=None) for record in written[topics.CONTACTS.name]]
    assert differences((written | {topics.CONTACTS.name: gone}).__getitem__, ledger, kept=False) == []
