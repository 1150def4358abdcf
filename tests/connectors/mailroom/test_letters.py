"""Events of letters and of their steps."""

import json
from pathlib import Path

from connectors.sdk.keys import load_key
from models.identities import IdentityKind
from tests.support.mailroom_harness import MailroomHarness
from tests.support.scans import drop, drop_letter, pdf, tiff


def test_letter_and_its_steps_are_published(room: MailroomHarness, tmp_path: Path) -> None:
    drop(room.inbox / "a.pdf", pdf(1, pages=3), 1)
    drop(
        room.inbox / "a.xml",
        b"<courrier><arrived_at>2026-03-18</arrived_at><case>77</case><sender>Mireille Exemple</sender></courrier>",
        1,
    )
    drop(room.inbox / "b.tiff", tiff(2), 2)
    arrived, registered, other, _ = room.read()
    assert (arrived.type, arrived.data.pages, arrived.data.admitted_at.isoformat()) == (
        "letter.arrived",
        3,
        "2026-03-17T23:00:00+00:00",
    )
    assert arrived.identities == load_key(tmp_path / "keys", "general").pseudonym(IdentityKind.CASE, "77")
    assert arrived.time.isoformat() == "2026-03-20T09:46:41+00:00"
    assert (registered.type, registered.data.chrono) == ("letter.registered", "2026-000001")
    assert arrived.subject == registered.subject == "mail:mailroom/essai:2026-000001"
    assert (other.data.pages, other.identities, other.service) == (2, "", "accueil")
    steps = (
        "chrono;step;at;service;postage;cost_cents;outcome\n"
        "2026-000001;assigned;20/03/2026 11:00;Direction de l'enfance;;;\n"
        "2026-000001;acknowledged;20/03/2026;;;;\n"
        "2026-000001;sent;2026-03-21;;lettre_verte;139;\n"
        "2026-000001;closed;2026-03-23T10:00:00+01:00;;;;resolved\n"
    )
    drop(room.inbox / "steps.csv", steps.encode("cp1252"), 3)
    assigned, acknowledged, sent, closed = room.read()
    assert (assigned.type, assigned.service, assigned.time.isoformat()) == (
        "letter.assigned",
        "enfance",
        "2026-03-20T10:00:00+00:00",
    )
    assert (acknowledged.type, acknowledged.time) == ("letter.acknowledged", arrived.time.replace(second=43))
    assert (sent.data.postage, sent.data.cost_cents) == ("lettre_verte", 139)
    assert (closed.type, closed.data.outcome) == ("letter.closed", "resolved")
    assert (acknowledged.service, sent.service, closed.service) == ("accueil", "enfance", "enfance")
    assert {event.subject for event in (assigned, acknowledged, sent, closed)} == {arrived.subject}
    assert room.rejected() == {}
    assert list(room.inbox.iterdir()) == []
    assert room.done() == ["a.pdf", "a.xml", "b.tiff", "steps.csv"]
    assert len(list(room.archive.glob("done/*/2026-000001_*/a.xml"))) == 1


def test_step_belongs_to_the_service_of_the_letter_at_that_time(room: MailroomHarness) -> None:
    """The order of the sidecars does not matter."""
    drop(room.inbox / "a.pdf", pdf(1), 1)
    room.read()
    steps = (
        ("closed", "2026-03-25T10:00", ""),
        ("assigned", "2026-03-24T10:00", "Routes"),
        ("acknowledged", "2026-03-23T10:00", ""),
        ("closed", "2026-03-26T10:00", ""),
        ("acknowledged", "2026-03-01T10:00", ""),
    )
    for order, (step, at, service) in enumerate(steps):
        row = {"chrono": "2026-000001", "step": step, "at": at, "service": service}
        drop(room.inbox / f"{order}.json", json.dumps(row).encode(), order)
    assert [event.service for event in room.read()] == ["accueil", "routes", "accueil", "routes", "accueil"]


def test_sidecar_with_invalid_rows_is_rejected_whole(room: MailroomHarness) -> None:
    drop(room.inbox / "a.pdf", pdf(1), 1)
    room.read()
    rows = [
        "chrono,step,at,service",
        "2026-000001,assigned,2026-03-24T10:00,Routes",
        "2026-000009,closed,,",
        "2026-000001,burnt,,",
        *["2026-000010,closed,,"] * 3,
    ]
    drop(room.inbox / "b.csv", "\n".join(rows).encode(), 2)
    drop(room.inbox / "c.json", b'{"chrono": "2026-000001", "step": "closed", "at": "2026-03-25T10:00"}', 3)
    many = ["chrono,step,at,service", *["2026-000010,closed,,"] * 1000]
    drop(room.inbox / "d.csv", "\n".join(many).encode(), 4)
    assert [event.service for event in room.read()] == ["accueil"]
    assert room.rejected() == {
        "b.csv": "unknown_record: rows 2, 4, 5, 6: chrono: no letter has this number; row 3: step (unknown_enum)",
        "d.csv": "unknown_record: rows 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …: chrono: no letter has this number",
    }


def test_outgoing_mail_of_a_departure_series_needs_no_letter(tmp_path: Path) -> None:
    room = MailroomHarness(tmp_path, departures=["D{year}-{number:04}", "2019-{number:06}"], site="siege")
    rows = [
        "chrono;step;at;postage;cost_cents;service",
        "D2026-0007;sent;2026-03-19;lettre_recommandee;574;Routes",
        "2019-000123;sent;2026-03-19;lettre_verte;139;",
    ]
    drop(room.inbox / "sent.csv", "\n".join(rows).encode(), 1)
    own, old = room.read()
    assert [event.subject.rpartition(":")[2] for event in (own, old)] == ["D2026-0007", "2019-000123"]
    assert [(event.type, event.site, event.service) for event in (own, old)] == [
        ("letter.sent", "siege", "routes"),
        ("letter.sent", "siege", "accueil"),
    ]
    assert (own.data.postage, own.data.cost_cents) == ("lettre_recommandee", 574)
    drop(room.inbox / "closed.json", b'{"chrono": "D2026-0007", "step": "closed"}', 2)
    for order, chrono in enumerate(("2026-000123", "D2026-07", "D2026-0007 Mireille", "2020-000123"), start=3):
        row = {"chrono": chrono, "step": "sent", "postage": "lettre_verte", "cost_cents": 139}
        drop(room.inbox / f"{order}.json", json.dumps(row).encode(), order)
    assert room.read() == []
    assert [*room.rejected().values()] == ["unknown_record: row 1: chrono: no letter has this number"] * 5


def test_numbers_restart_each_year_without_gaps(room: MailroomHarness) -> None:
    for order, scanned_at in enumerate(("2025-12-31T23:30", "2026-01-01T00:10", "2025-12-31T23:40")):
        drop_letter(room.inbox, order, scanned_at=scanned_at)
        drop(room.inbox / f"{order}.pdf", b"broken", order)
    chronos = [event.data.chrono for event in room.read() if event.type == "letter.registered"]
    assert chronos == ["2025-000001", "2026-000001", "2025-000002"]


def test_same_letter_dropped_again_gives_the_same_events(room: MailroomHarness) -> None:
    drop_letter(room.inbox, 1)
    first = room.read()
    drop_letter(room.inbox, 1)
    assert [event.id for event in room.read()] == [event.id for event in first]
    drop(room.inbox / "scan00001.pdf", pdf(1))
    (other, _) = room.read()
    assert other.subject != first[0].subject
