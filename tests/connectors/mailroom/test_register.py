"""Register of letters with a damaged file or a failing disk."""

import sqlite3
from contextlib import closing
from hashlib import sha256

import pytest

from connectors.sdk.errors import ConnectorError
from tests.support.mailroom_harness import MailroomHarness
from tests.support.scans import drop, drop_letter, pdf


def test_missing_or_damaged_register_assigns_no_numbers(room: MailroomHarness) -> None:
    drop_letter(room.inbox, 1)
    room.read()
    register = room.harness.directory / "register.sqlite"
    register.write_bytes(b"spoilt" * 1000)
    with pytest.raises(ConnectorError, match="is damaged: restore it"):
        room.read()
    for lose in (lambda: register.write_bytes(b""), register.unlink):
        lose()
        with pytest.raises(ConnectorError, match="is not there, but was: restore it"):
            room.read()


def test_register_holds_no_reference_and_upgrades_older_files(
    room: MailroomHarness,
) -> None:
    drop(room.inbox / "a.pdf", pdf(1), 1)
    drop(room.inbox / "a.json", b'{"reference": "06 39 98 12 34"}', 1)
    first = room.read()
    register = room.harness.directory / "register.sqlite"
    assert b"39 98" not in register.read_bytes()
    raw = f"{sha256(pdf(1)).hexdigest()}|06 39 98 12 34"
    with closing(sqlite3.connect(register, isolation_level=None)) as earlier:
        earlier.execute("UPDATE letters SET letter = ?", (raw,))
        earlier.execute("PRAGMA user_version = 0")
        earlier.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"39 98" in register.read_bytes()
    drop(room.inbox / "a.pdf", pdf(1), 1)
    drop(room.inbox / "a.json", b'{"reference": "06 39 98 12 34"}', 1)
    assert [event.id for event in room.read()] == [event.id for event in first]
    files = [path.read_bytes() for path in register.parent.glob("register.sqlite*")]
    assert not [content for content in files if b"39 98" in content]


def test_locked_register_rejects_nothing(room: MailroomHarness) -> None:
    room.read()
    drop_letter(room.inbox, 1)
    other = sqlite3.connect(room.harness.directory / "register.sqlite", isolation_level=None)
    with closing(other), room.harness.opened() as (flow, _):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ConnectorError, match=r"register\.sqlite: database is locked"):
            flow.step()
    assert len(room.read()) == 2
    assert room.rejected() == {}


def test_failing_disk_assigns_no_number_twice(room: MailroomHarness) -> None:
    room.read()
    for number in range(3):
        drop_letter(room.inbox, number)
    with closing(sqlite3.connect(room.harness.directory / "register.sqlite", isolation_level=None)) as disk:
        disk.execute(
            "CREATE TRIGGER fails BEFORE INSERT ON letters WHEN new.number = 3 BEGIN SELECT RAISE(ROLLBACK, ''); END"
        )
        with room.harness.opened() as (flow, publisher):
            with pytest.raises(ConnectorError, match=r"register\.sqlite: "):
                flow.step()
            assert publisher.events == []
        disk.execute("DROP TRIGGER fails")
    events = room.read()
    chronos = [event.data.chrono for event in events if event.type == "letter.registered"]
    assert chronos == ["2026-000001", "2026-000002", "2026-000003"]
