"""Hot folder of the mailroom: files that are read, awaited, rejected, or never opened."""

import errno
import os
import resource
import socket
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

import connectors.mailroom as mailroom
import connectors.mailroom.source
import connectors.sdk.folder.inbox
import connectors.sdk.folder.source
from connectors.mailroom.config import MailroomConfig
from connectors.sdk.config import parse
from connectors.sdk.errors import ConfigError, InstanceInUseError, SourceUnavailableError
from connectors.sdk.testing import ConnectorHarness
from tests.support.mailroom_harness import MailroomHarness, configuration, set_clock
from tests.support.scans import drop, drop_letter, page_bomb, pdf, stream_bomb, tiff

INVALID = {
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


def test_invalid_files_are_rejected_and_the_next_letter_is_read(room: MailroomHarness) -> None:
    for order, (name, (content, _)) in enumerate(INVALID.items()):
        drop(room.inbox / name, content, order)
    drop_letter(room.inbox, 500)
    assert [event.type for event in room.read()] == ["letter.arrived", "letter.registered"]
    rejected = room.rejected()
    assert rejected.keys() == INVALID.keys()
    assert [name for name, (_, reason) in INVALID.items() if not rejected[name].startswith(reason)] == []
    assert list(room.inbox.iterdir()) == []


def test_special_files_are_never_opened(room: MailroomHarness, tmp_path: Path) -> None:
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


def test_huge_files_and_bombs_use_little_memory(room: MailroomHarness) -> None:
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


def test_file_is_not_read_while_it_is_written(tmp_path: Path) -> None:
    room = MailroomHarness(tmp_path, settle_seconds=3600, pair_seconds=3600)
    drop_letter(room.inbox, 1)
    drop(room.inbox / "lone.pdf", pdf(2))
    (room.inbox / "draft.pdf.part").write_bytes(b"half")
    assert room.read() == []
    room = MailroomHarness(tmp_path, settle_seconds=0, pair_seconds=3600)
    assert len(room.read()) == 2
    assert sorted(path.name for path in room.inbox.iterdir()) == ["draft.pdf.part", "lone.pdf"]


def test_wait_restarts_when_a_file_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now, sleep=lambda seconds: None)
    set_clock(monkeypatch, clock)
    room = MailroomHarness(tmp_path, settle_seconds=2, pair_seconds=2)
    whole = pdf(1)
    with room.harness.opened() as (flow, publisher):
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
            flow.step()
            assert len(publisher.events) == events


def test_processed_files_are_deleted_if_configured(tmp_path: Path) -> None:
    room = MailroomHarness(tmp_path, afterwards="delete")
    drop_letter(room.inbox, 1)
    drop(room.inbox / "bad.pdf", b"bad")
    assert len(room.read()) == 2
    assert [path.name for path in room.archive.rglob("*.pdf")] == ["bad.pdf"]
    assert list((room.archive / "work").iterdir()) == []


def test_two_instances_cannot_share_an_archive(room: MailroomHarness, tmp_path: Path) -> None:
    other = ConnectorHarness(mailroom.CONNECTOR, room.options, tmp_path / "other", tmp_path / "keys")
    with room.harness.opened(), pytest.raises(InstanceInUseError, match="archive of another instance"), other.opened():
        pass


def test_file_that_cannot_be_moved_does_not_block_others(
    room: MailroomHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked, rename = {"scan00001.pdf", "lone.pdf"}, Path.rename

    def rename_unless_locked(path: Path, target: Path) -> Path:
        if path.parent == room.inbox and path.name in locked:
            raise PermissionError(errno.EPERM, "locked")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", rename_unless_locked)
    monkeypatch.setattr(connectors.sdk.folder.inbox, "HELD_SECONDS", 0)
    drop(room.inbox / "lone.pdf", pdf(7), 0)
    for number in (1, 2):
        drop_letter(room.inbox, number)
    for _ in range(2):  # on the first opening and after a restart
        with room.harness.opened() as (flow, publisher):
            with suppress(SourceUnavailableError):
                flow.step()
            with pytest.raises(SourceUnavailableError, match=r"2 of the files in .* may not be moved"):
                flow.step()
            publisher.confirm()
    assert room.done() == ["scan00002.json", "scan00002.pdf"]
    drop(room.inbox / "scan00001.json", b"{}", 9)  # arrives later and belongs to no locked file
    locked.clear()
    assert len(room.read()) == 4
    assert room.done() == ["lone.pdf", *[f"scan0000{n}.{kind}" for n in (1, 2) for kind in ("json", "pdf")]]
    assert room.rejected().keys() == {"scan00001.json"}


def test_slow_listing_continues_over_several_steps(room: MailroomHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connectors.sdk.folder.inbox, "LIST_SECONDS", 1)
    seconds = count(0, 0.4)
    clock = SimpleNamespace(monotonic=lambda: next(seconds), sleep=lambda seconds: None)
    set_clock(monkeypatch, clock)
    for number in range(4):
        drop_letter(room.inbox, number)
    with room.harness.opened() as (flow, publisher):
        flow.step()
        assert publisher.events == []
        for _ in range(50):
            flow.step()
        assert len(publisher.events) == 8


def test_missing_inbox_is_retried(room: MailroomHarness) -> None:
    with room.harness.opened() as (flow, publisher):
        room.inbox.rename(room.inbox.with_name("away"))
        with pytest.raises(SourceUnavailableError, match="inbox is not there"):
            flow.step()
        room.inbox.with_name("away").rename(room.inbox)
        drop_letter(room.inbox, 1)
        flow.step()
        assert len(publisher.events) == 2


@pytest.mark.parametrize("archive", ["inbox", "inbox/archive", ".", "link/archive"])
def test_overlapping_folders_are_refused(tmp_path: Path, archive: str) -> None:
    options = configuration(tmp_path) | {"archive": str(tmp_path / archive)}
    (tmp_path / "link").symlink_to(tmp_path / "inbox")
    with pytest.raises(ConfigError, match=r"^essai\.archive "):
        parse(MailroomConfig, "essai", options)
