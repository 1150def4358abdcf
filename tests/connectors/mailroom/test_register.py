"""Register of letters: formats of numbers, damaged file, failing disk."""

import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from connectors.mailroom.config import MailroomConfig
from connectors.sdk.config import parse
from connectors.sdk.errors import ConfigError, ConnectorError
from tests.support.mailroom_harness import MailroomHarness, configuration
from tests.support.scans import drop, drop_letter, pdf


def test_no_number_is_assigned_without_the_register(room: MailroomHarness) -> None:
    drop_letter(room.inbox, 1)
    room.read()
    register = room.harness.directory / "register.sqlite"
    register.write_bytes(b"no database" * 1000)
    with pytest.raises(ConnectorError, match="is damaged: restore it"):
        room.read()
    for remove in (lambda: register.write_bytes(b""), register.unlink):
        remove()
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


def test_letter_is_not_rejected_while_the_register_is_locked(room: MailroomHarness) -> None:
    room.read()
    drop_letter(room.inbox, 1)
    other = sqlite3.connect(room.harness.directory / "register.sqlite", isolation_level=None)
    with closing(other), room.harness.opened() as (flow, _):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ConnectorError, match=r"register\.sqlite: database is locked"):
            flow.step()
    assert len(room.read()) == 2
    assert room.rejected() == {}


def test_no_number_is_assigned_twice_after_a_disk_failure(room: MailroomHarness) -> None:
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


@pytest.mark.parametrize(
    "form", ["{number}", "{year}", "{year}-{month}", "{year.__class__}{number}", "{", "{year}{number}" * 40]
)
def test_chrono_without_year_or_number_is_refused(tmp_path: Path, form: str) -> None:
    with pytest.raises(ConfigError, match=r"^essai\.chrono must contain"):
        parse(MailroomConfig, "essai", configuration(tmp_path) | {"chrono": form})


@pytest.mark.parametrize(
    "form", ["D{year}", "{number}{number}", "{number:,}", "{year}-{number:06}", "{number.real}", "{"]
)
def test_departures_without_distinct_numbers_are_refused(tmp_path: Path, form: str) -> None:
    with pytest.raises(ConfigError, match=r"^essai\.departures.* must "):
        parse(MailroomConfig, "essai", configuration(tmp_path) | {"departures": [form]})
