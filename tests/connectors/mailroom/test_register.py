"""The register of letters, when its file or its disk fails."""

import sqlite3
from contextlib import closing

import pytest

from connectors.sdk.errors import ConnectorError
from tests.support.mailroom import Room
from tests.support.scans import drop_letter


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
