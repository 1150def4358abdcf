"""What webhooks and answers about appointments mean."""

import json
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from connectors.rdv.config import RdvConfig
from connectors.rdv.mapping import RdvMapping
from connectors.rdv.participation_facts import parse_time, split_listed, split_message, without_time
from connectors.rdv.simulate.service import Citizen, RdvService
from connectors.sdk.config import parse
from connectors.sdk.reconcile import Reconciler
from models.codec import UnusableRecord
from models.events import Event
from models.identities import IdentityKind, PseudonymKey
from models.reasons import Reason
from tests.support.rdv_harness import MIREILLE, ORGANISATION, book, options

BEGIN = datetime(2026, 3, 16, 8, 0, tzinfo=UTC)
START = BEGIN + timedelta(days=4)
END = START + timedelta(minutes=30)
READ_AT = BEGIN + timedelta(days=30)
KEYS = {sector: PseudonymKey(sector, sector.encode() * 16) for sector in ("general", "pmi", "routes")}
Map = Callable[[bytes], list[Event]]


def at(minutes: float) -> datetime:
    return BEGIN + timedelta(minutes=minutes)


@pytest.fixture
def service() -> RdvService:
    return RdvService()


def mapper(directory: Path, **more: Any) -> tuple[RdvMapping, Reconciler]:
    directory.mkdir(exist_ok=True)
    memory = Reconciler(directory)
    config = parse(RdvConfig, "essai", options(**more))
    assert isinstance(config, RdvConfig)
    return RdvMapping("rdv/essai", config, KEYS.__getitem__, memory), memory


@pytest.fixture
def tell(tmp_path: Path) -> Iterator[Map]:
    """Maps a webhook, with what it knows of those before."""
    mapping, memory = mapper(tmp_path)
    with closing(memory):
        yield lambda body: [event for fact in split_message(body) for event in mapping.map(fact, READ_AT)]


def bodies(service: RdvService) -> list[bytes]:
    taken = [*service.outbox]
    service.outbox.clear()
    return taken


def listed(service: RdvService, as_of: datetime) -> list[bytes]:
    """The facts of what the API lists."""
    rdvs = service.page([ORGANISATION], BEGIN - timedelta(days=900), 1)["rdvs"]
    return [fact for rdv in rdvs for fact in split_listed(json.dumps(rdv).encode(), as_of)]


def told(events: list[Event]) -> list[tuple[str, datetime]]:
    return [(event.type.partition(".")[2], event.time) for event in events]


def edit(body: bytes, **changes: Any) -> bytes:
    """A webhook whose appointment has other fields; None takes one out."""
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
def test_times_are_read_however_they_are_written(text: str) -> None:
    assert parse_time(text) == BEGIN


@pytest.mark.parametrize("text", ["2026-03-16 09:00:00", "demain", "", "2026-03-16 09:00:00 +9"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"zone|format"):
        parse_time(text)


def test_a_life_from_booking_to_the_appointment(service: RdvService, tell: Map) -> None:
    rdv = book(service, at(0), START, lieu=31)
    service.move(at(60), rdv, START + timedelta(days=1))
    service.attend(at(60 * 24 * 5 + 10), rdv)
    events = [event for body in bodies(service) for event in tell(body)]
    assert told(events) == [("booked", at(0)), ("moved", at(60)), ("attended", at(60 * 24 * 5 + 10))]
    booked, moved, attended = (event.model_dump(exclude_none=True) for event in events)
    assert booked["data"] == {"starts_at": START, "by": "citizen", "queue": "consultation"}
    assert moved["data"] == {"starts_at": START + timedelta(days=1), "by": "service", "queue": "consultation"}
    assert {(event.site, event.service, event.sector) for event in events} == {("mds-nord", "pmi", "pmi")}
    assert len({event.subject for event in events}) == 1
    assert attended["subject"] == f"appointment:rdv/essai:{rdv}-{rdv - 1}"


def test_what_is_filled_in_later_is_as_of_the_end_of_the_appointment(service: RdvService, tell: Map) -> None:
    rdv = book(service, at(0), START)
    service.attend(START + timedelta(days=3), rdv)
    *_, attended = [event for body in bodies(service) for event in tell(body)]
    assert attended.time == END


def test_what_is_filled_in_otherwise_is_as_of_then(service: RdvService, tell: Map) -> None:
    rdv = book(service, at(0), START)
    service.miss(START + timedelta(days=1), rdv)
    service.attend(START + timedelta(days=2), rdv)
    service.reset(START + timedelta(days=3), rdv)
    service.attend(START + timedelta(days=4), rdv)
    events = [event for body in bodies(service) for event in tell(body)]
    assert told(events) == [
        ("booked", at(0)),
        ("missed", END),
        ("attended", START + timedelta(days=2)),
        ("booked", START + timedelta(days=3)),
        ("attended", START + timedelta(days=3)),  # no earlier than it was taken back
    ]
    assert len({event.id for event in events}) == len(events)


@pytest.mark.parametrize(
    ("act", "kind", "data"),
    [
        (lambda service, rdv: service.cancel(at(60), rdv, "citizen"), "cancelled", {"by": "citizen"}),
        (lambda service, rdv: service.cancel(at(60), rdv, "service"), "cancelled", {"by": "service"}),
        (lambda service, rdv: service.delete(at(60), rdv), "cancelled", {"by": "service"}),
        (lambda service, rdv: service.check_in(at(60), rdv), "checked_in", {}),
        (lambda service, rdv: service.miss(at(60), rdv), "missed", {}),
    ],
)
def test_how_it_may_end(
    service: RdvService, tell: Map, act: Callable[[RdvService, int], None], kind: str, data: dict[str, Any]
) -> None:
    rdv = book(service, at(0), START)
    act(service, rdv)
    events = [event for body in bodies(service) for event in tell(body)]
    assert told(events) == [("booked", at(0)), (kind, at(60))]
    assert events[1].model_dump()["data"] == data


@pytest.mark.parametrize(("old", "kind"), [("notexcused", "missed"), ("waiting", "checked_in")])
def test_old_names_of_statuses_are_known(service: RdvService, tell: Map, old: str, kind: str) -> None:
    book(service, at(0), START)
    created, _ = bodies(service)
    message = json.loads(created)
    people = [person | {"status": old} for person in message["data"]["participations"]]
    body = edit(created, participations=None, rdvs_users=people)
    assert [event.type for event in tell(body)] == ["appointment.booked", f"appointment.{kind}"]


def test_an_unknown_status_is_rejected_and_not_remembered(service: RdvService, tell: Map) -> None:
    rdv = book(service, at(0), START)
    created, _ = bodies(service)
    people = [person | {"status": "reporte"} for person in json.loads(created)["data"]["participations"]]
    with pytest.raises(UnusableRecord) as refusal:
        tell(edit(created, participations=people))
    assert refusal.value.reason is Reason.UNKNOWN_ENUM
    assert "reporte" not in refusal.value.detail
    service.attend(at(10), rdv)
    assert [event.type for event in tell(bodies(service)[0])] == ["appointment.booked", "appointment.attended"]


def test_twins_and_repetitions_tell_nothing(service: RdvService, tell: Map) -> None:
    book(service, at(0), START)
    created, updated = bodies(service)
    assert [len(tell(body)) for body in (created, updated, created, updated)] == [1, 0, 0, 0]


LIVES = [
    (3, lambda service, rdv: service.move(at(10), rdv, START + timedelta(days=1)) or service.attend(at(20), rdv)),
    (4, lambda service, rdv: service.cancel(at(10), rdv) or service.reset(at(20), rdv) or service.miss(at(30), rdv)),
    (3, lambda service, rdv: service.move(at(10), rdv, START + timedelta(days=1)) or service.move(at(20), rdv, START)),
    (2, lambda service, rdv: service.cancel(at(10), rdv) or service.delete(at(20), rdv)),
    (3, lambda service, rdv: service.attend(at(10), rdv) or service.erase(at(20), rdv)),
]
"""How many events what happens to an appointment is, its booking among them."""


@pytest.mark.parametrize(("count", "live"), LIVES)
def test_in_any_order_the_same_events_are_told(
    service: RdvService, tmp_path: Path, count: int, live: Callable[[RdvService, int], None]
) -> None:
    live(service, book(service, at(0), START))
    _, *life = bodies(service)
    told = set()
    mapping, memory = mapper(tmp_path)
    with closing(memory):
        for order in permutations(life):
            facts = [fact for body in order for fact in split_message(body)]
            told.add(frozenset((event.id, event.type) for fact in facts for event in mapping.map(fact, READ_AT)))
            memory._recent.clear()  # all that it knows, since nothing is kept
    assert [len(events) for events in told] == [count]


def test_pushed_or_found_the_same_facts_have_the_same_ids(service: RdvService, tmp_path: Path) -> None:
    rdv = book(service, at(0), START)
    service.cancel(at(60), rdv)
    mapping, memory = mapper(tmp_path / "pushed")
    with closing(memory):
        pushed = [
            event for body in bodies(service) for fact in split_message(body) for event in mapping.map(fact, READ_AT)
        ]
    mapping, memory = mapper(tmp_path / "found")
    with closing(memory):
        facts = listed(service, at(600))
        found = [event for fact in facts for event in mapping.map(fact, READ_AT)]
    assert found == pushed
    assert [event.time for event in found] == [at(0), at(60)]


def test_who_takes_part_in_a_collective_appointment_has_a_life_of_its_own(service: RdvService, tell: Map) -> None:
    people = [MIREILLE, Citizen(502, "Jean", "Modele"), Citizen(503, "Zoé", "Essai")]
    rdv = book(service, at(0), START, *people[:2], collectif=True, by="Agent")
    service.join(at(5), rdv, people[2])
    service.cancel(at(10), rdv, citizen=501)
    service.attend(END, rdv, citizen=502)
    service.miss(END, rdv, citizen=503)
    events = [event for body in bodies(service) for event in tell(body)]
    lives: dict[str, list[str]] = {}
    for event in events:
        lives.setdefault(event.identities.partition(" ")[0], []).append(event.type.partition(".")[2])
    users = [KEYS["pmi"].pseudonym(IdentityKind.RDV_USER, str(person.id)) for person in people]
    assert lives == dict(
        zip(users, [["booked", "cancelled"], ["booked", "attended"], ["booked", "missed"]], strict=True)
    )
    assert [event.model_dump()["data"]["by"] for event in events if event.type == "appointment.booked"] == [
        "service",
        "service",
        "citizen",
    ]


def test_who_joins_a_collective_appointment_is_booked_as_of_then(service: RdvService, tell: Map) -> None:
    rdv = book(service, at(0), START, collectif=True)
    service.join(at(600), rdv, Citizen(502, "Jean", "Modele"))
    events = [event for body in bodies(service) for event in tell(body)]
    assert told(events) == [("booked", at(0)), ("booked", at(600))]


def test_what_is_deleted_after_it_began_and_was_not_filled_in_is_not_cancelled(service: RdvService, tell: Map) -> None:
    service.delete(END, book(service, at(0), START))
    events = [event for body in bodies(service) for event in tell(body)]
    assert told(events) == [("booked", at(0))]
    assert Counter(event.type for event in events) == service.ledger


def test_an_erasure_of_what_nobody_told_of_opens_no_contact(service: RdvService, tell: Map) -> None:
    service.erase(at(20), book(service, at(0), START))
    *_, erasure = bodies(service)
    assert told(tell(erasure)) == [("erased", at(20))]
    assert tell(erasure) == []


def test_what_is_found_is_older_than_what_a_webhook_of_the_same_second_tells(
    service: RdvService, tmp_path: Path
) -> None:
    rdv = book(service, at(0), START)
    (answer,) = listed(service, at(60))
    service.cancel(at(60), rdv)
    mapping, memory = mapper(tmp_path)
    with closing(memory):
        events = [
            event
            for fact in [*(fact for body in bodies(service) for fact in split_message(body)), answer]
            for event in mapping.map(fact, READ_AT)
        ]
    assert told(events) == [("booked", at(0)), ("cancelled", at(60))]


def test_a_cancellation_that_an_older_answer_undid_comes_after_that(service: RdvService, tmp_path: Path) -> None:
    rdv = book(service, at(0), START)
    (wrong,) = listed(service, at(120))
    service.cancel(at(60), rdv)
    facts = [fact for body in bodies(service) for fact in split_message(body)]
    mapping, memory = mapper(tmp_path)
    with closing(memory):
        events = [event for fact in [*facts, wrong, *listed(service, at(180))] for event in mapping.map(fact, READ_AT)]
    assert told(events) == [("booked", at(0)), ("cancelled", at(60)), ("booked", at(120)), ("cancelled", at(120))]


def test_a_child_is_reached_by_who_answers_for_it(service: RdvService, tell: Map) -> None:
    child = Citizen(600, "Léo", "Exemple", responsible=MIREILLE)
    book(service, at(0), START, child)
    (event,) = tell(bodies(service)[0])
    key = KEYS["pmi"]
    assert event.identities.split() == [
        key.pseudonym(IdentityKind.RDV_USER, "600"),
        key.pseudonym(IdentityKind.EMAIL, "mireille.exemple@example.org"),
        key.pseudonym(IdentityKind.PHONE, "+33639985511"),
    ]


def test_an_erasure_tells_nothing_of_the_person(service: RdvService, tell: Map) -> None:
    rdv = book(service, at(0), START)
    service.attend(at(10), rdv)
    service.erase(at(20), rdv)
    *_, erased = [event for body in bodies(service) for event in tell(body)]
    assert (erased.type, erased.time, erased.identities) == ("personal_data.erased", at(20), "")


@pytest.mark.parametrize(
    ("tables", "place"),
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
def test_what_is_nearest_to_an_appointment_says_whose_it_is(
    service: RdvService, tmp_path: Path, tables: dict[str, Any], place: tuple[str, ...]
) -> None:
    mapping, memory = mapper(tmp_path, **{"organisations": {}, "motifs": {}} | tables)
    book(service, at(0), START, lieu=31)
    with closing(memory):
        (event,) = mapping.map(split_message(bodies(service)[0])[0], READ_AT)
    queue = event.model_dump()["data"]["queue"]
    assert (event.site, event.service, queue, event.sector) == place


def test_without_the_fields_of_newer_versions_less_is_known(service: RdvService, tell: Map) -> None:
    book(service, at(0), START, by="User")
    created, updated = bodies(service)
    old = {
        "created_at": None,
        "created_by_type": None,
        "ends_at": None,
        "duration_in_min": None,
        "motif": None,
        "lieu": None,
    }
    (event,) = tell(edit(created, **old))
    assert told([event]) == [("booked", at(0))]
    assert event.model_dump()["data"]["by"] == "citizen"
    assert tell(edit(updated, **old)) == []


def test_what_was_booked_after_it_began_was_booked_when_it_began(service: RdvService, tell: Map) -> None:
    book(service, at(600), at(0))
    assert told(tell(bodies(service)[0])) == [("booked", at(0))]


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
def test_what_cannot_be_read_is_one_fact_that_cannot_be_used(tell: Map, body: bytes, count: int) -> None:
    assert len(split_message(body)) == count
    if count:
        with pytest.raises(UnusableRecord):
            tell(body)


@pytest.mark.parametrize(
    "data",
    [
        {"starts_at": "x" * 250_000, "participations": [{}] * 60_000},
        {"id": 1, "participations": [{}] * 120_000},
        {"motif": {"id": [[]] * 60_000}, "rdvs_users": [{}] * 60_000},
    ],
    ids=["a long field", "many participations", "a long list"],
)
def test_what_participations_share_is_not_multiplied(data: dict[str, Any]) -> None:
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


def test_a_webhook_of_a_thousand_participants_is_taken(service: RdvService) -> None:
    child = Citizen(1, "Mireille", "Exemple", responsible=MIREILLE)
    book(service, at(0), START, *(replace(child, id=number) for number in range(1, 1_001)), collectif=True)
    body = bodies(service)[0]
    assert len(body) <= RdvConfig.model_fields["max_body_bytes"].default
    assert len(split_message(body)) == 1_000


@pytest.mark.parametrize("rdv", [b'{"id": "\xff"}', b'{"participations": [{"status": "\\ud800"}]}'])
def test_what_is_listed_and_cannot_be_read_is_kept_as_it_came(rdv: bytes) -> None:
    assert split_listed(rdv, BEGIN) == [rdv]


def test_what_is_found_is_the_same_in_each_round_but_for_its_time(service: RdvService) -> None:
    book(service, at(0), START)
    (one,), (other,) = listed(service, at(1)), listed(service, at(2))
    assert one != other
    assert without_time(one) == without_time(other)
    assert without_time(b"[") == b"["


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"starts_at": "bientôt"}, Reason.UNREADABLE_LINE),
        ({"starts_at": "2026-03-20 10:00:00"}, Reason.UNREADABLE_LINE),
        ({"cancelled_at": "hier"}, Reason.UNREADABLE_LINE),
        ({"id": "7"}, Reason.UNREADABLE_LINE),
        ({"motif": []}, Reason.UNREADABLE_LINE),
    ],
)
def test_a_field_of_another_form_is_refused(
    service: RdvService, tell: Map, changes: dict[str, Any], reason: Reason
) -> None:
    book(service, at(0), START)
    with pytest.raises(UnusableRecord) as refusal:
        tell(edit(bodies(service)[0], **changes))
    assert refusal.value.reason is reason


def test_what_was_told_in_the_future_is_refused_before_it_is_remembered(service: RdvService, tmp_path: Path) -> None:
    book(service, at(0), START)
    fact = split_message(bodies(service)[0])[0]
    mapping, memory = mapper(tmp_path)
    with closing(memory):
        with pytest.raises(UnusableRecord) as refusal:
            mapping.map(fact, at(-10))
        assert refusal.value.reason is Reason.TIME_IN_FUTURE
        assert len(mapping.map(fact, at(0))) == 1


def test_a_fact_holds_no_more_than_is_needed(service: RdvService) -> None:
    book(service, at(0), START)
    (fact,) = split_message(bodies(service)[0])
    assert b"Exemple" not in fact.replace(b"Mireille.Exemple@example.org", b"")
    assert b"rue" not in fact
