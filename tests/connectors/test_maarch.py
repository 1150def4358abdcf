"""The connector of Maarch as a whole, on a fake that serves the published routes."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse

import connectors.maarch as maarch
from connectors.maarch.api import CONTACTS, LIST, RECEIPTS
from connectors.maarch.simulate.server import LOGIN, PASSWORD
from connectors.sdk.errors import CursorDamagedError, SourceUnavailableError
from connectors.sdk.keys import Keys
from connectors.sdk.rejects import read as read_rejects
from connectors.sdk.testing import Bench, Conformance, identity, run_dry
from models.events import Event
from models.identities import IdentityKind
from models.reasons import Reason
from tests.support.maarch_server import MaarchServer, served

BEGIN = datetime(2026, 3, 16, 8, tzinfo=UTC)
"""09:00 in Paris."""
NAME, EMAIL, PHONE = "Mireille Exemple", "mireille.exemple@example.org", "06 39 98 55 11"
SUBJECT = f"{NAME}, {PHONE}, n'a pas de réponse"
PERSONAL = ("Mireille", "Exemple", EMAIL, PHONE, SUBJECT)


def at(minute: float) -> str:
    """A local time, as the database has it."""
    return (BEGIN + timedelta(hours=1, minutes=minute)).strftime("%Y-%m-%d %H:%M:%S.%f")


def when(minute: float) -> datetime:
    return BEGIN + timedelta(minutes=minute)


def letter(number: int, minute: float, **columns: Any) -> dict[str, Any]:
    """A letter as the database has it, that was registered at `minute`."""
    return {
        "res_id": number,
        "subject": SUBJECT,
        "category_id": "incoming",
        "status": "NEW",
        "type_id": 101,
        "model_id": 1,
        "destination": "DAS",
        "alt_identifier": f"MAARCH/2026A/{number}",
        "creation_date": at(minute),
        "modification_date": at(minute),
        "admission_date": at(minute - 60),
        "custom_fields": json.dumps({"1": "Lettre verte", "2": "1,39", "3": "CAF-77"}),
        **columns,
    }


def sent(number: int, minute: float, **columns: Any) -> dict[str, Any]:
    """A letter of the house's own, that left at `minute`."""
    return letter(number, minute, category_id="outgoing", departure_date=at(minute)) | columns


def receipt(number: int, minute: float | None) -> dict[str, Any]:
    return {"res_id": number, "format": "html", "creation_date": at(0), "send_date": minute and at(minute)}


def sender(number: int, item: int = 1, kind: str = "contact") -> dict[str, Any]:
    return {"res_id": number, "item_id": item, "type": kind, "mode": "sender"}


CONTACT = {"id": 1, "firstname": "Mireille", "lastname": "Exemple", "email": EMAIL, "phone": PHONE, "notes": SUBJECT}
LETTERS = [
    letter(1, 10),
    letter(2, 20, status="COU", modification_date=at(21)),
    letter(3, 30, status="ENVDONE", modification_date=at(31)),
    letter(4, 40, status="END", modification_date=at(42), closing_date=at(41)),
    letter(5, 45, status="MARS"),
    letter(6, 46, admission_date="20226-03-16 09:00:00"),
    letter(7, 47, destination=None, alt_identifier=None, admission_date=None),
    letter(8, 48, creation_date="hier"),
    letter(9, 49, status="SSUITE", modification_date=at(50), closing_date=at(50)),
    *(letter(number, 60) for number in range(10, 30)),
    sent(30, 70),
    sent(31, 71, custom_fields=json.dumps({"1": "Pigeon", "2": "1,39"})),
]
RECEIPTS_SENT = [receipt(2, 22), receipt(2, 25), receipt(3, None)]
POSTAGE = {"class_field": 1, "cost_field": 2, "classes": {"Lettre verte": "lettre_verte"}}


def options(server: MaarchServer, **more: Any) -> dict[str, Any]:
    entities = {"DAS": {"service": "action-sociale", "site": "siege"}, "DRT": {"service": "routes"}}
    given = {"url": server.url, "login": LOGIN, "password": PASSWORD, "entities": entities, "page_size": 7}
    return given | more


class TestConformance(Conformance):
    connector = maarch.CONNECTOR
    readme = Path(maarch.__file__).with_name("README.md")
    personal = PERSONAL

    @pytest.fixture(autouse=True)
    def _servers(self) -> Iterator[None]:
        self._started: dict[Path, MaarchServer] = {}
        with ExitStack() as self._stack:
            yield

    def options(self, directory: Path) -> dict[str, Any]:
        if directory not in self._started:
            self._started[directory] = self._stack.enter_context(served(directory / "letters.json"))
        return options(self._started[directory], postage=POSTAGE)

    def supply(self, directory: Path, part: int, parts: int) -> None:
        size = -(-len(LETTERS) // parts)
        self._started[directory].hold(
            *LETTERS[: (part + 1) * size],
            acknowledgement_receipts=RECEIPTS_SENT,
            contacts=[CONTACT],
            resource_contacts=[sender(one["res_id"]) for one in LETTERS],
        )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MaarchServer]:
    with served(tmp_path / "letters.json") as started:
        yield started


def bench(server: MaarchServer, tmp_path: Path, data: str = "data", **more: Any) -> Bench:
    return Bench(maarch.CONNECTOR, options(server, **more), tmp_path / data, tmp_path / "keys")


def told(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.subject.rpartition(":")[2], event.type.removeprefix("letter.")) for event in events]


def times(events: list[Event]) -> dict[str, datetime]:
    return {event.type.removeprefix("letter."): event.time for event in events}


def unavailable(bench: Bench) -> str:
    """Why the source is not read."""
    with bench.opened() as (flow, _), pytest.raises(SourceUnavailableError) as trouble:
        flow.turn()
    return str(trouble.value)


# ------------------------------------------------------------------------------------------------------------------ events
def test_a_letters_life_becomes_events(server: MaarchServer, tmp_path: Path) -> None:
    one, events = bench(server, tmp_path), []
    for columns in (
        {},
        {"destination": "DRT", "status": "COU", "modification_date": at(20)},
        {"destination": "DRT", "status": "ENVDONE", "modification_date": at(30)},
        {"destination": "DRT", "status": "END", "closing_date": at(40), "modification_date": at(40.01)},
    ):
        server.hold(letter(1, 10, **columns))
        events += one.read_all(confirm=True)
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


@pytest.mark.parametrize(
    ("admission", "arrived", "admitted"),
    [
        (at(-600), when(-600), when(-600)),
        ("2026-03-16 00:00:00", when(-540), when(-540)),
        (None, when(10), None),
        (at(30), when(10), when(10)),
    ],
    ids=["before", "a day", "none", "after it was registered"],
)
def test_a_letter_arrives_when_it_was_admitted(
    server: MaarchServer, tmp_path: Path, admission: str | None, arrived: datetime, admitted: datetime | None
) -> None:
    server.hold(letter(1, 10, admission_date=admission))
    event, *_ = bench(server, tmp_path).read_all(confirm=True)
    assert event.time == arrived
    assert event.model_dump()["data"]["admitted_at"] == admitted


def test_the_first_receipt_that_was_sent_acknowledges(server: MaarchServer, tmp_path: Path) -> None:
    server.hold(
        letter(1, 10), letter(2, 11), acknowledgement_receipts=[receipt(1, 30), receipt(1, 20), receipt(2, None)]
    )
    one = bench(server, tmp_path)
    events = one.read_all(confirm=True)
    assert [event.time for event in events if event.type == "letter.acknowledged"] == [when(20)]
    server.asked.clear()
    server.hold(letter(1, 10, modification_date=at(40)), letter(2, 11))
    assert one.read_all(confirm=True) == []
    assert RECEIPTS not in server.asked


@pytest.mark.parametrize("found_between", [True, False])
def test_a_letter_that_is_closed_again_is_closed_then(
    server: MaarchServer, tmp_path: Path, *, found_between: bool
) -> None:
    """Though it keeps the closing date of the first time."""
    one, closed = bench(server, tmp_path), {"status": "END", "closing_date": at(20)}
    server.hold(letter(1, 10, **closed, modification_date=at(20)))
    events = one.read_all(confirm=True)
    if found_between:
        server.hold(letter(1, 10, closing_date=at(20), status="COU", modification_date=at(30)))
        events += one.read_all(confirm=True)
    server.hold(letter(1, 10, **closed, modification_date=at(40)))
    events += one.read_all(confirm=True)
    again = [("1", "assigned"), ("1", "closed")] if found_between else []
    assert told(events) == [("1", kind) for kind in ("arrived", "registered", "assigned", "closed")] + again
    assert [event.time for event in events[3:]] == [when(20), when(30), when(40)][: len(events) - 3]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("END", "resolved"),
        ("SSUITE", "no_action"),
        ("DEL", "no_action"),
        ("REPLY_SEDA", "resolved"),
        ("TRANSMIS", "redirected"),
    ],
)
def test_a_status_tells_the_outcome(server: MaarchServer, tmp_path: Path, status: str, outcome: str) -> None:
    server.hold(letter(1, 10, status=status, modification_date=at(30)))
    event = bench(server, tmp_path, statuses={"TRANSMIS": "redirected"}).read_all(confirm=True)[-1]
    assert event.model_dump()["data"] == {"outcome": outcome}
    assert event.time == when(30)


def test_archiving_says_nothing_of_what_was_closed(server: MaarchServer, tmp_path: Path) -> None:
    one = bench(server, tmp_path)
    server.hold(letter(1, 10, status="SSUITE", closing_date=at(20), modification_date=at(20)))
    one.read_all(confirm=True)
    server.hold(letter(1, 10, status="EXP_SEDA", closing_date=at(20), modification_date=at(30)))
    assert one.read_all(confirm=True) == []


def test_what_is_resolved_may_count_as_answered(server: MaarchServer, tmp_path: Path) -> None:
    closed = {"status": "END", "closing_date": at(20), "modification_date": at(20)}
    server.hold(letter(1, 10, **closed), letter(2, 10, **closed | {"status": "SSUITE"}))
    events = bench(server, tmp_path, answered_when_resolved=True).read_all(confirm=True)
    assert [pair for pair in told(events) if pair[1] in {"answered", "closed"}] == [
        ("1", "answered"),
        ("1", "closed"),
        ("2", "closed"),
    ]


def test_outgoing_mail_is_sent_with_its_postage(server: MaarchServer, tmp_path: Path) -> None:
    unpaid = json.dumps({"1": "Lettre verte"})
    server.hold(sent(1, 10), sent(2, 11, departure_date=None), sent(3, 12, custom_fields=unpaid))
    events = bench(server, tmp_path, postage=POSTAGE).read_all(confirm=True)
    assert told(events) == [("1", "sent")]
    assert events[0].time == when(10)
    assert events[0].model_dump()["data"] == {"postage": "lettre_verte", "cost_cents": 139}


def test_without_its_postage_outgoing_mail_is_not_read(server: MaarchServer, tmp_path: Path) -> None:
    server.hold(sent(1, 10), letter(2, 11, category_id="internal"))
    one = bench(server, tmp_path)
    assert one.read_all(confirm=True) == []
    assert one.records_read() == 0


def test_only_the_models_of_letters_are_read(server: MaarchServer, tmp_path: Path) -> None:
    server.hold(letter(1, 10), letter(2, 11, model_id=5))
    assert {number for number, _ in told(bench(server, tmp_path, models=[1, 2]).read_all(confirm=True))} == {"1"}


def test_the_document_type_tells_what_the_entity_does_not(server: MaarchServer, tmp_path: Path) -> None:
    server.hold(
        letter(1, 10, destination="DRT"), letter(2, 11, destination="XYZ"), letter(3, 12, destination="XYZ", type_id=9)
    )
    doctypes = {101: {"service": "courrier", "site": "annexe"}}
    events = bench(server, tmp_path, doctypes=doctypes, service="accueil", site="siege").read_all(confirm=True)
    assert [(event.service, event.site) for event in events[::3]] == [
        ("routes", "annexe"),
        ("courrier", "annexe"),
        ("accueil", "siege"),
    ]


# ---------------------------------------------------------------------------------------------------------------- citizens
def test_who_wrote_is_known_by_pseudonyms_of_the_entitys_sector(server: MaarchServer, tmp_path: Path) -> None:
    server.hold(letter(1, 10), contacts=[CONTACT], resource_contacts=[sender(1)])
    entities = {"DAS": {"service": "action-sociale", "sector": "social"}}
    one = bench(server, tmp_path, entities=entities, case_field=3)
    events = one.read_all(confirm=True)
    key = Keys(tmp_path / "keys", one.directory).key_of("social")
    known = ((IdentityKind.CASE, "CAF-77"), (IdentityKind.EMAIL, EMAIL), (IdentityKind.PHONE, "+33639985511"))
    assert {event.identities for event in events} == {" ".join(key.pseudonym(kind, value) for kind, value in known)}
    assert {event.sector for event in events} == {"social"}


@pytest.mark.parametrize(
    "senders",
    [[], [sender(1), sender(1, 2)], [sender(1, 1, "entity")], [sender(1, 1, "user")], [sender(1, 3)]],
    ids=["nobody", "two people", "an entity", "an agent", "one who left no address"],
)
def test_a_letter_may_be_nobodys(server: MaarchServer, tmp_path: Path, senders: list[dict[str, Any]]) -> None:
    contacts = [CONTACT, CONTACT | {"id": 2, "email": "jean.modele@example.org"}, {"id": 3, "lastname": "Exemple"}]
    server.hold(letter(1, 10), contacts=contacts, resource_contacts=senders)
    events = bench(server, tmp_path).read_all(confirm=True)
    assert {event.identities for event in events} == {""}


def test_nothing_is_asked_for_that_is_not_needed(server: MaarchServer, tmp_path: Path) -> None:
    server.hold(letter(1, 10), letter(2, 11), contacts=[CONTACT], resource_contacts=[sender(1)])
    bench(server, tmp_path, senders=False, receipts=False).read_all(confirm=True)
    assert {*server.asked} == {LIST}
    asked = {column.strip() for question in server.questions for column in question["select"].split(",")}
    assert asked.isdisjoint({"subject", "custom_fields", "filename", "dest_user", "typist", "*"})


def test_senders_are_asked_for_once(server: MaarchServer, tmp_path: Path) -> None:
    one = bench(server, tmp_path)
    for minute in (10, 20, 30):
        server.hold(letter(1, 10, modification_date=at(minute), status="COU" if minute > 10 else "NEW"))
        one.read_all(confirm=True)
    assert server.asked.count(CONTACTS) == 1


# ----------------------------------------------------------------------------------------------------------- nothing missed
@pytest.mark.parametrize("page_size", [1, 3, 100])
def test_of_many_changes_in_one_instant_none_is_missed(server: MaarchServer, tmp_path: Path, page_size: int) -> None:
    """Nor one of the same instant that comes after the last page."""
    same = [letter(number, 10) for number in range(1, 13)]
    server.hold(*same[:10])
    one = bench(server, tmp_path, page_size=page_size)
    events = one.read_all(confirm=True)
    server.hold(*same)
    events += one.read_all(confirm=True)
    assert told(events[::3]) == [(str(number), "arrived") for number in range(1, 13)]
    assert len(events) == 36


def test_one_that_became_visible_late_is_not_missed(server: MaarchServer, tmp_path: Path) -> None:
    closed = {"status": "END", "closing_date": at(10)}  # so that it is not found by looking at all that are open
    server.hold(letter(2, 14))
    one = bench(server, tmp_path, overlap_seconds=300)
    one.read_all(confirm=True)
    server.hold(letter(2, 14), letter(1, 10, **closed))
    assert ("1", "closed") in told(one.read_all(confirm=True))


def test_changes_during_paging_are_told(server: MaarchServer, tmp_path: Path) -> None:
    before = [letter(number, number) for number in range(1, 10)]
    after = [letter(1, 1, status="ENVDONE", modification_date=at(20)), *before[1:], letter(10, 21)]
    server.hold(*before)
    server.before_answer = lambda request: server.hold(*after) if request == 8 else None
    events = bench(server, tmp_path, page_size=3).read_all(confirm=True)
    arrived = {(str(number), "arrived") for number in range(1, 11)}
    assert arrived | {("1", "answered")} <= {*told(events)}


def go_away_at(server: MaarchServer, stop: int) -> None:
    """Let the server answer so many requests, and then no more."""
    server.asked.clear()
    server.refusals.clear()
    away = dict.fromkeys((LIST, CONTACTS, RECEIPTS), PlainTextResponse("", 503))
    server.before_answer = lambda request: server.refusals.update(away) if request == stop else None


def test_a_restart_anywhere_misses_nothing(server: MaarchServer, tmp_path: Path) -> None:
    server.hold(*LETTERS)
    whole = identity(bench(server, tmp_path, "whole").read_all(confirm=True))
    one, events = bench(server, tmp_path, page_size=2), []
    for stop in (2, 3, 7, 12, 20, 100):
        go_away_at(server, stop)
        with one.opened() as (flow, publisher):
            with suppress(SourceUnavailableError):
                run_dry(flow, one.records_read)
            publisher.confirm()
            events += publisher.events
    assert identity(events) == whole


def test_what_left_no_date_is_found_by_looking_at_all_open_letters(server: MaarchServer, tmp_path: Path) -> None:
    day = 24 * 60
    server.hold(letter(1, 10), letter(2, 11), letter(3, 5 * day))
    one = bench(server, tmp_path)
    one.read_all(confirm=True)
    server.hold(letter(1, 10, status="ENVDONE"), letter(2, 11, status="SSUITE"), letter(3, 5 * day))
    events = one.read_all(confirm=True)
    assert told(events) == [("1", "answered"), ("2", "closed")]
    assert [event.time for event in events] == [when(10), when(11)]


def test_only_what_is_new_is_told(server: MaarchServer, tmp_path: Path) -> None:
    server.hold(letter(1, 10), letter(2, 11))
    one = bench(server, tmp_path)
    one.read_all(confirm=True)
    year = 365 * 24 * 60
    server.hold(letter(1, 10, modification_date=at(12)), letter(2, 11, modification_date=at(year / 4)))
    assert one.read_all(confirm=True) == []


def test_when_clocks_are_put_back_nothing_is_missed(server: MaarchServer, tmp_path: Path) -> None:
    night = {"modification_date": None, "admission_date": None}
    first = letter(1, 0, creation_date="2025-10-26 02:59:50", **night)
    second = letter(
        2, 0, creation_date="2025-10-26 02:10:00", **night, status="END", closing_date="2025-10-26 02:10:00"
    )
    server.hold(first)
    one = bench(server, tmp_path)
    one.read_all(confirm=True)
    server.hold(first, second)
    assert ("2", "arrived") in told(one.read_all(confirm=True))


def test_on_a_first_start_it_begins_where_it_is_told(server: MaarchServer, tmp_path: Path) -> None:
    """What precedes it is told from its arrival on when it first changes."""
    day, year = 24 * 60, 365 * 24 * 60
    server.hold(letter(1, 10), letter(2, 2 * day))
    one = bench(server, tmp_path, start=date(2026, 3, 17))
    assert {number for number, _ in told(one.read_all(confirm=True))} == {"2"}
    server.hold(letter(1, 10, status="ENVDONE", modification_date=at(year / 3)), letter(2, 2 * day))
    events = one.read_all(confirm=True)
    assert told(events) == [("1", kind) for kind in ("arrived", "registered", "assigned", "answered")]
    assert times(events)["arrived"] == when(-50)


def test_a_date_far_ahead_hides_nothing(server: MaarchServer, tmp_path: Path) -> None:
    ahead = letter(1, 10, modification_date="2099-01-01 00:00:00")
    server.hold(ahead)
    one = bench(server, tmp_path)
    one.read_all(confirm=True)
    soon = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S.%f")
    late = letter(
        2, 10, creation_date=soon, modification_date=soon, status="END", closing_date=soon, admission_date=at(0)
    )
    server.hold(ahead, late)
    assert ("2", "arrived") in told(one.read_all(confirm=True))


# ------------------------------------------------------------------------------------------------------------ what goes wrong
def test_what_cannot_be_used_takes_nothing_with_it_and_is_kept_once(server: MaarchServer, tmp_path: Path) -> None:
    server.hold(*LETTERS[4:8])
    one = bench(server, tmp_path)
    events = one.read_all(confirm=True) + one.read_all(confirm=True)
    assert told(events) == [
        ("5", "arrived"),
        ("5", "registered"),
        ("5", "assigned"),
        ("6", "registered"),
        ("6", "assigned"),
        ("7", "arrived"),
    ]
    kept = [kept.reject for kept in read_rejects(one.directory)]
    assert [reject.reason for reject in kept] == [Reason.UNKNOWN_RECORD, Reason.INVALID_FIELD, Reason.UNREADABLE_LINE]
    assert kept[0].detail == "a status that means nothing here: MARS"


def test_a_status_that_was_unknown_can_be_mapped_again(server: MaarchServer, tmp_path: Path) -> None:
    server.hold(letter(1, 10, status="MARS", modification_date=at(30)))
    before, after = bench(server, tmp_path), bench(server, tmp_path, statuses={"MARS": "answered"})
    before.read_all(confirm=True)
    (kept,) = read_rejects(before.directory)
    with after.opened() as (flow, _):
        (event,) = flow._source.map_again(kept.reject, kept.read_at)
    assert (event.type, event.time) == ("letter.answered", when(30))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"password": "un-autre"}, "refuses the user (401)"),
        ({"login": "", "password": None, "token": "un-jeton"}, "refuses the user (401)"),
    ],
)
def test_a_wrong_user_is_named(server: MaarchServer, tmp_path: Path, more: dict[str, Any], words: str) -> None:
    given = {key: value for key, value in options(server, **more).items() if value}
    one = Bench(maarch.CONNECTOR, given, tmp_path / "data", tmp_path / "keys")
    assert words in (trouble := unavailable(one))
    assert "un-" not in trouble


def test_a_token_is_taken(server: MaarchServer, tmp_path: Path) -> None:
    server.token = "un-jeton"
    server.hold(letter(1, 10))
    given = {"url": f"{server.url}/rest", "token": "un-jeton"}
    assert Bench(maarch.CONNECTOR, given, tmp_path / "data", tmp_path / "keys").read_all(confirm=True)


def test_a_user_without_a_perimeter_is_named(server: MaarchServer, tmp_path: Path) -> None:
    server.perimeter = None
    assert f"{LIST}: the server refuses the question (400)" in unavailable(bench(server, tmp_path))


@pytest.mark.parametrize("route", [LIST, CONTACTS, RECEIPTS])
def test_a_route_that_is_not_authorised_is_named(server: MaarchServer, tmp_path: Path, route: str) -> None:
    server.authorized = [other for other in (LIST, CONTACTS, RECEIPTS) if other != route]
    server.hold(letter(1, 10), acknowledgement_receipts=[receipt(1, 20)])
    words = f"{route}: the server does not let the user ask this (403)"
    assert words in unavailable(bench(server, tmp_path))
    with pytest.raises(SourceUnavailableError) as trouble:
        bench(server, tmp_path, "probed").probe()
    assert words in str(trouble.value)


def test_a_probe_tells_what_the_first_letters_are(server: MaarchServer, tmp_path: Path) -> None:
    server.hold(*LETTERS[:9], acknowledgement_receipts=RECEIPTS_SENT)
    found = bench(server, tmp_path).probe()
    assert found.events == {
        "letter.arrived": 5,
        "letter.registered": 5,
        "letter.assigned": 5,
        "letter.acknowledged": 1,
        "letter.answered": 1,
        "letter.closed": 1,
    }


def test_a_server_that_asks_for_patience_is_left_alone_and_then_goes_on(server: MaarchServer, tmp_path: Path) -> None:
    server.hold(letter(1, 10))
    one = bench(server, tmp_path)
    server.refusals[LIST] = PlainTextResponse("", 429, {"Retry-After": "3000"})
    with one.opened() as (flow, publisher):
        for _ in range(5):
            with pytest.raises(SourceUnavailableError, match="less often"):
                flow.turn()
        assert server.asked == [LIST]
        assert publisher.events == []
    server.refusals.clear()
    assert told(one.read_all(confirm=True))[0] == ("1", "arrived")


@pytest.mark.parametrize("status", [400, 404])
def test_a_letter_of_which_nothing_more_is_there_is_told(server: MaarchServer, tmp_path: Path, status: int) -> None:
    server.refusals[CONTACTS] = PlainTextResponse("", status)
    server.hold(letter(1, 10), letter(2, 11))
    assert len(bench(server, tmp_path).read_all(confirm=True)) == 6


def test_a_letter_that_the_server_fails_on_holds_up_no_other(
    server: MaarchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sdk.pull.FIRST_PAUSE_SECONDS", 0.0)
    server.refusals[CONTACTS] = PlainTextResponse("", 500)
    server.hold(letter(1, 10), letter(2, 11))
    with bench(server, tmp_path).opened() as (flow, publisher):
        for _ in range(2):
            with pytest.raises(SourceUnavailableError, match=r"out of order \(500\)"):
                flow.turn()
        flow.turn()
        assert told(publisher.events) == [("1", "arrived"), ("1", "registered"), ("1", "assigned")]
        server.refusals.clear()
        flow.turn()
        assert told(publisher.events)[3:] == [("2", "arrived"), ("2", "registered"), ("2", "assigned")]
    assert server.asked.count(CONTACTS) == 5


def test_a_server_that_does_not_order_is_refused(server: MaarchServer, tmp_path: Path) -> None:
    server.hold(letter(1, 10), letter(2, 11))
    server.shuffle = True
    assert "out of order" in unavailable(bench(server, tmp_path))


def test_an_answer_that_is_none_is_named(server: MaarchServer, tmp_path: Path) -> None:
    server.refusals[LIST] = PlainTextResponse("<html>" + NAME, 200)
    trouble = unavailable(bench(server, tmp_path))
    assert f"{LIST}: the server answers otherwise than published" in trouble
    assert NAME not in trouble


@pytest.mark.parametrize("damage", ["gone", "overwritten"])
def test_a_memory_that_is_lost_is_named(server: MaarchServer, tmp_path: Path, damage: str) -> None:
    server.hold(letter(1, 10))
    one = bench(server, tmp_path)
    one.read_all(confirm=True)
    memory = one.directory / "letters.sqlite"
    memory.unlink() if damage == "gone" else memory.write_bytes(b"no database" * 1000)
    with pytest.raises(CursorDamagedError, match=r"letters\.sqlite (is not there, but was|is damaged): restore it"):
        one.read_all(confirm=True)
