"""Mapping of webhooks and API responses about appointments."""

import json
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from connectors.rdv.config import RdvConfig
from connectors.rdv.mapping import RdvMapping
from connectors.rdv.participation_facts import parse_time, split_listed, split_message
from connectors.rdv.simulate.service import Citizen, RdvService
from connectors.sdk.config import parse
from connectors.sdk.reconcile import Reconciler
from models.codec import UnusableRecord
from models.events import Event
from models.identities import IdentityKind, PseudonymKey
from models.reasons import Reason
from tests.support.rdv_harness import MIREILLE, ORGANISATION, book, options, take_outbox

BEGIN = datetime(2026, 3, 16, 8, 0, tzinfo=UTC)
START = BEGIN + timedelta(days=4)
END = START + timedelta(minutes=30)
READ_AT = BEGIN + timedelta(days=30)
KEYS = {sector: PseudonymKey(sector, sector.encode() * 16) for sector in ("general", "pmi", "routes")}
Map = Callable[[bytes], list[Event]]


def at(minutes: float) -> datetime:
    return BEGIN + timedelta(minutes=minutes)


def day(number: int) -> datetime:
    """Return the time `number` days after the start of the appointment."""
    return START + timedelta(days=number)


@pytest.fixture
def service() -> RdvService:
    return RdvService()


def mapper(directory: Path, **changes: Any) -> tuple[RdvMapping, Reconciler]:
    directory.mkdir(exist_ok=True)
    reconciler = Reconciler(directory)
    config = parse(RdvConfig, "essai", options(**changes))
    assert isinstance(config, RdvConfig)
    return RdvMapping("rdv/essai", config, KEYS.__getitem__, reconciler), reconciler


@pytest.fixture
def map_body(tmp_path: Path) -> Iterator[Map]:
    """Return a function that maps a webhook; the reconciler keeps the earlier ones."""
    mapping, reconciler = mapper(tmp_path)
    with closing(reconciler):
        yield lambda body: [event for fact in split_message(body) for event in mapping.map(fact, READ_AT)]


def map_anew(directory: Path, facts: Iterable[bytes], **changes: Any) -> list[Event]:
    """Return the events of facts, with an empty reconciler."""
    mapping, reconciler = mapper(Path(mkdtemp(dir=directory)), **changes)
    with closing(reconciler):
        return [event for fact in facts for event in mapping.map(fact, READ_AT)]


def pushed_facts(service: RdvService) -> list[bytes]:
    """Return the facts of the webhooks in the outbox."""
    return [fact for body in take_outbox(service) for fact in split_message(body)]


def api_facts(service: RdvService, as_of: datetime) -> list[bytes]:
    """Return the facts of the appointments listed by the API."""
    rdvs = service.page([ORGANISATION], BEGIN - timedelta(days=900), 1)["rdvs"]
    return [fact for rdv in rdvs for fact in split_listed(json.dumps(rdv).encode(), as_of)]


def dated_types(events: list[Event]) -> list[tuple[str, datetime]]:
    return [(event.type.partition(".")[2], event.time) for event in events]


def edit(body: bytes, **changes: Any) -> bytes:
    """Change fields of the appointment in a webhook; None removes a field."""
    message = json.loads(body)
    message["data"] = {name: value for name, value in (message["data"] | changes).items() if value is not None}
    return json.dumps(message).encode()


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-16 09:00:00 +0100",
        "2026-03-16 08:00:00 UTC",
        "2026-03-16T09:00:00.000+01:00",
        "2026-03-16T08:00:00Z",
    ],
)
def test_time_formats_are_parsed(text: str) -> None:
    assert parse_time(text) == BEGIN


def test_booking_move_and_attendance_give_events(service: RdvService, tmp_path: Path) -> None:
    rdv = book(service, at(0), START, lieu=31)
    service.move(at(60), rdv, START + timedelta(days=1))
    service.attend(at(60 * 24 * 5 + 10), rdv)
    events = map_anew(tmp_path, pushed_facts(service))
    assert dated_types(events) == [("booked", at(0)), ("moved", at(60)), ("attended", at(60 * 24 * 5 + 10))]
    booked, moved, attended = (event.model_dump(exclude_none=True) for event in events)
    assert booked["data"] == {"starts_at": START, "by": "citizen", "queue": "consultation"}
    assert moved["data"] == {"starts_at": START + timedelta(days=1), "by": "service", "queue": "consultation"}
    assert {(event.site, event.service, event.sector) for event in events} == {("mds-nord", "pmi", "pmi")}
    assert len({event.subject for event in events}) == 1
    assert attended["subject"] == f"appointment:rdv/essai:{rdv}-{rdv - 1}"


def change_outcome(service: RdvService, rdv: int) -> None:
    service.miss(day(1), rdv)
    service.attend(day(2), rdv)
    service.reset(day(3), rdv)
    service.attend(day(4), rdv)


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda service, rdv: service.cancel(at(60), rdv, "citizen"), [("cancelled by citizen", at(60))]),
        (lambda service, rdv: service.cancel(at(60), rdv, "service"), [("cancelled by service", at(60))]),
        (lambda service, rdv: service.delete(at(60), rdv), [("cancelled by service", at(60))]),
        (lambda service, rdv: service.delete(END, rdv), []),
        (lambda service, rdv: service.check_in(at(60), rdv), [("checked_in", at(60))]),
        (lambda service, rdv: service.miss(at(60), rdv), [("missed", at(60))]),
        (lambda service, rdv: service.attend(day(3), rdv), [("attended", END)]),  # recorded later
        (lambda service, rdv: service.erase(at(60), rdv), [("erased", at(60))]),
        (
            change_outcome,  # the last outcome is not before the reset
            [("missed", END), ("attended", day(2)), ("booked by service", day(3)), ("attended", day(3))],
        ),
    ],
)
def test_actions_give_dated_events(
    service: RdvService, tmp_path: Path, act: Callable[..., None], expected: list[tuple[str, datetime]]
) -> None:
    act(service, book(service, at(0), START))
    booked, *events = map_anew(tmp_path, pushed_facts(service))
    assert (booked.type, booked.time) == ("appointment.booked", at(0))
    parties = [f" by {data['by']}" if (data := event.model_dump()["data"]) else "" for event in events]
    named = [(kind + party, time) for (kind, time), party in zip(dated_types(events), parties, strict=True)]
    assert named == expected
    assert len({event.id for event in events}) == len(events)
    assert not [event for event in events if event.type == "personal_data.erased" and event.identities]


@pytest.mark.parametrize(("old", "kind"), [("notexcused", "missed"), ("waiting", "checked_in")])
def test_old_status_names_are_known(service: RdvService, map_body: Map, old: str, kind: str) -> None:
    book(service, at(0), START)
    created, _ = take_outbox(service)
    message = json.loads(created)
    people = [person | {"status": old} for person in message["data"]["participations"]]
    body = edit(created, participations=None, rdvs_users=people)
    assert [event.type for event in map_body(body)] == ["appointment.booked", f"appointment.{kind}"]


def test_unknown_status_is_rejected_and_not_recorded(service: RdvService, map_body: Map) -> None:
    rdv = book(service, at(0), START)
    created, _ = take_outbox(service)
    people = [person | {"status": "reporte"} for person in json.loads(created)["data"]["participations"]]
    with pytest.raises(UnusableRecord) as refusal:
        map_body(edit(created, participations=people))
    assert refusal.value.reason is Reason.UNKNOWN_ENUM
    assert "reporte" not in refusal.value.detail
    service.attend(at(10), rdv)
    assert [event.type for event in map_body(take_outbox(service)[0])] == ["appointment.booked", "appointment.attended"]


HISTORIES = [
    (3, lambda service, rdv: service.move(at(10), rdv, START + timedelta(days=1)) or service.attend(at(20), rdv)),
    (4, lambda service, rdv: service.cancel(at(10), rdv) or service.reset(at(20), rdv) or service.miss(at(30), rdv)),
    (3, lambda service, rdv: service.move(at(10), rdv, START + timedelta(days=1)) or service.move(at(20), rdv, START)),
    (2, lambda service, rdv: service.cancel(at(10), rdv) or service.delete(at(20), rdv)),
    (3, lambda service, rdv: service.attend(at(10), rdv) or service.erase(at(20), rdv)),
]
"""Actions on an appointment with the expected number of events, including the booking."""


@pytest.mark.parametrize(("number", "act"), HISTORIES)
def test_events_do_not_depend_on_the_order(
    service: RdvService, tmp_path: Path, number: int, act: Callable[[RdvService, int], None]
) -> None:
    act(service, book(service, at(0), START))
    _, *facts = pushed_facts(service)
    results = {
        frozenset((event.id, event.type) for event in map_anew(tmp_path, order)) for order in permutations(facts)
    }
    assert [len(events) for events in results] == [number]


def test_ids_from_webhooks_and_api_are_the_same(service: RdvService, tmp_path: Path) -> None:
    rdv = book(service, at(0), START)
    service.cancel(at(60), rdv)
    found = map_anew(tmp_path, api_facts(service, at(600)))
    assert found == map_anew(tmp_path, pushed_facts(service))
    assert [event.time for event in found] == [at(0), at(60)]


def test_each_participation_of_a_collective_appointment_has_its_own_steps(service: RdvService, tmp_path: Path) -> None:
    people = [MIREILLE, Citizen(502, "Jean", "Modele"), Citizen(503, "Zoé", "Essai")]
    rdv = book(service, at(0), START, *people[:2], collectif=True, by="Agent")
    service.join(at(5), rdv, people[2])
    service.cancel(at(10), rdv, citizen=501)
    service.attend(END, rdv, citizen=502)
    service.miss(END, rdv, citizen=503)
    events = map_anew(tmp_path, pushed_facts(service))
    types: dict[str, list[str]] = {}
    for event in events:
        types.setdefault(event.identities.partition(" ")[0], []).append(event.type.partition(".")[2])
    users = [KEYS["pmi"].pseudonym(IdentityKind.RDV_USER, str(person.id)) for person in people]
    steps = [["booked", "cancelled"], ["booked", "attended"], ["booked", "missed"]]
    assert types == dict(zip(users, steps, strict=True))
    parties = [event.model_dump()["data"]["by"] for event in events if event.type == "appointment.booked"]
    assert parties == ["service", "service", "citizen"]


def test_joining_a_collective_appointment_is_a_booking_at_that_time(service: RdvService, tmp_path: Path) -> None:
    rdv = book(service, at(0), START, collectif=True)
    service.join(at(600), rdv, Citizen(502, "Jean", "Modele"))
    assert dated_types(map_anew(tmp_path, pushed_facts(service))) == [
        ("booked", at(0)),
        ("booked", at(600)),
    ]


def test_erasure_of_an_unknown_appointment_opens_no_contact(service: RdvService, map_body: Map) -> None:
    service.erase(at(20), book(service, at(0), START))
    *_, erasure = take_outbox(service)
    assert dated_types(map_body(erasure)) == [("erased", at(20))]
    assert map_body(erasure) == []


def test_api_state_is_older_than_a_webhook_of_the_same_second(service: RdvService, tmp_path: Path) -> None:
    rdv = book(service, at(0), START)
    answer = api_facts(service, at(60))
    service.cancel(at(60), rdv)
    assert dated_types(map_anew(tmp_path, pushed_facts(service) + answer)) == [
        ("booked", at(0)),
        ("cancelled", at(60)),
    ]


def test_cancellation_undone_by_an_older_response_follows_it(service: RdvService, tmp_path: Path) -> None:
    rdv = book(service, at(0), START)
    wrong = api_facts(service, at(120))
    service.cancel(at(60), rdv)
    assert dated_types(map_anew(tmp_path, pushed_facts(service) + wrong + api_facts(service, at(180)))) == [
        ("booked", at(0)),
        ("cancelled", at(60)),
        ("booked", at(120)),
        ("cancelled", at(120)),
    ]


def test_child_has_pseudonyms_of_the_responsible_adult(service: RdvService, map_body: Map) -> None:
    child = Citizen(600, "Léo", "Exemple", responsible=MIREILLE)
    book(service, at(0), START, child)
    (event,) = map_body(take_outbox(service)[0])
    key = KEYS["pmi"]
    assert event.identities.split() == [
        key.pseudonym(IdentityKind.RDV_USER, "600"),
        key.pseudonym(IdentityKind.EMAIL, "mireille.exemple@example.org"),
        key.pseudonym(IdentityKind.PHONE, "+33639985511"),
    ]


@pytest.mark.parametrize(
    ("tables", "routing"),
    [
        ({}, ("", "", "", "general")),
        (
            {"organisations": {ORGANISATION: {"site": "o", "service": "o", "queue": "o", "sector": "pmi"}}},
            ("o", "o", "o", "pmi"),
        ),
        (
            {
                "organisations": {ORGANISATION: {"site": "o", "service": "o", "queue": "o"}},
                "services": {1: {"service": "s", "queue": "s", "sector": "routes"}},
                "lieux": {31: {"site": "l", "queue": "l"}},
                "motifs": {101: {"queue": "m"}},
            },
            ("l", "s", "m", "routes"),
        ),
        ({"site": "i", "service": "i", "queue": "i", "lieux": {31: {"site": "l"}}}, ("l", "i", "i", "general")),
    ],
)
def test_routing_uses_the_most_specific_table(
    service: RdvService, tmp_path: Path, tables: dict[str, Any], routing: tuple[str, ...]
) -> None:
    book(service, at(0), START, lieu=31)
    (event,) = map_anew(tmp_path, pushed_facts(service), **{"organisations": {}, "motifs": {}} | tables)
    queue = event.model_dump()["data"]["queue"]
    assert (event.site, event.service, queue, event.sector) == routing


def test_webhook_of_an_older_version_is_mapped(service: RdvService, map_body: Map) -> None:
    book(service, at(0), START, by="User")
    created, updated = take_outbox(service)
    missing = dict.fromkeys(("created_at", "created_by_type", "ends_at", "duration_in_min", "motif", "lieu"))
    (event,) = map_body(edit(created, **missing))
    assert dated_types([event]) == [("booked", at(0))]
    assert event.model_dump()["data"]["by"] == "citizen"
    assert map_body(edit(updated, **missing)) == []


def test_booking_after_the_start_has_the_time_of_the_start(service: RdvService, map_body: Map) -> None:
    book(service, at(600), at(0))
    assert dated_types(map_body(take_outbox(service)[0])) == [("booked", at(0))]


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b"not json", 1),
        (b"\xff", 1),
        (b"[" * 60_000, 1),
        (b"[]", 1),
        (b'{"meta": {"model": "User", "event": "destroyed", "webhook_reason": "rgpd"}, "data": {"id": 1}}', 0),
        (b'{"meta": {"model": "Rdv", "event": "created"}, "data": {}}', 1),
        (b'{"meta": {"model": "Rdv", "event": "created", "timestamp": "x"}, "data": {"participations": []}}', 0),
        (b'{"meta": {"model": "Rdv", "event": "created", "timestamp": "x"}, "data": {"id": 1}}', 1),
        (
            b'{"meta": {"model": "Rdv", "event": "x", "timestamp": "x"}, "data": {"id": %d, "participations": [1]}}'
            % 10**40,
            1,
        ),
    ],
)
def test_malformed_webhook_is_one_rejected_fact(map_body: Map, body: bytes, count: int) -> None:
    assert len(split_message(body)) == count
    if count:
        with pytest.raises(UnusableRecord):
            map_body(body)


@pytest.mark.parametrize(
    "data",
    [
        {"starts_at": "x" * 250_000, "participations": [{}] * 60_000},
        {"id": 1, "participations": [{}] * 120_000},
        {"motif": {"id": [[]] * 60_000}, "rdvs_users": [{}] * 60_000},
    ],
    ids=["a long field", "many participations", "a long list"],
)
def test_large_shared_fields_are_not_repeated_per_participation(data: dict[str, Any]) -> None:
    meta = {"model": "Rdv", "event": "created", "timestamp": "2026-03-16 09:00:00 +0100"}
    body = json.dumps({"meta": meta, "data": data}).encode()
    assert len(body) < 524_288
    tracemalloc.start()
    try:
        assert split_message(body) == [body]
        assert split_listed(json.dumps(data).encode(), BEGIN) == [json.dumps(data).encode()]
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


def test_webhook_of_a_thousand_participants_is_split(service: RdvService) -> None:
    child = Citizen(1, "Mireille", "Exemple", responsible=MIREILLE)
    book(service, at(0), START, *(replace(child, id=number) for number in range(1, 1_001)), collectif=True)
    body = take_outbox(service)[0]
    assert len(body) <= RdvConfig.model_fields["max_body_bytes"].default
    assert len(split_message(body)) == 1_000


@pytest.mark.parametrize("rdv", [b'{"id": "\xff"}', b'{"participations": [{"status": "\\ud800"}]}'])
def test_unreadable_listed_appointment_is_kept_unchanged(rdv: bytes) -> None:
    assert split_listed(rdv, BEGIN) == [rdv]


@pytest.mark.parametrize(
    "changes",
    [
        {"starts_at": "bientôt"},
        {"starts_at": "2026-03-20 10:00:00"},
        {"starts_at": "2026-03-20 10:00:00 +9"},
        {"cancelled_at": "hier"},
        {"id": "7"},
        {"motif": []},
    ],
)
def test_field_with_an_invalid_value_is_refused(service: RdvService, map_body: Map, changes: dict[str, Any]) -> None:
    book(service, at(0), START)
    with pytest.raises(UnusableRecord) as refusal:
        map_body(edit(take_outbox(service)[0], **changes))
    assert refusal.value.reason is Reason.UNREADABLE_LINE


def test_fact_with_a_future_time_is_refused_and_not_recorded(service: RdvService, tmp_path: Path) -> None:
    book(service, at(0), START)
    fact = split_message(take_outbox(service)[0])[0]
    mapping, reconciler = mapper(tmp_path)
    with closing(reconciler):
        with pytest.raises(UnusableRecord) as refusal:
            mapping.map(fact, at(-10))
        assert refusal.value.reason is Reason.TIME_IN_FUTURE
        assert len(mapping.map(fact, at(0))) == 1


def test_fact_holds_only_needed_fields(service: RdvService) -> None:
    book(service, at(0), START)
    (fact,) = split_message(take_outbox(service)[0])
    assert b"Exemple" not in fact.replace(b"Mireille.Exemple@example.org", b"")
    assert b"rue" not in fact
