"""The same entries give the same figures of citizens: in any order, repeated, late, or first under another citizen."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from random import Random
from types import SimpleNamespace

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from models import topics
from models.events import Event
from streams.agents.citizens import CitizenCounter
from streams.agents.timeline import TimelineWriter
from streams.core.citizens import citizen as citizens
from streams.core.citizens import citizen_figures
from streams.core.citizens.citizen import COUNTED_TYPES, Citizen
from streams.core.citizens.citizen_figures import TOTAL_PERIOD, CitizenFigureKey, Period
from streams.core.citizens.recontact_rules import close, erase, facts, forget
from streams.core.contacts import contact
from streams.core.contacts.contact import ERASED, Contact
from streams.core.figures.figure_schemas import (
    CITIZENS,
    CONTACT_CAUSES,
    CONTACT_CHANNELS,
    NO_PREVIOUS_CHANNEL,
    OTHER_CAUSE,
)
from streams.core.rows import fingerprint
from streams.core.timeline.entries import Entry
from streams.engine.job import Step
from streams.kafka.partitioner import partition_of
from tests.support.citizens import (
    COUNTED_FROM,
    START_DAY,
    TERMS,
    FakeTimeline,
    Figures,
    contacts_of_one,
    count,
    entries_from_workers,
    entry,
    events_of_many,
    fold,
    named,
)
from tests.support.events import START_MS, deliveries, make
from tests.support.simulated_workers import DAY_MS

NOW = START_MS + 10 * DAY_MS
encode_entry = msgspec.json.encode


@st.composite
def repeated(draw: st.DrawFn, entries: list[Entry]) -> list[Entry]:
    """Draw the entries in any order, with duplicates."""
    return draw(st.permutations([*entries, *draw(st.lists(st.sampled_from(entries), max_size=4))]))


def count_once(*rows: Citizen) -> Figures:
    figures = Figures()
    for row in rows:
        count(None, row, figures.__getitem__)
    return figures


def check(figures: Figures) -> None:
    """Check the invariants of all figures."""
    sums: defaultdict[tuple[CitizenFigureKey, str], list[int]] = defaultdict(lambda: [0] * len(CITIZENS.counts))
    for key, figure in figures.items():
        assert min(figure.counts) >= 0
        value = dict(zip(CITIZENS.counts, figure.counts, strict=True))
        if key.period != TOTAL_PERIOD:
            assert key.start == citizen_figures.start_of(Period(key.period), key.start)
            for name in CITIZENS.facts:
                assert bool(value[name]) is bool(value[f"{name}_citizens"])
                assert value[f"{name}_citizens"] <= value[name]
        if key.service is not None:
            begun = {
                channel: sum(value[f"began_{channel}_{cause}"] for cause in causes(channel))
                for channel in CONTACT_CHANNELS
            }
            for channel in CONTACT_CHANNELS:
                assert (
                    sum(value[f"hop_{item}_{channel}"] for item in (*CONTACT_CHANNELS, NO_PREVIOUS_CHANNEL))
                    == begun[channel]
                )
        if key.period == Period.DAY:
            for whole in (Period.WEEK, Period.FOUR_WEEKS):
                into = sums[CitizenFigureKey(whole, citizen_figures.start_of(whole, key.start), key.service), whole]
                into[:] = map(int.__add__, into, figure.counts)
            into = sums[CitizenFigureKey(TOTAL_PERIOD, 0, key.service), TOTAL_PERIOD]
            into[:] = map(int.__add__, into, figure.counts)
    for (key, _), counts in sums.items():
        assert figures[key].counts[: len(CITIZENS.facts)] == counts[: len(CITIZENS.facts)]


def causes(channel: str) -> tuple[str, ...]:
    return (*CONTACT_CAUSES.get(channel, ()), OTHER_CAUSE)


@given(contacts_of_one().flatmap(lambda entries: st.tuples(repeated(entries), repeated(entries))))
def test_row_does_not_depend_on_order_and_repetition(both: tuple[list[Entry], list[Entry]]) -> None:
    first, second = map(fold, both)
    assert citizens.encode(first) == citizens.encode(second)
    assert citizens.decode(citizens.encode(first)) == first


@given(contacts_of_one().flatmap(repeated))
def test_figures_match_the_last_row_and_never_decrease(entries: list[Entry]) -> None:
    figures = Figures()
    row: Citizen | None = None
    for item in entries:
        ever = {key: [*figure.counts] for key, figure in figures.items()}
        corrected = {key: dict(figure.corrected) for key, figure in figures.items()}
        after = fold([item], row)
        count(row, after, figures.__getitem__)
        row = after
        check(figures)
        for key, counts in ever.items():
            for index, number in enumerate(counts):
                now = figures[key].counts[index] + figures[key].corrected.get(index, 0)
                assert now >= number + corrected[key].get(index, 0)
    assert row is not None
    assert named(figures) == named(count_once(row))


@given(contacts_of_one(), st.integers(0, 60))
def test_forgotten_contacts_change_no_open_figure(entries: list[Entry], days: int) -> None:
    since = START_DAY + days
    row = fold(entries)
    remaining = forget(row, since)
    assert sorted(facts(remaining), key=repr) == sorted((item for item in facts(row) if item[0] >= since), key=repr)
    assert forget(remaining, since) is remaining


@given(contacts_of_one(), contacts_of_one(most=3), st.data())
def test_erasure_changes_no_figure_and_later_ones_match_the_remaining_contacts(
    entries: list[Entry], later: list[Entry], data: st.DataObject
) -> None:
    figures, day = Figures(), START_DAY + data.draw(st.integers(0, 60))
    row = forget(fold(entries), data.draw(st.integers(COUNTED_FROM, day)))
    count(None, row, figures.__getitem__)
    counted = named(figures)
    erased = {fingerprint(item.contact) for item in entries if data.draw(st.booleans())}
    closed, left = close(row, day), close(erase(row, erased), day)
    until = {fact for fact in facts(row) if fact[0] <= day}
    count(closed, left, figures.__getitem__)
    if until == {*facts(row)}:
        assert named(figures) == counted
    row = fold([item for item in later if fingerprint(item.contact) not in erased], left) if later else left
    count(left, row, figures.__getitem__)
    assert min(min(figure.counts) for figure in figures.values()) >= 0 if figures else True


@given(contacts_of_one(), contacts_of_one(most=3), st.integers(0, 60))
def test_erasure_changes_no_figure_of_later_contacts(entries: list[Entry], later: list[Entry], days: int) -> None:
    since = START_DAY + days
    after = [
        entry(item.type, days + 1 + number, f"{item.channel}:later:{number}", item.service)
        for number, item in enumerate(later)
    ]
    row = fold(entries)
    whole = fold(after, row)
    found = facts(fold(after, forget(row, since)))
    assert sorted(found, key=repr) == sorted((item for item in facts(whole) if item[0] >= since), key=repr)


@given(contacts_of_one(), contacts_of_one(citizen="email:k1-b"))
def test_figures_of_two_citizens_add_up(first: list[Entry], second: list[Entry]) -> None:
    figures = count_once(fold(first), fold(second))
    check(figures)
    days = {fact[0] for entries in (first, second) for fact in facts(fold(entries)) if fact[1] is None}
    for day in days:
        shares = [any(fact[:2] == (day, None) for fact in facts(fold(entries))) for entries in (first, second)]
        assert named(figures)[CitizenFigureKey(Period.DAY, day, None)]["active"] == sum(shares)


def own_entries(events: list[Event]) -> dict[str, list[Entry]]:
    """Return citizen or contact → the entries of the contacts that belong to it in the end."""
    rows: dict[str, Contact] = {}
    for event in events:
        rows[event.subject] = contact.fold(rows.get(event.subject), event)
    found: defaultdict[str, list[Entry]] = defaultdict(list)
    for event in events:
        row = rows[event.subject]
        if event.type in COUNTED_TYPES:
            days = (event.time.timestamp() * 1000 - START_MS) / DAY_MS
            item = entry(event.type, days, event.subject, event.service, row.citizen)
            found[row.citizen or event.subject].append(item)
    return found


DELIVERED = events_of_many().flatmap(lambda events: st.tuples(st.just(events), deliveries(events)))


@given(DELIVERED, st.randoms(use_true_random=False))
def test_contact_counts_only_for_its_last_citizen(both: tuple[list[Event], list[Event]], random: Random) -> None:
    events, delivered = both
    entries = entries_from_workers(delivered)
    random.shuffle(entries)
    partitions = [CitizenCounter(TERMS) for _ in range(3)]
    for cut, until in pairwise((0, 1, 4, 6, max(6, len(entries)))):
        for number, partition in enumerate(partitions):
            own = [
                item
                for item in entries[cut:until]
                if partition_of((item.citizen or item.contact).encode(), 3) == number
            ]
            partition.fold(own, NOW)
            for table in partition.tables:
                table.commit()
    figures = Figures()
    for partition in partitions:
        for key, figure in partition.figures.rows.items():
            figures[key].counts[:] = map(int.__add__, figures[key].counts, figure.counts)
    expected = count_once(*(fold(own) for own in own_entries(events).values()))
    assert named(figures) == named(expected)
    check(figures)


@given(DELIVERED, st.randoms(use_true_random=False))
def test_entries_before_an_erasure_count_despite_batches_and_crashes(
    both: tuple[list[Event], list[Event]], random: Random
) -> None:
    delivered = both[1]
    subjects = sorted({event.subject for event in delivered})
    for subject in random.sample(subjects, random.randint(0, len(subjects))):
        erasure = make(ERASED, random.choice([0, 10_000_000]), subject=subject, channel=subject.partition(":")[0])
        delivered.insert(random.randint(0, len(delivered)), erasure)
    until = {event.subject: index for index, event in enumerate(delivered) if event.type == ERASED}
    counted = [
        event for index, event in enumerate(delivered) if index < until.get(event.subject, len(delivered))
    ]  # duplicates count once
    written = [
        SimpleNamespace(timestamp=NOW + at, entry=item) for at, item in enumerate(entries_from_workers(delivered))
    ]
    late = [
        SimpleNamespace(timestamp=NOW + DAY_MS, entry=item.entry) for item in written if item.entry.contact in until
    ]
    store = FakeTimeline()
    partitions = [TimelineWriter(number, store, TERMS) for number in range(3)]
    for records in (written, random.sample(late, min(3, len(late)))):
        take(partitions, records, random)
    figures = Figures()
    for partition in partitions:
        for key, figure in partition.tables[1].rows.items():
            figures[key].counts[:] = map(int.__add__, figures[key].counts, figure.counts)
    expected = count_once(*(fold(own) for own in own_entries(counted).values()))
    assert named(figures) == named(expected)
    check(figures)


def take(partitions: list[TimelineWriter], records: Iterable[SimpleNamespace], random: Random) -> None:
    """Fold the records of each partition in batches of any size, in any order of partitions, with crashes."""
    waiting: list[list[SimpleNamespace]] = [[] for _ in partitions]
    for record in records:
        record.value = encode_entry(record.entry)
        key = record.entry.citizen or record.entry.contact
        waiting[partition_of(key.encode(), len(partitions))].append(record)
    while any(waiting):
        number = random.choice([number for number, left in enumerate(waiting) if left])
        size, left, partition = random.randint(1, 6), waiting[number], partitions[number]
        is_committed = random.random() < 0.7
        partition.fold(topics.TIMELINE.name, left[:size], Step(number, NOW, []))
        for table in partition.tables:
            if not is_committed:
                table.roll_back()
            table.commit()
        if is_committed:
            del left[:size]
