"""Participations that are removed, have a deleted account, or change in the same second."""

import json
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import timedelta
from itertools import chain, permutations
from pathlib import Path
from typing import Any

import pytest

from connectors.rdv.participation_facts import split_message
from connectors.rdv.simulate.service import Citizen, RdvService
from connectors.sdk.reconcile import Reconciler
from models.codec import UnusableRecord
from models.events import Event
from models.reasons import Reason
from tests.support.rdv_harness import MIREILLE, book, take_outbox
from tests.unit.connectors.test_rdv_mapping import (
    BEGIN,
    READ_AT,
    START,
    api_facts,
    at,
    dated_types,
    edit,
    map_anew,
    mapper,
    pushed_facts,
)

MapFacts = Callable[[Sequence[bytes]], list[Event]]
JEAN = Citizen(502, "Jean", "Modele")
ZOE = Citizen(503, "Zoé", "Essai")
DELETED = "user_501@deleted.rdv-solidarites.fr"


@pytest.fixture
def service() -> RdvService:
    return RdvService()


@pytest.fixture
def map_facts(tmp_path: Path) -> MapFacts:
    """Return a function that maps facts, and saves and reopens the reconciler after each."""

    def map_all(facts: Sequence[bytes]) -> list[Event]:
        events: list[Event] = []
        for fact in facts:
            mapping, reconciler = mapper(tmp_path)
            with closing(reconciler):
                events += mapping.map(fact, READ_AT)
                reconciler.keep(reconciler.take_changes())
        return events

    return map_all


def edit_people(body: bytes, positions: Sequence[int], change: dict[str, Any]) -> bytes:
    """Change fields of the participations at `positions` in a webhook."""
    message = json.loads(body)
    for position in positions:
        message["data"]["participations"][position] |= change
    return json.dumps(message).encode()


def people_of(events: Sequence[Event]) -> dict[str, list[tuple[str, str]]]:
    """Return type and site of the events by participation."""
    people: dict[str, list[tuple[str, str]]] = {}
    for event in events:
        people.setdefault(event.subject.rpartition("-")[2], []).append((event.type.partition(".")[2], event.site))
    return people


@pytest.mark.parametrize("origin", ["pushed", "found"])
def test_removed_participation_is_cancelled_at_that_time(service: RdvService, map_facts: MapFacts, origin: str) -> None:
    rdv = book(service, at(0), START, MIREILLE, JEAN, lieu=31)
    before = pushed_facts(service)
    service.leave(at(60), rdv, JEAN.id)
    after = pushed_facts(service) if origin == "pushed" else api_facts(service, at(60))
    events = map_facts([*before, *after, *after])
    assert people_of(events) == {
        "1": [("booked", "mds-nord")],
        "2": [("booked", "mds-nord"), ("cancelled", "mds-nord")],
    }
    assert dated_types(events)[-1] == ("cancelled", at(60))
    assert events[-1].model_dump()["data"] == {"by": "service"}


def test_last_participation_can_be_removed(service: RdvService, map_facts: MapFacts) -> None:
    rdv = book(service, at(0), START, collectif=True)
    service.leave(at(60), rdv, MIREILLE.id)
    assert [kind for kind, _ in dated_types(map_facts(pushed_facts(service)))] == ["booked", "cancelled"]


@pytest.mark.parametrize("change", [{"status": "reporte"}, {"status": None}, {"user": "x"}], ids=str)
@pytest.mark.parametrize("positions", [[0], [-1], [0, -1]], ids=["the first", "the last", "all"])
def test_removed_participation_is_cancelled_despite_rejected_ones(
    service: RdvService, map_facts: MapFacts, positions: list[int], change: dict[str, Any]
) -> None:
    rdv = book(service, at(0), START, MIREILLE, JEAN, ZOE)
    assert len(map_facts(pushed_facts(service))) == 3
    service.leave(at(60), rdv, JEAN.id)
    (left,) = take_outbox(service)
    events: list[Event] = []
    rejected = 0
    for fact in 2 * split_message(edit_people(left, positions, change)):
        try:
            events += map_facts([fact])
        except UnusableRecord:
            rejected += 1
    assert people_of(events) == {"2": [("cancelled", "mds-nord")]}
    assert dated_types(events) == [("cancelled", at(60))]
    assert rejected == 2 * len(positions)


@pytest.mark.parametrize(("is_rejected", "bookings"), [(False, 3), (True, 2)])
def test_removal_and_joining_do_not_depend_on_the_order(
    service: RdvService, tmp_path: Path, *, is_rejected: bool, bookings: int
) -> None:
    """Holds also if other participations of the same webhooks are rejected."""
    rdv = book(service, at(0), START, MIREILLE, JEAN)
    service.leave(at(60), rdv, JEAN.id)
    service.join(at(120), rdv, ZOE)
    _, booked, left, joined = take_outbox(service)
    if is_rejected:
        left, joined = (
            edit_people(left, [0], {"status": "reporte"}),
            edit_people(joined, [-1], {"status": "reporte"}),
        )
    found = set()
    for number, order in enumerate(permutations([booked, left, joined, left])):
        events: list[Event] = []
        mapping, reconciler = mapper(tmp_path / str(number))
        with closing(reconciler):
            for fact in chain(*map(split_message, order)):
                with suppress(UnusableRecord):
                    events += mapping.map(fact, READ_AT)
        assert len({event.id for event in events}) == len(events)
        found.add(frozenset((event.id, event.type.partition(".")[2]) for event in events))
    assert [sorted(kind for _, kind in events) for events in found] == [["booked"] * bookings + ["cancelled"]]


@pytest.mark.parametrize("act", [RdvService.attend, RdvService.miss, RdvService.cancel])
def test_removal_after_the_outcome_changes_nothing(
    service: RdvService, map_facts: MapFacts, act: Callable[..., None]
) -> None:
    rdv = book(service, at(0), START, MIREILLE, JEAN)
    act(service, at(30), rdv)
    service.leave(at(60), rdv, JEAN.id)
    assert [len(types) for types in people_of(map_facts(pushed_facts(service))).values()] == [2, 2]


def test_removed_participation_is_erased_with_its_old_appointment(service: RdvService, map_facts: MapFacts) -> None:
    rdv = book(service, at(0), START, MIREILLE, JEAN)
    before = pushed_facts(service)
    service._rdvs[rdv].participations.clear()
    service.erase(at(60), rdv)
    events = map_facts(before + pushed_facts(service))
    assert [kind for kind, _ in dated_types(events)] == ["booked", "booked", "erased", "erased"]
    assert [event.identities for event in events[2:]] == ["", ""]


def test_reconciler_of_an_earlier_version_without_lists_is_read(service: RdvService, tmp_path: Path) -> None:
    rdv = book(service, at(0), START, MIREILLE, JEAN)
    take_outbox(service)
    with closing(Reconciler(tmp_path)) as earlier:
        for person in (1, 2):
            state = f"{int(START.timestamp())} unknown"
            earlier.record_pushed(f"{rdv}-{person}", int(at(0).timestamp()) * 1_000_000 + 2, state, START)
        earlier.keep(earlier.take_changes())
    service.leave(at(60), rdv, JEAN.id)
    mapping, reconciler = mapper(tmp_path)
    with closing(reconciler):
        events = [event for fact in pushed_facts(service) for event in mapping.map(fact, READ_AT)]
    assert dated_types(events) == [("cancelled", at(60))]


def test_citizen_with_a_deleted_account_is_erased_once(service: RdvService, map_facts: MapFacts) -> None:
    rdv = book(service, at(0), START)
    service.attend(START + timedelta(hours=1), rdv)
    booked, _, attended = take_outbox(service)
    deleted = attended.replace(MIREILLE.email.encode(), DELETED.encode())  # type: ignore[union-attr]
    assert deleted != attended
    events = map_facts([*split_message(booked), *2 * split_message(deleted)])
    assert [kind for kind, _ in dated_types(events)] == ["booked", "attended", "erased"]
    assert events[0].identities.count(":") == 3
    assert [event.identities for event in events[1:]] == ["", ""]


def test_child_has_no_pseudonyms_of_a_deleted_account(service: RdvService, map_facts: MapFacts) -> None:
    book(service, at(0), START, Citizen(600, "Léo", "Exemple", responsible=MIREILLE))
    body = take_outbox(service)[0].replace(MIREILLE.email.encode(), DELETED.encode())  # type: ignore[union-attr]
    (event,) = map_facts(split_message(body))
    assert event.identities.count(":") == 1


@pytest.mark.parametrize("end", [RdvService.cancel, RdvService.delete])
def test_order_of_two_updates_in_one_second_does_not_matter(
    service: RdvService, tmp_path: Path, end: Callable[..., None]
) -> None:
    rdv = book(service, at(0), START)
    service.move(at(60), rdv, START + timedelta(days=1))
    end(service, at(60), rdv)
    created, _, moved, ended = map(split_message, take_outbox(service))
    orders = (created + moved + ended, created + ended + moved)
    first, second = ({(event.id, event.type) for event in map_anew(tmp_path, order)} for order in orders)
    assert first == second
    assert {kind.partition(".")[2] for _, kind in first} == {"booked", "moved", "cancelled"}


def test_past_appointment_without_booking_time_is_rejected(service: RdvService, map_facts: MapFacts) -> None:
    rdv = book(service, at(0), BEGIN + timedelta(hours=1))
    service.attend(at(180), rdv)
    *_, body = take_outbox(service)
    with pytest.raises(UnusableRecord) as refusal:
        map_facts(split_message(edit(body, created_at=None)))
    assert (refusal.value.reason, refusal.value.detail) == (Reason.MISSING_FIELD, "created_at")
    erased = body.replace(b'"updated", "webhook_reason": null', b'"destroyed", "webhook_reason": "rgpd"')
    assert [kind for kind, _ in dated_types(map_facts(split_message(edit(erased, created_at=None, id=9))))] == [
        "erased"
    ]
    together = map_facts(split_message(edit(body, collectif=True)))
    assert dated_types(together)[0] == ("booked", at(0))
