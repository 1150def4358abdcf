"""The same events give the same row, figures and index, in any order, with duplicates and contradictions."""

from collections import defaultdict
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.events import Event
from streams.core.contacts import contact
from streams.core.contacts.contact import SEEN_EVENTS, Contact, ContactState
from streams.core.contacts.stay_outcome import TimesToLive, stay_result
from streams.core.contacts.waiting_index import WaitingIndex
from streams.core.figures.facts import open_since
from streams.core.figures.figure import Dimensions, Figure, merge
from streams.core.figures.figure_counts import count_contact
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS, QUEUE_SCHEMA, TRANSFER_CHANNEL
from streams.core.sla.clock_intervals import clock_intervals
from tests.support.events import (
    CALL,
    KINDS_OF_CHANNELS,
    SECONDS,
    START_MS,
    call_histories,
    contact_events,
    deliveries,
    make,
    numbered,
    queue_events,
    sets_of,
)
from tests.support.figures import (
    Figures,
    check_invariant,
    check_rows_are_immutable,
    count_events,
    current_numbers,
    fold_contact,
)

EVENT_SETS = st.one_of(
    call_histories(),
    sets_of(queue_events()),
    sets_of(contact_events()),
    *(sets_of(contact_events(kinds)) for kinds in KINDS_OF_CHANNELS),
)
DELIVERIES = EVENT_SETS.flatmap(lambda events: st.tuples(deliveries(events), deliveries(events)))
TTL = TimesToLive(waiting=2_000_000, in_progress=3_000_000, visit=4_000_000)
LATER = START_MS + 10_000_000


def count_once(row: Contact) -> Figures:
    figures = Figures()
    count_contact(None, row, figures.__getitem__)
    return figures


def check(figures: Figures) -> None:
    """Check the invariants of all figures."""
    from_buckets = Figures()
    for (start, dimensions), figure in figures.items():
        counts, stocks = figure.counts, figure.stocks
        assert min([*counts, *stocks]) >= 0
        if start:
            merge(from_buckets[0, dimensions], figure)
            assert not any(stocks)
        else:
            check_invariant(dimensions, figure)
    for key, figure in from_buckets.items():
        assert figure.counts == figures[key].counts
        assert figure.corrected == figures[key].corrected


@given(DELIVERIES)
def test_row_does_not_depend_on_order_and_repetition(both: tuple[list[Event], list[Event]]) -> None:
    first, second = (fold_contact(*events) for events in both)
    assert contact.encode(first) == contact.encode(second)
    assert (first.status(), first.dimensions, first.closed_at) == (second.status(), second.dimensions, second.closed_at)


@given(EVENT_SETS.flatmap(deliveries))
def test_figures_match_the_last_row(events: list[Event]) -> None:
    figures = Figures()
    row: Contact | None = None
    for event in events:
        ever_before = {key: ever_counted(figure) for key, figure in figures.items()}
        after = contact.fold(row, event)
        count_contact(row, after, figures.__getitem__)
        row = after
        check(figures)
        for key, ever in ever_before.items():
            assert all(now >= then for now, then in zip(ever_counted(figures[key]), ever, strict=True))
    assert row is not None
    assert current_numbers(figures) == current_numbers(count_once(row))


RETRACTIONS = EVENT_SETS.map(
    lambda events: numbered([*events, make("contact.retracted", 60, channel=events[0].channel)])
)


@given(RETRACTIONS.flatmap(lambda events: st.tuples(deliveries(events), deliveries(events))))
def test_retracted_contact_counts_nowhere_in_any_order(both: tuple[list[Event], list[Event]]) -> None:
    first, second = both
    row = fold_contact(*first)
    assert contact.encode(row) == contact.encode(fold_contact(*second))
    assert (row.stays, row.own_events, row.identities, row.is_closed) == ((), (), "", True)
    figures = count_events(*first)
    assert current_numbers(figures) == current_numbers(count_once(row))
    counted = {key[1].channel for key, figure in figures.items() if any(figure.counts) or any(figure.stocks)}
    assert counted <= {"feedback"}
    assert [*clock_intervals(row)] == []
    assert WaitingIndex({b"": row}).due(LATER, TTL) == []


def ever_counted(figure: Figure) -> list[int]:
    return [count + figure.corrected.get(index, 0) for index, count in enumerate(figure.counts)]


TRANSFERS = st.tuples(
    st.integers(1, 2), SECONDS, st.sampled_from(["", "mdph", "rsa", "apa"]), st.sampled_from(["", "autonomie"])
).map(
    lambda drawn: make(
        "call.transferred",
        drawn[1],
        queue="accueil",
        site="siege",
        service=drawn[3],
        visit=drawn[0],
        kind="blind",
        to_queue=drawn[2],
    )
)


@given(
    st.tuples(sets_of(TRANSFERS), sets_of(queue_events())).map(lambda both: numbered([*both[0], *both[1]])), st.data()
)
def test_transfer_counts_once_for_its_latest_target(events: list[Event], data: st.DataObject) -> None:
    figures = count_events(*data.draw(deliveries(events)))
    now = {
        dimensions: figure.counts[0]
        for (start, dimensions), figure in figures.items()
        if not start and dimensions.channel == TRANSFER_CHANNEL and any(figure.counts)
    }
    assert now == destinations(events)


def destinations(events: Iterable[Event]) -> dict[Dimensions, int]:
    """Return the number of transfers by target, the latest known one of each stay, computed from the events."""
    counted: defaultdict[Dimensions, int] = defaultdict(int)
    stays: defaultdict[int, list[Event]] = defaultdict(list)
    for event in events:
        if event.type.startswith("call."):
            stays[vars(event.data)["visit"]].append(event)
    for stay_events in stays.values():
        transfers = [event for event in stay_events if event.type == "call.transferred"]
        if not transfers:
            continue
        named = [event for event in transfers if event.data.to_queue]
        last = max((event.time for event in named), default=None)
        to = min((event.data.to_queue for event in named if event.time == last), default="")
        site, service, queue = min(
            (
                (event.site, event.service, event.data.queue).count(""),
                event.time,
                event.site,
                event.service,
                event.data.queue,
            )
            for event in stay_events
        )[2:]
        counted[Dimensions(TRANSFER_CHANNEL, site, service, f"call:{queue}:{to}")] += 1
    return counted


@given(EVENT_SETS.flatmap(deliveries), st.data())
def test_rows_may_be_counted_once_for_several_events(events: list[Event], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(events)))
    first = fold_contact(*events[:cut])
    last = fold_contact(*events[cut:], row=first)
    figures = count_once(first)
    count_contact(first, last, figures.__getitem__)
    check(figures)
    assert current_numbers(figures) == current_numbers(count_once(last))


@given(EVENT_SETS, sets_of(contact_events(), max_size=4), st.data())
def test_sector_and_identities_come_from_the_contacts_source(
    own: list[Event], more: list[Event], data: st.DataObject
) -> None:
    about = {"source": "survey/x", "subject": own[0].subject}
    others = [event.model_copy(update={"id": f"x-{event.id}", **about}) for event in more]
    row = fold_contact(*data.draw(st.permutations([*own, *others])))
    assert fold_contact(*own, *others) == row
    sector = min(((event.time, event.sector) for event in own if event.sector), default=(0, ""))[1]
    assert row.sector == sector
    identities = {identity for event in own if event.sector in ("", sector) for identity in event.identities.split()}
    assert {*row.identities.split()} == (set() if row.is_erased else identities)


@given(EVENT_SETS)
def test_duplicate_changes_nothing_and_rows_are_immutable(events: list[Event]) -> None:
    check_rows_are_immutable(contact, events)


@given(EVENT_SETS.flatmap(deliveries), st.data())
def test_erasure_removes_the_identities_and_changes_no_figure(events: list[Event], data: st.DataObject) -> None:
    unerased = fold_contact(*events)
    channel = data.draw(st.sampled_from(["call", "mail"]))
    erasure = make("personal_data.erased", 100_000, subject=events[0].subject, channel=channel)
    erased = fold_contact(*data.draw(st.permutations([erasure, *events])))
    assert (erased.is_erased, erased.identities, erased.citizen) == (True, "", "")
    others = [event for event in events if event.type != "personal_data.erased"]
    if others:
        assert current_numbers(count_once(erased)) == current_numbers(count_once(unerased))
        assert [*clock_intervals(erased)] == [*clock_intervals(fold_contact(*others))]
    else:
        assert current_numbers(count_once(erased)) == {}


@given(EVENT_SETS, EVENT_SETS)
def test_row_survives_a_round_trip(events: list[Event], more: list[Event]) -> None:
    row = fold_contact(*events)
    value = contact.encode(row)
    again = contact.decode(value)
    assert again == row
    assert contact.encode(fold_contact(*more, row=again)) == contact.encode(fold_contact(*more, row=row))


@settings(max_examples=20)
@given(sets_of(contact_events(), min_size=SEEN_EVENTS + 1, max_size=SEEN_EVENTS + 12), st.data())
def test_row_with_more_events_than_fingerprints_does_not_depend_on_order(
    events: list[Event], data: st.DataObject
) -> None:
    row = fold_contact(*events)
    assert contact.encode(row) == contact.encode(fold_contact(*data.draw(deliveries(events))))
    for event in events:
        assert contact.fold(row, event) is row


@given(EVENT_SETS.flatmap(deliveries), st.data())
def test_assumed_ends_keep_the_invariant_and_yield_to_real_events(events: list[Event], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(events)))
    first = fold_contact(*events[:cut])
    forgotten = contact.forget(first, LATER, TTL)
    last = fold_contact(*events[cut:], row=forgotten)
    figures = count_once(first)
    count_contact(first, forgotten, figures.__getitem__)
    check(figures)
    count_contact(forgotten, last, figures.__getitem__)
    check(figures)
    assert current_numbers(figures) == current_numbers(count_once(last))
    assert contact.forget(forgotten, LATER, TTL) is forgotten
    assert forgotten.state is not ContactState.WAITING or not forgotten.stays
    for stay, real_stay in zip(last.stays, fold_contact(*events).stays, strict=True):
        result, real = stay_result(stay), stay_result(real_stay)
        if real.outcome == "waiting":
            assert result.outcome in {"waiting", "left_forgotten"}
        elif real.finish == "in_progress":
            assert result.finish in {"in_progress", "ended_forgotten"}
        else:
            assert result == real


SUBJECTS = st.sampled_from(["call:a:1", "call:a:2", "call:a:3"])


@given(
    sets_of(SUBJECTS.flatmap(lambda subject: queue_events(subject, SECONDS | st.integers(0, 50))), max_size=25),
    st.integers(0, 12_000),
)
def test_waiting_index_matches_a_scan_of_all_rows(events: list[Event], seconds: int) -> None:
    ttl = TimesToLive(waiting=60_000, in_progress=300_000, visit=300_000)
    now = START_MS + seconds * 1000
    rows: dict[bytes, Contact] = {}
    index = WaitingIndex()
    for event in events:
        key = event.subject.encode()
        before = rows.get(key)
        rows[key] = after = contact.fold(before, event)
        index.update(key, before, after)
        since: dict[Dimensions, list[int]] = defaultdict(list)
        for row in rows.values():
            for stay in row.stays:
                result = stay_result(stay)
                since[stay.dimensions] += [result.outcome_at] if result.outcome == "waiting" else []
        for candidate in (index, WaitingIndex(rows)):
            for dimensions, times in since.items():
                assert candidate.oldest(dimensions) == min(times, default=None)
            due = candidate.due(now, ttl)
            assert len(set(due)) == len(due)
            assert set(due) == {key for key, row in rows.items() if contact.forget(row, now, ttl) is not row}
    for key in list(rows):
        index.update(key, rows.pop(key), None)
    assert index.due(now * 2, ttl) == []


LETTERS, FORMS = KINDS_OF_CHANNELS[0], KINDS_OF_CHANNELS[2]
CASES = st.sampled_from([("mail:m/1", LETTERS), ("mail:m/2", LETTERS), ("form:f/3", FORMS)])


@given(sets_of(CASES.flatmap(lambda drawn: contact_events(drawn[1], drawn[0])), max_size=20))
def test_waiting_index_has_the_receipt_of_open_cases(events: list[Event]) -> None:
    rows: dict[bytes, Contact] = {}
    index = WaitingIndex()
    for event in events:
        key = event.subject.encode()
        before = rows.get(key)
        rows[key] = after = contact.fold(before, event)
        index.update(key, before, after)
        open_now: dict[Dimensions, dict[int, int]] = defaultdict(dict)
        for row in rows.values():
            if (since := open_since(row)) is not None:
                ages, start = open_now[row.dimensions], since // 1_800_000 * 1800
                ages[start] = ages.get(start, 0) + 1
        for candidate in (index, WaitingIndex(rows)):
            ages_of = {row.dimensions: candidate.ages(row.dimensions) for row in rows.values()}
            assert {dimensions: ages for dimensions, ages in ages_of.items() if ages} == open_now
    for key in list(rows):
        index.update(key, row := rows.pop(key), None)
        assert rows or not index.ages(row.dimensions)


@pytest.mark.parametrize("kind", ["call.ended", "call.transferred", "call.answered", "call.abandoned"])
@given(event=st.data())
def test_stay_with_only_a_later_event_counts_as_offered(kind: str, event: st.DataObject) -> None:
    row = contact.fold(None, event.draw(contact_events((kind,), CALL)))
    figures = count_once(row)
    check(figures)
    totals = [
        figure
        for (start, dimensions), figure in figures.items()
        if start == 0 and FIGURE_SCHEMAS[dimensions.channel] is QUEUE_SCHEMA
    ]
    assert sum(figure.counts[QUEUE_SCHEMA.index["offered"]] for figure in totals) == 1
