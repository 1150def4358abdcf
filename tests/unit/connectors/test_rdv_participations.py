"""Who takes part in an appointment: taken out, with a deleted account, or told in one second with others."""

import json
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from connectors.rdv.participation_facts import split_message
from connectors.rdv.simulate.service import Citizen, RdvService
from connectors.sdk.reconcile import Reconciler
from models.codec import UnusableRecord
from models.events import Event
from models.reasons import Reason
from tests.support.rdv_harness import MIREILLE, book
from tests.unit.connectors.test_rdv_mapping import BEGIN, READ_AT, START, at, bodies, edit, listed, mapper, told

JEAN = Citizen(502, "Jean", "Modele")
ZOE = Citizen(503, "Zoé", "Essai")
DELETED = "user_501@deleted.rdv-solidarites.fr"
Tell = Callable[[Sequence[bytes]], list[Event]]


@pytest.fixture
def service() -> RdvService:
    return RdvService()


@pytest.fixture
def tell(tmp_path: Path) -> Tell:
    """Maps facts; everything is kept on disk, and opened anew, after each."""

    def map_all(facts: Sequence[bytes]) -> list[Event]:
        events: list[Event] = []
        for fact in facts:
            mapping, memory = mapper(tmp_path)
            with closing(memory):
                events += mapping.map(fact, READ_AT)
                memory.keep(memory.take_changes())
        return events

    return map_all


def facts_of(webhooks: Sequence[bytes]) -> list[bytes]:
    return [fact for body in webhooks for fact in split_message(body)]


def spoil(body: bytes, places: Sequence[int], change: dict[str, Any]) -> bytes:
    """A webhook whose participations at `places` have other fields."""
    message = json.loads(body)
    for place in places:
        message["data"]["participations"][place] |= change
    return json.dumps(message).encode()


def people_of(events: Sequence[Event]) -> dict[str, list[tuple[str, str]]]:
    """The types of events by contact, each with its site."""
    lives: dict[str, list[tuple[str, str]]] = {}
    for event in events:
        lives.setdefault(event.subject.rpartition("-")[2], []).append((event.type.partition(".")[2], event.site))
    return lives


@pytest.mark.parametrize("how", ["pushed", "found"])
def test_who_is_taken_out_of_an_appointment_is_cancelled_as_of_then(service: RdvService, tell: Tell, how: str) -> None:
    rdv = book(service, at(0), START, MIREILLE, JEAN, lieu=31)
    before = facts_of(bodies(service))
    service.leave(at(60), rdv, JEAN.id)
    after = facts_of(bodies(service)) if how == "pushed" else listed(service, at(60))
    events = tell([*before, *after, *after])
    assert people_of(events) == {
        "1": [("booked", "mds-nord")],
        "2": [("booked", "mds-nord"), ("cancelled", "mds-nord")],
    }
    assert told(events)[-1] == ("cancelled", at(60))
    assert events[-1].model_dump()["data"] == {"by": "service"}


def test_in_any_order_who_was_taken_out_stays_out_and_who_joined_is_in(service: RdvService, tmp_path: Path) -> None:
    rdv = book(service, at(0), START, MIREILLE, JEAN)
    service.leave(at(60), rdv, JEAN.id)
    service.join(at(120), rdv, ZOE)
    _, *life = bodies(service)
    found = set()
    for number, order in enumerate(permutations(life)):
        mapping, memory = mapper(tmp_path / str(number))
        with closing(memory):
            events = [event for fact in facts_of(order) for event in mapping.map(fact, READ_AT)]
        found.add(frozenset((event.id, event.type) for event in events))
    assert [sorted(kind for _, kind in events) for events in found] == [
        ["appointment.booked"] * 3 + ["appointment.cancelled"]
    ]


def test_the_last_one_may_be_taken_out_too(service: RdvService, tell: Tell) -> None:
    rdv = book(service, at(0), START, collectif=True)
    service.leave(at(60), rdv, MIREILLE.id)
    assert [kind for kind, _ in told(tell(facts_of(bodies(service))))] == ["booked", "cancelled"]


@pytest.mark.parametrize("change", [{"status": "reporte"}, {"status": None}, {"user": "x"}], ids=str)
@pytest.mark.parametrize("places", [[0], [-1], [0, -1]], ids=["the first", "the last", "all"])
def test_a_removed_person_is_cancelled_though_other_participations_are_rejected(
    service: RdvService, tell: Tell, places: list[int], change: dict[str, Any]
) -> None:
    rdv = book(service, at(0), START, MIREILLE, JEAN, ZOE)
    booked, _ = bodies(service)
    service.leave(at(60), rdv, JEAN.id)
    (left,) = bodies(service)
    assert len(tell(facts_of([booked]))) == 3
    events: list[Event] = []
    rejected = 0
    for fact in 2 * facts_of([spoil(left, places, change)]):
        try:
            events += tell([fact])
        except UnusableRecord:
            rejected += 1
    assert people_of(events) == {"2": [("cancelled", "mds-nord")]}
    assert told(events) == [("cancelled", at(60))]
    assert rejected == 2 * len(places)


def test_in_any_order_a_rejected_participation_hides_no_removal(service: RdvService, tmp_path: Path) -> None:
    rdv = book(service, at(0), START, MIREILLE, JEAN)
    service.leave(at(60), rdv, JEAN.id)
    service.join(at(120), rdv, ZOE)
    _, booked, left, joined = bodies(service)
    left, joined = spoil(left, [0], {"status": "reporte"}), spoil(joined, [-1], {"status": "reporte"})
    found = set()
    for number, order in enumerate(permutations([booked, left, joined, left])):
        events: list[Event] = []
        mapping, memory = mapper(tmp_path / str(number))
        with closing(memory):
            for fact in facts_of(order):
                with suppress(UnusableRecord):
                    events += mapping.map(fact, READ_AT)
        assert len({event.id for event in events}) == len(events)
        found.add(frozenset((event.id, event.type.partition(".")[2]) for event in events))
    assert [sorted(kind for _, kind in events) for events in found] == [["booked", "booked", "cancelled"]]


@pytest.mark.parametrize("act", [RdvService.attend, RdvService.miss, RdvService.cancel])
def test_who_is_taken_out_once_it_was_over_or_cancelled_stays_as_it_was(
    service: RdvService, tell: Tell, act: Callable[..., None]
) -> None:
    rdv = book(service, at(0), START, MIREILLE, JEAN)
    act(service, at(30), rdv)
    service.leave(at(60), rdv, JEAN.id)
    assert [len(life) for life in people_of(tell(facts_of(bodies(service)))).values()] == [2, 2]


def test_who_is_missing_when_an_old_appointment_is_deleted_is_erased(service: RdvService, tell: Tell) -> None:
    rdv = book(service, at(0), START, MIREILLE, JEAN)
    before = facts_of(bodies(service))
    service._rdvs[rdv].participations.clear()
    service.erase(at(60), rdv)
    events = tell([*before, *facts_of(bodies(service))])
    assert [kind for kind, _ in told(events)] == ["booked", "booked", "erased", "erased"]
    assert [event.identities for event in events[2:]] == ["", ""]


def test_a_memory_without_lists_of_an_earlier_version_is_read(service: RdvService, tmp_path: Path) -> None:
    rdv = book(service, at(0), START, MIREILLE, JEAN)
    bodies(service)
    with closing(Reconciler(tmp_path)) as earlier:
        for person in (1, 2):
            state = f"{int(START.timestamp())} unknown"
            earlier.record_pushed(f"{rdv}-{person}", int(at(0).timestamp()) * 1_000_000 + 2, state, START)
        earlier.keep(earlier.take_changes())
    service.leave(at(60), rdv, JEAN.id)
    mapping, memory = mapper(tmp_path)
    with closing(memory):
        events = [event for fact in facts_of(bodies(service)) for event in mapping.map(fact, READ_AT)]
    assert told(events) == [("cancelled", at(60))]


def test_with_a_deleted_account_the_person_is_erased_once(service: RdvService, tell: Tell) -> None:
    rdv = book(service, at(0), START)
    service.attend(START + timedelta(hours=1), rdv)
    booked, _, attended = bodies(service)
    deleted = attended.replace(MIREILLE.email.encode(), DELETED.encode())  # type: ignore[union-attr]
    assert deleted != attended
    events = tell(facts_of([booked, deleted, deleted]))
    assert [kind for kind, _ in told(events)] == ["booked", "attended", "erased"]
    assert events[0].identities.count(":") == 3
    assert [event.identities for event in events[1:]] == ["", ""]


def test_a_child_is_not_reached_by_a_deleted_account(service: RdvService, tell: Tell) -> None:
    book(service, at(0), START, Citizen(600, "Léo", "Exemple", responsible=MIREILLE))
    body = bodies(service)[0].replace(MIREILLE.email.encode(), DELETED.encode())  # type: ignore[union-attr]
    (event,) = tell(facts_of([body]))
    assert event.identities.count(":") == 1


@pytest.mark.parametrize("ends", [RdvService.cancel, RdvService.delete])
def test_of_two_updates_in_one_second_the_order_does_not_matter(
    service: RdvService, tmp_path: Path, ends: Callable[..., None]
) -> None:
    rdv = book(service, at(0), START)
    service.move(at(60), rdv, START + timedelta(days=1))
    ends(service, at(60), rdv)
    created, _, moved, ended = bodies(service)
    lives: list[set[tuple[str, str]]] = []
    for order in ((moved, ended), (ended, moved)):
        mapping, memory = mapper(tmp_path / str(len(lives)))
        with closing(memory):
            events = [event for fact in facts_of([created, *order]) for event in mapping.map(fact, READ_AT)]
        lives.append({(event.id, event.type) for event in events})
    assert lives[0] == lives[1]
    assert {kind.partition(".")[2] for _, kind in lives[0]} == {"booked", "moved", "cancelled"}


def test_what_was_over_when_it_was_first_told_has_no_lead_that_nobody_knows(service: RdvService, tell: Tell) -> None:
    rdv = book(service, at(0), BEGIN + timedelta(hours=1))
    service.attend(at(180), rdv)
    *_, body = bodies(service)
    with pytest.raises(UnusableRecord) as refusal:
        tell(facts_of([edit(body, created_at=None)]))
    assert (refusal.value.reason, refusal.value.detail) == (Reason.MISSING_FIELD, "created_at")
    erased = body.replace(b'"updated", "webhook_reason": null', b'"destroyed", "webhook_reason": "rgpd"')
    assert [kind for kind, _ in told(tell(facts_of([edit(erased, created_at=None, id=9)])))] == ["erased"]
    together = tell(facts_of([edit(body, collectif=True)]))
    assert told(together)[0] == ("booked", at(0))
