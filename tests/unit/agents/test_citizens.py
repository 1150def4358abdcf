"""Citizens who become known late or lose their contacts: their rows are deleted after a day, and their figures stay."""

from itertools import permutations

import msgspec
import pytest

from models.events import Event
from streams.agents.citizens import CitizenCounter
from streams.core.citizens import reattribution
from streams.core.citizens.citizen import MAX_CONTACTS
from streams.core.citizens.citizen_figures import TOTAL_PERIOD, CitizenFigureKey, Period
from streams.core.citizens.reattribution import WITHDRAWN
from streams.core.contacts import contact
from streams.engine.job import Step
from tests.support.citizens import TERMS, FakeTimeline, entries_from_workers, entry, move, named
from tests.support.events import PHONE, START, START_MS, make
from tests.support.figures import fold_contact
from tests.support.simulated_workers import DAY_MS


def sweep(partition: CitizenCounter, day: int, timeline: FakeTimeline | None = None) -> bool:
    """Tick on a day, and return whether the citizen still has a row."""
    partition.tick(Step(0, START_MS + day * DAY_MS, ()), timeline or FakeTimeline())
    for table in partition.tables:
        table.commit()
    return PHONE.encode() in partition.citizens.rows


def test_citizen_without_remaining_contacts_is_deleted_the_next_day() -> None:
    partition = CitizenCounter(TERMS)
    first, second = "mail:s:1", "mail:s:2"
    partition.fold([entry("letter.arrived", 0, name) for name in (first, second)], START_MS)
    for day, name in enumerate((first, second), 1):
        partition.fold([move(WITHDRAWN, 0.1, name)], START_MS)
        assert sweep(partition, day) is (name == first)


def test_erased_citizen_is_deleted_the_next_day_and_stays_counted() -> None:
    partition = CitizenCounter(TERMS)
    partition.fold([entry("letter.arrived", 0, "mail:s:1"), entry("letter.answered", 2, "mail:s:1")], START_MS)
    counted = named(partition.figures.rows)
    assert sweep(partition, 3)  # the contacts agent may have deleted its row by now
    assert not sweep(partition, 4, FakeTimeline(["mail:s:1"]))
    assert named(partition.figures.rows) == counted


def test_citizen_with_a_remaining_contact_counts_from_the_next_day() -> None:
    partition = CitizenCounter(TERMS)
    partition.fold([entry("letter.arrived", 0, "mail:s:1"), entry("call.queued", 1, "call:s:1")], START_MS)
    counted = named(partition.figures.rows)
    assert sweep(partition, 2, FakeTimeline(["mail:s:1"]))
    assert named(partition.figures.rows) == counted
    partition.fold([entry("call.ended", 1.1, "call:s:1"), entry("call.queued", 4, "call:s:2")], START_MS + 4 * DAY_MS)
    (row,) = partition.citizens.rows.values()
    assert {known.channel for known in row.contacts} == {"call"}
    days = {key.start: figure for key, figure in named(partition.figures.rows).items() if key.period == Period.DAY}
    assert len(days) == len({key.start for key in counted if key.period == Period.DAY}) + 1


def test_overflowing_identity_without_timeline_entries_is_deleted() -> None:
    partition = CitizenCounter(TERMS)
    calls = [entry("call.queued", number / 1000, f"call:s:{number}") for number in range(MAX_CONTACTS + 1)]
    partition.fold(calls, START_MS)
    assert sweep(partition, 1, FakeTimeline(owners=[PHONE]))
    assert not sweep(partition, 2, FakeTimeline([call.contact for call in calls]))


def test_ended_contacts_leave_the_row_of_an_open_letter_but_decide_its_first_contact() -> None:
    partition = CitizenCounter(TERMS)
    partition.fold(
        [entry("letter.arrived", 0, "mail:s:1"), entry("call.queued", -1), entry("call.ended", -1)], START_MS
    )
    for day in range(1, 92):
        assert sweep(partition, day)
    (row,) = partition.citizens.rows.values()
    assert {known.channel for known in row.contacts} == {"mail"}
    partition.fold([entry("letter.answered", 91, "mail:s:1")], START_MS + 91 * DAY_MS)
    total = named(partition.figures.rows)[CitizenFigureKey("total", 0, "autonomie")]
    assert total["handled_mail_again_alone"] == 1


def counted(events: list[Event]) -> dict[str, dict[str, int]]:
    """Return the final figures of these events, by service."""
    partition = CitizenCounter(TERMS)
    partition.fold(entries_from_workers(events), START_MS)
    return {
        key.service: numbers
        for key, numbers in named(partition.figures.rows).items()
        if key.period == TOTAL_PERIOD and key.service
    }


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_letter_with_two_sectors_counts_once_in_any_order(order: tuple[int, ...]) -> None:
    letter = {"subject": "mail:s/x:1", "service": "autonomie"}
    events = [
        make("letter.arrived", 0, **letter, sector="social", identities="phone:k1-a"),
        make("letter.assigned", 100, **letter, sector="routes", identities="email:k2-b"),
        make("letter.answered", 200, **letter, sector="social", identities="phone:k1-a"),
    ]
    expected = dict.fromkeys(("active", "began_mail_other", "handled_mail_first_alone", "hop_none_mail"), 1)
    assert counted([events[number] for number in order]) == {"autonomie": expected}


HISTORIES = {
    "an appointment that is moved twice": (
        "appointment:s/x:1",
        (("booked", ""), ("moved", "autonomie"), ("moved", ""), ("attended", "")),
    ),
    "a letter that is assigned twice": (
        "mail:s/x:1",
        (("arrived", ""), ("assigned", "autonomie"), ("assigned", ""), ("answered", "")),
    ),
    "a visitor who is called by another service": (
        "visit:s/x:1",
        (("arrived", "enfance"), ("called", "autonomie"), ("served", "")),
    ),
    "a call that another service answers": (
        "call:s/x:1",
        (("queued", "enfance"), ("answered", "autonomie"), ("ended", "")),
    ),
}


@pytest.mark.parametrize(("subject", "kinds"), HISTORIES.values(), ids=HISTORIES)
def test_citizen_may_become_known_at_any_time_within_the_sector(
    subject: str, kinds: tuple[tuple[str, str], ...]
) -> None:
    noun = subject.partition(":")[0].replace("mail", "letter")
    data = {
        "call.queued": {"queue": "q"},
        "call.answered": {"queue": "q"},
        "call.ended": {"queue": "q", "ended_by": "caller"},
    }
    for identified in range(len(kinds)):
        events = [
            make(
                kind := f"{noun}.{verb}",
                at * 100,
                subject=subject,
                service=service,
                identities="case:k1-a" if at == identified else "",
                **({"starts_at": START} if verb in ("booked", "moved") else data.get(kind, {})),
            )
            for at, (verb, service) in enumerate(kinds)
        ]
        for order in permutations(events):
            assert counted([*order]).keys() == {"autonomie"}


def test_reattribution_of_a_row_of_an_earlier_release_has_the_same_events() -> None:
    letter = make("letter.arrived", 0, subject="mail:s/x:1", service="autonomie")
    row = contact.fold(None, letter)
    *fields, _event_order, _service_order, _service = msgspec.msgpack.decode(contact.encode(row))
    assigned = make("letter.assigned", 1, subject=letter.subject, identities=PHONE)
    found = []
    for before in (contact.decode(msgspec.msgpack.encode(fields)), row):
        _, (key, adopted) = reattribution.records(before, contact.fold(before, assigned), letter.subject)
        found.append((key, {*reattribution.decode(adopted).events}))
    assert found == [(PHONE.encode(), {(letter.type, START_MS, ""), (letter.type, START_MS, "autonomie")})] * 2


def test_late_event_does_not_count_as_the_latest_in_a_row_of_an_earlier_release() -> None:
    steps = [("arrived", 0, "a"), ("assigned", 9, "b")]
    events = [make(f"letter.{kind}", at, subject="mail:s/x:1", service=service) for kind, at, service in steps]
    row = fold_contact(*events)
    *fields, _event_order, _service_order, _service = msgspec.msgpack.decode(contact.encode(row))
    earlier = contact.decode(msgspec.msgpack.encode(fields))
    assert earlier == row, "like a row of this release"
    late = make("letter.registered", 5, subject="mail:s/x:1", service="a", chrono="1")
    assert contact.fold(earlier, late).service == "b"
