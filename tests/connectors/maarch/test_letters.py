"""Maarch connector on a simulated server: conformance, events and identities."""

import json
import sqlite3
from contextlib import AbstractContextManager, closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import connectors.maarch as maarch
from connectors.maarch.api import CONTACTS, LIST, RECEIPTS
from connectors.sdk.keys import Keys
from connectors.sdk.testing.hostile import LARGE_VALUE, VALUES, hostile_json
from models.identities import IdentityKind
from tests.support.maarch_letters import (
    CONTACT,
    EMAIL,
    LETTERS,
    PERSONAL,
    POSTAGE,
    RECEIPTS_SENT,
    at,
    event_types,
    harness,
    letter,
    options,
    receipt,
    sender,
    sent,
    when,
)
from tests.support.maarch_server import MaarchServer, served
from tests.support.polled_servers import ServerConformance


class TestConformance(ServerConformance):
    connector = maarch.CONNECTOR
    readme = Path(maarch.__file__).with_name("README.md")
    personal = PERSONAL

    def serve(self, directory: Path) -> AbstractContextManager[MaarchServer]:
        return served(directory / "letters.json")

    def options(self, directory: Path) -> dict[str, Any]:
        return options(self.server(directory), postage=POSTAGE)

    def supply(self, directory: Path, part: int, parts: int) -> None:
        size = -(-len(LETTERS) // parts)
        self.server(directory).set_letters(
            *LETTERS[: (part + 1) * size],
            acknowledgement_receipts=RECEIPTS_SENT,
            contacts=[CONTACT],
            resource_contacts=[sender(row["res_id"]) for row in LETTERS],
        )

    def supply_hostile(self, directory: Path) -> None:
        server = self.server(directory)
        letters = [letter(1_000 + number, 60) for number, _ in enumerate(hostile_json(letter(0, 60)))]
        rows = [[*hostile_json(row)][number] for number, row in enumerate(letters)]
        server.set_letters(*server.content()["res_view_letterbox"], *letters)
        server.next_response = b'{"resources":[' + b",".join([LARGE_VALUE, *VALUES.values(), *rows]) + b"]}"


def test_steps_of_a_letter_become_events(server: MaarchServer) -> None:
    connector, events = harness(server), []
    for columns in (
        {},
        {"destination": "DRT", "status": "COU", "modification_date": at(20)},
        {"destination": "DRT", "status": "ENVDONE", "modification_date": at(30)},
        {"destination": "DRT", "status": "END", "closing_date": at(40), "modification_date": at(40.01)},
    ):
        server.set_letters(letter(1, 10, **columns))
        events += connector.read_all(confirm=True)
    assert [(event.type, event.time, event.service, event.site) for event in events] == [
        ("letter.arrived", when(-50), "action-sociale", "siege"),
        ("letter.registered", when(10), "action-sociale", "siege"),
        ("letter.assigned", when(10), "action-sociale", "siege"),
        ("letter.assigned", when(20), "routes", ""),
        ("letter.answered", when(30), "routes", ""),
        ("letter.closed", when(40), "routes", ""),
    ]
    assert [event.model_dump()["data"] for event in events[:2]] == [
        {"pages": None, "admitted_at": when(-50)},
        {"chrono": "MAARCH/2026A/1"},
    ]
    assert events[-1].model_dump()["data"] == {"outcome": "resolved"}


FOLLOWED_UP = {"status": "STDBY", "closing_date": at(40), "modification_date": at(40.01)}


def test_followed_up_letter_is_closed_once(server: MaarchServer) -> None:
    connector = harness(server)
    server.set_letters(letter(1, 10))
    connector.read_all(confirm=True)
    server.set_letters(letter(1, 10, **FOLLOWED_UP))
    (closed,) = connector.read_all(confirm=True)
    assert (closed.type, closed.time) == ("letter.closed", when(40))
    server.set_letters(letter(1, 10, **FOLLOWED_UP | {"status": "END", "modification_date": at(90)}))
    assert [event.id for event in connector.read_all(confirm=True)] in ([], [closed.id])


def test_followed_up_letter_of_an_earlier_version_is_closed(server: MaarchServer) -> None:
    connector = harness(server)
    server.set_letters(letter(1, 10, **FOLLOWED_UP))
    connector.read_all(confirm=True)
    with closing(sqlite3.connect(connector.directory / "letters.sqlite", isolation_level=None)) as memory:
        (known,) = memory.execute("SELECT known FROM letters").fetchone()
        memory.execute("UPDATE letters SET known = ?", (json.dumps(json.loads(known)[:-1]).encode(),))
    (closed,) = connector.read_all(confirm=True)
    assert (closed.type, closed.time) == ("letter.closed", when(40))


@pytest.mark.parametrize(
    ("admission", "arrived", "admitted"),
    [
        (at(-600), when(-600), when(-600)),
        ("2026-03-16 00:00:00", when(-540), when(-540)),
        (None, when(10), None),
        (at(30), when(10), when(10)),
    ],
    ids=["before its registration", "date only", "none", "after its registration"],
)
def test_letter_arrives_at_its_admission_or_registration(
    server: MaarchServer, admission: str | None, arrived: datetime, admitted: datetime | None
) -> None:
    server.set_letters(letter(1, 10, admission_date=admission))
    event, *_ = harness(server).read_all(confirm=True)
    assert event.time == arrived
    assert event.model_dump()["data"]["admitted_at"] == admitted


def test_first_sent_receipt_is_the_acknowledgement(server: MaarchServer) -> None:
    server.set_letters(
        letter(1, 10), letter(2, 11), acknowledgement_receipts=[receipt(1, 30), receipt(1, 20), receipt(2, None)]
    )
    connector = harness(server)
    events = connector.read_all(confirm=True)
    assert [event.time for event in events if event.type == "letter.acknowledged"] == [when(20)]
    server.requested.clear()
    server.set_letters(letter(1, 10, modification_date=at(40)), letter(2, 11))
    assert connector.read_all(confirm=True) == []
    assert RECEIPTS not in server.requested


@pytest.mark.parametrize("reopening_is_polled", [True, False])
def test_second_closing_has_its_own_time(server: MaarchServer, *, reopening_is_polled: bool) -> None:
    """Maarch keeps the closing date of the first closing."""
    connector, closed = harness(server), {"status": "END", "closing_date": at(20)}
    server.set_letters(letter(1, 10, **closed, modification_date=at(20)))
    events = connector.read_all(confirm=True)
    if reopening_is_polled:
        server.set_letters(letter(1, 10, closing_date=at(20), status="COU", modification_date=at(30)))
        events += connector.read_all(confirm=True)
    server.set_letters(letter(1, 10, **closed, modification_date=at(40)))
    events += connector.read_all(confirm=True)
    again = [("1", "assigned"), ("1", "closed")] if reopening_is_polled else []
    assert event_types(events) == [("1", kind) for kind in ("arrived", "registered", "assigned", "closed")] + again
    assert [event.time for event in events[3:]] == [when(20), when(30), when(40)][: len(events) - 3]


@pytest.mark.parametrize("status", ["END", "SSUITE"])
def test_changed_entity_does_not_reopen_a_closed_letter(server: MaarchServer, status: str) -> None:
    """The entity changes in the same poll as the closing, or later."""
    connector = harness(server)
    server.set_letters(letter(1, 10))
    events = connector.read_all(confirm=True)
    closed = {"status": status, "closing_date": at(20) if status == "END" else None}
    for entity, minute in (("DRT", 21), ("DAS", 30)):
        server.set_letters(letter(1, 10, **closed, destination=entity, modification_date=at(minute)))
        events += connector.read_all(confirm=True)
    assert [kind for _, kind in event_types(events[3:])] == ["assigned", "closed", "assigned"]
    (closed_at,) = (event.time for event in events if event.type == "letter.closed")
    assert {event.time for event in events[3:]} == {closed_at}


def test_archiving_a_closed_letter_publishes_nothing(server: MaarchServer) -> None:
    connector = harness(server)
    server.set_letters(letter(1, 10, status="SSUITE", closing_date=at(20), modification_date=at(20)))
    connector.read_all(confirm=True)
    server.set_letters(letter(1, 10, status="EXP_SEDA", closing_date=at(20), modification_date=at(30)))
    assert connector.read_all(confirm=True) == []


def test_resolved_letter_counts_as_answered_if_configured(server: MaarchServer) -> None:
    closed = {"status": "END", "closing_date": at(20), "modification_date": at(20)}
    server.set_letters(letter(1, 10, **closed), letter(2, 10, **closed | {"status": "SSUITE"}))
    events = harness(server, answered_when_resolved=True).read_all(confirm=True)
    assert [pair for pair in event_types(events) if pair[1] in {"answered", "closed"}] == [
        ("1", "answered"),
        ("1", "closed"),
        ("2", "closed"),
    ]


def test_outgoing_mail_is_sent_with_its_postage(server: MaarchServer) -> None:
    unpaid = json.dumps({"1": "Lettre verte"})
    server.set_letters(sent(1, 10), sent(2, 11, departure_date=None), sent(3, 12, custom_fields=unpaid))
    events = harness(server, postage=POSTAGE).read_all(confirm=True)
    assert event_types(events) == [("1", "sent")]
    assert events[0].time == when(10)
    assert events[0].model_dump()["data"] == {"postage": "lettre_verte", "cost_cents": 139}


def test_letters_of_other_categories_and_models_are_not_read(server: MaarchServer) -> None:
    server.set_letters(sent(1, 10), letter(2, 11, category_id="internal"), letter(3, 12, model_id=5), letter(4, 13))
    connector = harness(server, models=[1, 2])
    assert {number for number, _ in event_types(connector.read_all(confirm=True))} == {"4"}


def test_document_type_gives_service_and_site_that_the_entity_lacks(server: MaarchServer) -> None:
    server.set_letters(
        letter(1, 10, destination="DRT"), letter(2, 11, destination="XYZ"), letter(3, 12, destination="XYZ", type_id=9)
    )
    doctypes = {101: {"service": "courrier", "site": "annexe"}}
    events = harness(server, doctypes=doctypes, service="accueil", site="siege").read_all(confirm=True)
    assert [(event.service, event.site) for event in events[::3]] == [
        ("routes", "annexe"),
        ("courrier", "annexe"),
        ("accueil", "siege"),
    ]


def test_sender_has_pseudonyms_of_the_entity_sector(server: MaarchServer, tmp_path: Path) -> None:
    server.set_letters(letter(1, 10), contacts=[CONTACT], resource_contacts=[sender(1)])
    entities = {"DAS": {"service": "action-sociale", "sector": "social"}}
    connector = harness(server, entities=entities, case_field=3)
    events = connector.read_all(confirm=True)
    key = Keys(tmp_path / "keys", connector.directory).pseudonym_key("social")
    known = ((IdentityKind.CASE, "CAF-77"), (IdentityKind.EMAIL, EMAIL), (IdentityKind.PHONE, "+33639985511"))
    assert {event.identities for event in events} == {" ".join(key.pseudonym(kind, value) for kind, value in known)}
    assert {event.sector for event in events} == {"social"}


@pytest.mark.parametrize(
    "senders",
    [[], [sender(1), sender(1, 2)], [sender(1, 1, "entity")], [sender(1, 1, "user")], [sender(1, 3)]],
    ids=["no sender", "two senders", "an entity", "an agent", "a sender without contact details"],
)
def test_letter_without_a_single_known_sender_has_no_identities(
    server: MaarchServer, senders: list[dict[str, Any]]
) -> None:
    contacts = [CONTACT, CONTACT | {"id": 2, "email": "jean.modele@example.org"}, {"id": 3, "lastname": "Exemple"}]
    server.set_letters(letter(1, 10), contacts=contacts, resource_contacts=senders)
    events = harness(server).read_all(confirm=True)
    assert {event.identities for event in events} == {""}


def test_only_needed_routes_and_columns_are_requested(server: MaarchServer) -> None:
    server.set_letters(letter(1, 10), letter(2, 11), contacts=[CONTACT], resource_contacts=[sender(1)])
    harness(server, senders=False, receipts=False).read_all(confirm=True)
    assert {*server.requested} == {LIST}
    columns = {column.strip() for query in server.queries for column in query["select"].split(",")}
    assert columns.isdisjoint({"subject", "custom_fields", "filename", "dest_user", "typist", "*"})


def test_senders_are_requested_once(server: MaarchServer) -> None:
    connector = harness(server)
    for minute in (10, 20, 30):
        server.set_letters(letter(1, 10, modification_date=at(minute), status="COU" if minute > 10 else "NEW"))
        connector.read_all(confirm=True)
    assert server.requested.count(CONTACTS) == 1


def test_address_may_end_with_rest(server: MaarchServer) -> None:
    server.set_letters(letter(1, 10))
    assert harness(server, url=f"{server.url}/rest").read_all(confirm=True)
