"""The mailroom connector as a whole, on files."""

import errno
import io
import json
import os
import resource
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from prometheus_client import CollectorRegistry
from pypdf import PdfWriter

import connectors.mailroom as mailroom
import connectors.mailroom.source
import connectors.sdk.folder.inbox
import connectors.sdk.folder.source
from connectors.mailroom import counting
from connectors.mailroom.config import MailroomConfig
from connectors.mailroom.pages import PageCounter, Pages
from connectors.sdk.config import parse
from connectors.sdk.contract import Context
from connectors.sdk.cursor import Cursor
from connectors.sdk.errors import ConfigError, ConnectorError, InstanceInUseError, SourceUnavailableError
from connectors.sdk.files import make_private_directory
from connectors.sdk.flow import Flow
from connectors.sdk.keys import Keys, load_key
from connectors.sdk.metrics import Meter, Metrics
from connectors.sdk.rejects import Rejects
from connectors.sdk.testing import Bench, Conformance
from models.events import Event
from models.identities import IdentityKind
from tests.connectors.test_kills import Topic, kill_at_every_act
from tests.support import scans
from tests.support.scans import drop, drop_letter, page_bomb, pdf, stream_bomb, tiff

PERSONAL = ("Mireille Exemple", "mireille@example.org", "0639985511", "12 rue du Modele", "dossier-mireille", "Recours")
SERVICES = {"Direction de l'enfance": "enfance", "Routes": "routes"}


DYING = """
import os, signal, socket, sys
with open({tally!r}, "ab") as tally:
    if tally.tell() >= {deaths}:
        os.execv(sys.executable, [sys.executable, "-I", {real!r}, *sys.argv[1:]])
    tally.write(b".")
with socket.socket(fileno=int(sys.argv[1])) as link:
    link.send(b"!")
    socket.recv_fds(link, 1, 1)
    os.kill(os.getpid(), signal.SIGSEGV)
"""
"""A page counter that dies at its first letters, and then is a good one."""


def configuration(directory: Path) -> dict[str, Any]:
    (directory / "inbox").mkdir(parents=True, exist_ok=True)
    return {
        "inbox": str(directory / "inbox"),
        "archive": str(directory / "archive"),
        "settle_seconds": 0,
        "pair_seconds": 0,
        "page_seconds": 2,
        "service": "accueil",
        "services": SERVICES,
    }


class Room:
    """A mailroom in a directory."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self.inbox, self.archive = directory / "inbox", directory / "archive"
        self.options = configuration(directory) | options
        self.bench = Bench(mailroom.CONNECTOR, self.options, directory / "data", directory / "keys")

    def read(self) -> list[Event]:
        return self.bench.read_all(confirm=True)

    def rejected(self) -> dict[str, str]:
        """The reasons and details of what was rejected, by the first name of the files."""
        found = {}
        for said in self.archive.glob("rejected/*/*.json"):
            reason = json.loads(said.read_text())
            assert reason["reason"] == said.parent.name
            name = min(path.name for path in said.with_suffix("").iterdir())
            found[name] = f"{reason['reason']}: {reason['detail']}"
        return found

    def done(self) -> list[str]:
        return sorted(path.name for path in self.archive.glob("done/*/*/*"))


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take all at once, however slow the machine is just now."""
    monkeypatch.setattr(connectors.sdk.folder.source, "BATCH_SECONDS", 60)
    monkeypatch.setattr(connectors.sdk.folder.inbox, "LIST_SECONDS", 60)


def set_clock(monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace) -> None:
    for module in (connectors.sdk.folder.inbox, connectors.sdk.folder.source):
        monkeypatch.setattr(module, "time", clock)


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageCounter]:
    """A page counter that is at work."""
    scan = drop(tmp_path_factory.mktemp("scan") / "a.pdf", pdf(1))
    with closing(PageCounter(20)) as counter, scan.open("rb") as file:
        counter.examine(file, sheets=False)
        yield counter


@pytest.fixture
def lasting(counter: PageCounter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have all sources of a test use one page counter: to start one takes longer than all else."""
    borrowed = SimpleNamespace(examine=counter.examine, close=lambda: None)
    monkeypatch.setattr(connectors.mailroom.source, "PageCounter", lambda *_: borrowed)
    monkeypatch.setattr(counter._process, "poll", lambda: None)  # a fork could not ask for it


@pytest.mark.usefixtures("lasting")
class TestConformance(Conformance):
    connector = mailroom.CONNECTOR
    readme = Path(mailroom.__file__).with_name("README.md")
    personal = PERSONAL

    def options(self, directory: Path) -> dict[str, Any]:
        return configuration(directory)

    def supply(self, directory: Path, part: int, parts: int) -> None:
        jobs = self.jobs(directory / "inbox")
        size = -(-len(jobs) // parts)
        for job in jobs[part * size : (part + 1) * size]:
            job()

    def jobs(self, inbox: Path) -> list[Callable[[], object]]:
        """Letters, steps and bad files; some with personal values in what they say and in their names."""
        inbox.mkdir(parents=True, exist_ok=True)
        name, email, phone, street, case, subject = PERSONAL
        private = {
            "nom": name,
            "sender": name,
            "email": email,
            "phone": phone,
            "adresse": street,
            "case": case,
            "objet": subject,
        }
        jobs: list[Callable[[], object]] = [partial(drop_letter, inbox, n, **private) for n in range(20)]
        steps = [
            {"chrono": "2026-000002", "step": "assigned", "at": "2026-03-20T12:00", "service": "Routes", **private},
            {"chrono": "2026-000002", "step": "closed", "at": "2026-03-21", "outcome": "resolved"},
            {"chrono": name, "step": "answered"},
            {"chrono": "2026-000001", "step": subject},
            {"chrono": "2026-000001", "step": "assigned", "service": name},
        ]
        for order, step in enumerate(steps, start=100):
            jobs.append(partial(drop, inbox / f"{name} {order}.json", json.dumps(step).encode(), order))
        jobs.append(partial(drop, inbox / f"{name}.pdf", pdf(99), 200))
        jobs.append(partial(drop, inbox / f"{name}, broken.pdf", b"%PDF-1.4 " + name.encode(), 201))
        jobs.append(partial(drop, inbox / f"{email}.docx", subject.encode(), 202))
        return jobs


def test_a_letter_and_what_becomes_of_it(room: Room, tmp_path: Path) -> None:
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


def test_a_step_is_the_services_that_had_the_letter_then_in_whatever_order_it_is_told(room: Room) -> None:
    drop(room.inbox / "a.pdf", pdf(1), 1)
    room.read()
    told = (
        ("closed", "2026-03-25T10:00", ""),
        ("assigned", "2026-03-24T10:00", "Routes"),
        ("acknowledged", "2026-03-23T10:00", ""),
        ("closed", "2026-03-26T10:00", ""),
        ("acknowledged", "2026-03-01T10:00", ""),
    )
    for order, (step, at, service) in enumerate(told):
        row = {"chrono": "2026-000001", "step": step, "at": at, "service": service}
        drop(room.inbox / f"{order}.json", json.dumps(row).encode(), order)
    assert [event.service for event in room.read()] == ["accueil", "routes", "accueil", "routes", "accueil"]


def test_a_sidecar_with_bad_rows_changes_nothing_and_names_them_all(room: Room) -> None:
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
    assert [event.service for event in room.read()] == ["accueil"]
    assert room.rejected() == {
        "b.csv": "unknown_record: rows 2, 4-6: chrono: no letter has it; row 3: step (unknown_enum)"
    }


@pytest.mark.parametrize("kind", ["PDF", "TIFF"])
def test_separator_sheets_make_letters_of_a_stack(tmp_path: Path, kind: str) -> None:
    room = Room(tmp_path, separators={"ENF": "enfance", "VOIRIE": "routes"}, page_seconds=30)
    stack = scans.stack(kind, "", "ENF", "", "8A 0123 4567 8", "QR:MAARCH_VOIRIE", "VOIRIE", "", "ENF")
    drop(room.inbox / f"stack.{kind}", stack, 1)
    events = room.read()
    letters = [(event.data.pages, event.service) for event in events if event.type == "letter.arrived"]
    assert letters == [(1, "accueil"), (2, "enfance"), (1, "routes")]
    chronos = [event.data.chrono for event in events if event.type == "letter.registered"]
    assert chronos == ["2026-000001", "2026-000002", "2026-000003"]
    (kept,) = room.archive.glob("done/*/*")
    assert kept.name.startswith("2026-000001..2026-000003_")
    drop(room.inbox / f"stack.{kind}", stack, 1)
    assert [event.id for event in room.read()] == [event.id for event in events]
    drop(room.inbox / f"stack.{kind}", stack, 1)
    drop(room.inbox / "stack.json", b'{"reference": "whole"}', 1)
    assert [event.data.pages for event in room.read() if event.type == "letter.arrived"] == [8]
    drop(room.inbox / f"sheets.{kind}", scans.stack(kind, "ENF", "ENF"), 2)
    assert room.read() == []
    assert list(room.rejected().values()) == ["unreadable_line: nothing but separator sheets"]


def test_a_sheet_that_nobody_configured_merges_no_letters(tmp_path: Path) -> None:
    room = Room(tmp_path, separators={"ENF": "enfance"}, page_seconds=30)
    stack = scans.stack("PDF", "QR:MAARCH_ENF", "", "QR:MAARCH_MIREILLE", "", "8A 0123 4567 8", "MAARCH_VOIRIE", "")
    drop(room.inbox / "stack.pdf", stack, 1)
    assert room.read() == []
    assert room.rejected() == {"stack.pdf": "unknown_enum: separators: an unknown sheet, page 3, 6"}
    for name, options, letters in (
        ("known", {"separators": {"ENF": "enfance", "MIREILLE": "routes", "VOIRIE": "routes"}}, [1, 2, 1]),
        ("any", {"separator_prefix": "", "separators": {"MAARCH_ENF": "enfance"}}, [6]),
        ("of their own", {"separator_prefix": "8A ", "separators": {"0123 4567 8": "routes"}}, [4, 2]),
    ):
        other = Room(tmp_path / name, page_seconds=30, **options)
        drop(other.inbox / "stack.pdf", stack, 1)
        assert [event.data.pages for event in other.read() if event.type == "letter.arrived"] == letters


def test_mail_that_was_only_sent_needs_no_letter_of_the_register(tmp_path: Path) -> None:
    room = Room(tmp_path, departures=["D{year}-{number:04}", "2019-{number:06}"], site="siege")
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
    assert [*room.rejected().values()] == ["unknown_record: row 1: chrono: no letter has it"] * 5


@pytest.mark.parametrize(
    "form", ["D{year}", "{number}{number}", "{number:,}", "{year}-{number:06}", "{number.real}", "{"]
)
def test_departures_that_are_no_numbers_of_their_own_are_refused(tmp_path: Path, form: str) -> None:
    with pytest.raises(ConfigError, match=r"^essai\.departures.* must "):
        parse(MailroomConfig, "essai", configuration(tmp_path) | {"departures": [form]})


def test_numbers_begin_anew_each_year_and_have_no_gaps(room: Room) -> None:
    for order, scanned_at in enumerate(("2025-12-31T23:30", "2026-01-01T00:10", "2025-12-31T23:40")):
        drop_letter(room.inbox, order, scanned_at=scanned_at)
        drop(room.inbox / f"{order}.pdf", b"broken", order)
    chronos = [event.data.chrono for event in room.read() if event.type == "letter.registered"]
    assert chronos == ["2025-000001", "2026-000001", "2025-000002"]


def test_the_same_letter_dropped_again_is_the_same(room: Room) -> None:
    drop_letter(room.inbox, 1)
    first = room.read()
    drop_letter(room.inbox, 1)
    assert [event.id for event in room.read()] == [event.id for event in first]
    drop(room.inbox / "scan00001.pdf", pdf(1))
    (other, _) = room.read()
    assert other.subject != first[0].subject


BAD = {
    "empty.pdf": (b"", "unreadable_line: empty"),
    "broken.pdf": (pdf(1)[:-200], "unreadable_line: no PDF"),
    "text.pdf": (b"no PDF at all", "unreadable_line: no PDF"),
    "locked.pdf": (pdf(1, password="geheim"), "unreadable_line: encrypted"),
    "pages.pdf": (page_bomb(), "oversized: reading its pages"),
    "image.tif": (tiff(1)[:40], "unreadable_line: no PDF"),
    "letter.docx": (b"PK", "unknown_record: "),
    "laughs.xml": (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "unreadable_line: sidecar: a forbidden declaration"),
    "deep.json": (b"[" * 500_000, "unreadable_line: sidecar: JSON"),
    "list.json": (b"[1, 2]", "unreadable_line: sidecar: JSON"),
    "none.json": (b"[]", "unreadable_line: sidecar: 0 rows"),
    "nul.csv": (b"chrono\n\0\n", "missing_field: row 1: step"),
    "unknown.json": (b'{"chrono": "2026-000077", "step": "answered"}', "unknown_record: row 1: chrono"),
    "path.json": (b'{"chrono": "../../x", "step": "answered"}', "unknown_record: row 1: chrono"),
    "..\\..\\evil.pdf": (b"x", "unreadable_line: no PDF"),
    "%2e%2e%2fevil.pdf": (b"x", "unreadable_line: no PDF"),
    "n" * 251 + ".pdf": (b"x", "unreadable_line: no PDF"),
    os.fsdecode(b"\xff\xfe\n;.pdf"): (b"x", "unreadable_line: no PDF"),
}


def test_bad_files_are_rejected_with_their_reasons_and_good_ones_after_them_are_read(room: Room) -> None:
    for order, (name, (content, _)) in enumerate(BAD.items()):
        drop(room.inbox / name, content, order)
    drop_letter(room.inbox, 500)
    assert [event.type for event in room.read()] == ["letter.arrived", "letter.registered"]
    rejected = room.rejected()
    assert rejected.keys() == BAD.keys()
    assert [name for name, (_, why) in BAD.items() if not rejected[name].startswith(why)] == []
    assert list(room.inbox.iterdir()) == []


def test_what_is_no_regular_file_is_never_opened(room: Room, tmp_path: Path) -> None:
    secret = drop(tmp_path / "secret.pdf", pdf(1))
    (room.inbox / "link.pdf").symlink_to(secret)
    (room.inbox / "loop.pdf").symlink_to("loop.pdf")
    (room.inbox / "reason.json").symlink_to(secret)
    os.mkfifo(room.inbox / "pipe.pdf")
    (room.inbox / "folder.pdf").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(room.inbox / "socket.pdf"))
    assert room.read() == []
    assert set(room.rejected().values()) == {"unreadable_line: no regular file"}
    assert room.rejected().keys() == {"link.pdf", "loop.pdf", "reason.json", "pipe.pdf", "socket.pdf"}
    assert [path.name for path in room.inbox.iterdir()] == ["folder.pdf"]
    assert secret.read_bytes() == pdf(1)


def test_huge_files_and_bombs_cost_neither_memory_nor_reading(room: Room) -> None:
    with (room.inbox / "huge.pdf").open("wb") as huge:
        huge.truncate(2 << 30)
    drop(room.inbox / "stream.pdf", stream_bomb(900), 1)
    drop(room.inbox / "pages.pdf", page_bomb(), 2)
    drop_letter(room.inbox, 3)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert len(room.read()) == 2
    grown_kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kilobytes < 64 << 10
    assert room.rejected()["huge.pdf"] == "oversized: 2147483648 bytes, at most 104857600"
    assert {"stream.pdf", "pages.pdf"} < room.rejected().keys()


def test_a_file_is_left_until_nobody_writes_to_it(tmp_path: Path) -> None:
    room = Room(tmp_path, settle_seconds=3600, pair_seconds=3600)
    drop_letter(room.inbox, 1)
    drop(room.inbox / "lone.pdf", pdf(2))
    (room.inbox / "draft.pdf.part").write_bytes(b"half")
    assert room.read() == []
    room = Room(tmp_path, settle_seconds=0, pair_seconds=3600)
    assert len(room.read()) == 2
    assert sorted(path.name for path in room.inbox.iterdir()) == ["draft.pdf.part", "lone.pdf"]


def test_a_file_that_grows_is_waited_for_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now, sleep=lambda seconds: None)
    set_clock(monkeypatch, clock)
    room = Room(tmp_path, settle_seconds=2, pair_seconds=2)
    whole = pdf(1)
    with room.bench.opened() as (flow, publisher):
        for now, written, events in (
            (0.0, 100, 0),
            (1.5, 300, 0),
            (3.0, len(whole), 0),
            (4.5, len(whole), 0),
            (5.5, len(whole), 2),
        ):
            clock.now = now
            if now < 4:
                (room.inbox / "slow.pdf").write_bytes(whole[:written])
            flow.turn()
            assert len(publisher.events) == events


def test_it_keeps_nothing_if_it_is_told_so(tmp_path: Path) -> None:
    room = Room(tmp_path, afterwards="delete")
    drop_letter(room.inbox, 1)
    drop(room.inbox / "bad.pdf", b"bad")
    assert len(room.read()) == 2
    assert [path.name for path in room.archive.rglob("*.pdf")] == ["bad.pdf"]
    assert list((room.archive / "work").iterdir()) == []


@pytest.mark.parametrize("archive", ["inbox", "inbox/archive", ".", "link/archive"])
def test_folders_that_overlap_are_refused(tmp_path: Path, archive: str) -> None:
    options = configuration(tmp_path) | {"archive": str(tmp_path / archive)}
    (tmp_path / "link").symlink_to(tmp_path / "inbox")
    with pytest.raises(ConfigError, match=r"^essai\.archive "):
        parse(MailroomConfig, "essai", options)


@pytest.mark.parametrize(
    "form", ["{number}", "{year}", "{year}-{month}", "{year.__class__}{number}", "{", "{year}{number}" * 40]
)
def test_a_chrono_without_year_or_number_is_refused(tmp_path: Path, form: str) -> None:
    with pytest.raises(ConfigError, match=r"^essai\.chrono must hold"):
        parse(MailroomConfig, "essai", configuration(tmp_path) | {"chrono": form})


def test_two_instances_do_not_share_an_archive(room: Room, tmp_path: Path) -> None:
    other = Bench(mailroom.CONNECTOR, room.options, tmp_path / "other", tmp_path / "keys")
    with room.bench.opened(), pytest.raises(InstanceInUseError, match="archive of another instance"), other.opened():
        pass


def test_without_its_register_it_gives_no_numbers(room: Room) -> None:
    drop_letter(room.inbox, 1)
    room.read()
    register = room.bench.directory / "register.sqlite"
    register.write_bytes(b"spoilt" * 1000)
    with pytest.raises(ConnectorError, match="is damaged: restore it"):
        room.read()
    for lose in (lambda: register.write_bytes(b""), register.unlink):
        lose()
        with pytest.raises(ConnectorError, match="is not there, but was: restore it"):
            room.read()


def test_a_register_that_cannot_be_written_to_is_no_fault_of_a_letters(room: Room) -> None:
    room.read()
    drop_letter(room.inbox, 1)
    other = sqlite3.connect(room.bench.directory / "register.sqlite", isolation_level=None)
    with closing(other), room.bench.opened() as (flow, _):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ConnectorError, match=r"register\.sqlite: database is locked"):
            flow.turn()
    assert len(room.read()) == 2
    assert room.rejected() == {}


def test_a_page_counter_that_died_idle_rejects_nothing(room: Room) -> None:
    with closing(PageCounter(20)) as counter, drop(room.inbox / "a.pdf", pdf(1, pages=2)).open("rb") as file:
        assert counter.examine(file, sheets=False) == Pages(2)
        assert counter._process
        counter._process.kill()
        counter._process.wait()
        assert counter.examine(file, sheets=True) == Pages(2)


def test_what_stops_a_service_does_not_stop_the_reading_of_a_letter(room: Room) -> None:
    with closing(PageCounter(20)) as counter, drop(room.inbox / "a.pdf", pdf(1, pages=2)).open("rb") as file:
        counter.examine(file, sheets=False)
        process = counter._process
        assert process
        for stop in (signal.SIGTERM, signal.SIGINT):
            process.send_signal(stop)
        assert counter.examine(file, sheets=False) == Pages(2)
        assert counter._process is process


@pytest.mark.parametrize("deaths", [2, 3])
def test_a_page_counter_that_dies_at_work_is_asked_again_but_not_for_ever(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deaths: int
) -> None:
    program = tmp_path / "dying.py"
    program.write_text(DYING.format(deaths=deaths, tally=str(tmp_path / "tally"), real=counting.__file__))
    monkeypatch.setattr(counting, "__file__", str(program))
    drop_letter(room.inbox, 1)
    assert len(room.read()) == 2 * (deaths < 3)
    assert (tmp_path / "tally").stat().st_size == deaths
    rejected = {"scan00001.json": "unreadable_line: the process that reads its pages broke down 3 times"}
    assert room.rejected() == (rejected if deaths == 3 else {})


def test_a_page_counter_that_cannot_start_is_no_fault_of_a_letters(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    drop_letter(room.inbox, 1)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(room.inbox))
        with pytest.raises(ConnectorError, match="does not start"):
            room.read()
    assert len(room.read()) == 2


def test_a_sheet_is_found_whatever_else_is_on_its_page(tmp_path: Path) -> None:
    writer = PdfWriter(io.BytesIO(scans.stack("PDF", "A", "B", "C", "D", "E", "ENF", "")))
    page, *others, last = writer.pages
    for other in others:
        page.merge_page(other)
    together = PdfWriter()
    for kept in (last, page, last):
        together.add_page(kept)
    together.write(tmp_path / "stack.pdf")
    with closing(PageCounter(30, ["ENF"])) as counter, (tmp_path / "stack.pdf").open("rb") as file:
        assert counter.examine(file, sheets=True) == Pages(3, ((1, "ENF"),))


def test_sheets_are_told_after_any_number_of_other_barcodes_and_all_or_none() -> None:
    form, name = zxingcpp.BarcodeFormat.QRCode, "E" * 60
    other, sheet = (Image.fromarray(zxingcpp.create_barcode(text, form).to_image(scale=3)) for text in ("other", name))
    assert (
        counting._answer(1001, [[other]] * 1000 + [[sheet]], counting.Sheets({name})) == f'[1001, [[1000, "{name}"]]]'
    )
    assert counting._answer(1000, [[sheet]] * 1000, counting.Sheets({name})) == counting.TOO_COSTLY


def test_a_disk_that_fails_gives_no_number_twice(room: Room) -> None:
    room.read()
    for number in range(3):
        drop_letter(room.inbox, number)
    with closing(sqlite3.connect(room.bench.directory / "register.sqlite", isolation_level=None)) as disk:
        disk.execute(
            "CREATE TRIGGER fails BEFORE INSERT ON letters WHEN new.number = 3 BEGIN SELECT RAISE(ROLLBACK, ''); END"
        )
        with room.bench.opened() as (flow, publisher):
            with pytest.raises(ConnectorError, match=r"register\.sqlite could not be written to"):
                flow.turn()
            assert publisher.events == []
        disk.execute("DROP TRIGGER fails")
    events = room.read()
    chronos = [event.data.chrono for event in events if event.type == "letter.registered"]
    assert chronos == ["2026-000001", "2026-000002", "2026-000003"]


def test_a_file_that_cannot_be_moved_holds_up_no_other(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    held, rename = {"scan00001.pdf", "lone.pdf"}, Path.rename

    def rename_unless_held(path: Path, target: Path) -> Path:
        if path.parent == room.inbox and path.name in held:
            raise PermissionError(errno.EPERM, "held")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", rename_unless_held)
    monkeypatch.setattr(connectors.sdk.folder.inbox, "HELD_SECONDS", 0)
    drop(room.inbox / "lone.pdf", pdf(7), 0)
    for number in (1, 2):
        drop_letter(room.inbox, number)
    for _ in range(2):  # at work, and opened anew
        with room.bench.opened() as (flow, publisher):
            with suppress(SourceUnavailableError):
                flow.turn()
            with pytest.raises(SourceUnavailableError, match=r"2 of the files in .* may not be moved"):
                flow.turn()
            publisher.confirm()
    assert room.done() == ["scan00002.json", "scan00002.pdf"]
    drop(room.inbox / "scan00001.json", b"{}", 9)  # comes meanwhile, and is none of theirs
    held.clear()
    assert len(room.read()) == 4
    assert room.done() == ["lone.pdf", *[f"scan0000{n}.{kind}" for n in (1, 2) for kind in ("json", "pdf")]]
    assert room.rejected().keys() == {"scan00001.json"}


def test_an_inbox_whose_listing_takes_long_is_listed_over_several_turns(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connectors.sdk.folder.inbox, "LIST_SECONDS", 1)
    seconds = count(0, 0.4)
    clock = SimpleNamespace(monotonic=lambda: next(seconds), sleep=lambda seconds: None)
    set_clock(monkeypatch, clock)
    for number in range(4):
        drop_letter(room.inbox, number)
    with room.bench.opened() as (flow, publisher):
        flow.turn()
        assert publisher.events == []
        for _ in range(50):
            flow.turn()
        assert len(publisher.events) == 8


def test_an_inbox_that_is_away_is_waited_for(room: Room) -> None:
    with room.bench.opened() as (flow, publisher):
        room.inbox.rename(room.inbox.with_name("away"))
        with pytest.raises(SourceUnavailableError, match="inbox is not there"):
            flow.turn()
        room.inbox.with_name("away").rename(room.inbox)
        drop_letter(room.inbox, 1)
        flow.turn()
        assert len(publisher.events) == 2


def connect(keys: Path, afterwards: str, directory: Path) -> None:
    """Take what is in a hot folder, which is filled on the first start."""
    inbox = directory / "inbox"
    make_private_directory(directory / "state")
    context = Context(
        "mailroom/essai", directory / "state", Cursor(directory / "state"), Keys(keys, directory / "state").key_of
    )
    config = MailroomConfig(**configuration(directory) | {"afterwards": afterwards})
    meter = Meter(Metrics(CollectorRegistry()), "mailroom/essai")
    with (
        closing(Rejects(directory / "state")) as rejects,
        closing(Topic(directory / "topic")) as topic,
        closing(mailroom.CONNECTOR.open(config, context)) as source,
    ):
        flow = Flow(source, topic, rejects, meter)
        while any(inbox.iterdir()) or any((directory / "archive" / "work").iterdir()):
            flow.turn()
        flow.settle(5)


@pytest.mark.usefixtures("lasting")
@pytest.mark.parametrize("afterwards", ["keep", "delete"])
def test_killed_at_every_act_it_tells_every_file_and_keeps_it_once(tmp_path: Path, afterwards: str) -> None:
    load_key(tmp_path / "keys", "general")

    def job(directory: Path) -> None:
        connect(tmp_path / "keys", afterwards, directory)

    places = [tmp_path / "runs" / str(number) for number in range(1, 400)]
    for place in places:
        (place / "inbox").mkdir(parents=True)
        drop_letter(place / "inbox", 1)
        drop(place / "inbox" / "bad.pdf", b"bad", 2)
    runs = kill_at_every_act(job, tmp_path / "runs")
    assert 20 < len(runs) < len(places)
    told = [(place / "topic").read_text().split() for place in runs]
    assert len(told[-1]) == len(set(told[-1])) == 2
    assert all(set(ids) == set(told[-1]) for ids in told)
    assert any(len(ids) > len(told[-1]) for ids in told), "nothing was told twice: no kill fell where it matters"
    kept = ["bad.pdf"] + ["scan00001.json", "scan00001.pdf"] * (afterwards == "keep")
    for place in runs:
        assert sorted(path.name for path in place.glob("archive/*/*/*/*")) == kept
        assert list((place / "archive" / "work").iterdir()) == []


def test_a_burst_killed_at_random_moments(room: Room, tmp_path: Path) -> None:
    letters = 500
    for number in range(letters):
        drop_letter(room.inbox, number)
    load_key(tmp_path / "keys", "general")

    def run(most_seconds: float) -> int:
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.setitimer(signal.ITIMER_REAL, most_seconds)  # its signal ends us wherever we are
                connect(tmp_path / "keys", "keep", tmp_path)
                os._exit(0)
            os._exit(1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    codes, most_seconds = [], 0.05
    while (code := run(most_seconds)) != 0:
        codes.append(code)
        most_seconds *= 1.5
    assert len(codes) > 2
    assert set(codes) == {-signal.SIGALRM}
    told = set((tmp_path / "topic").read_text().split())
    assert len(told) == 2 * letters
    assert len(room.done()) == 2 * letters
    chronos = {path.name.partition("_")[0] for path in room.archive.glob("done/*/*")}
    assert chronos == {f"2026-{number:06}" for number in range(1, letters + 1)}
