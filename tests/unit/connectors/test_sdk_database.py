"""SQLite files that are missing, damaged or locked."""

from contextlib import closing
from pathlib import Path

import pytest

from connectors.sdk.database import Database
from connectors.sdk.errors import ConnectorError, CursorDamagedError, StorageError

TABLE = "CREATE TABLE IF NOT EXISTS things (thing TEXT)"


def opened(path: Path, *, was_there: bool = False) -> Database:
    return Database(path, TABLE, advice="restore it", was_there=was_there, lost=CursorDamagedError)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "things.sqlite"


def test_committed_data_is_stored_in_a_private_file(path: Path) -> None:
    with closing(opened(path)) as first:
        first.execute("INSERT INTO things VALUES (?)", "committed")
        first.execute("BEGIN IMMEDIATE")
        first.execute("INSERT INTO things VALUES (?)", "uncommitted")
        assert first.in_transaction
        assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
    with closing(opened(path, was_there=True)) as second:
        assert second.execute("SELECT thing FROM things") == [("committed",)]


def insert_half(database: Database) -> None:
    with database.transaction():
        database.execute("INSERT INTO things VALUES (?)", "first half")
        database.execute("INSERT INTO other_things VALUES (?)", "the other half")


def test_transaction_is_atomic(path: Path) -> None:
    with closing(opened(path)) as database:
        with database.transaction():
            database.execute("INSERT INTO things VALUES (?)", "committed")
        with pytest.raises(ConnectorError, match="no such table"):
            insert_half(database)
        assert not database.in_transaction
        assert database.execute("SELECT thing FROM things") == [("committed",)]


@pytest.mark.parametrize("content", [None, b""])
def test_missing_file_is_not_created_again(path: Path, content: bytes | None) -> None:
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CursorDamagedError, match=r"things\.sqlite is not there, but was: restore it"):
        opened(path, was_there=True)
    with closing(opened(path)):
        pass


def test_damaged_file_is_reported_as_lost(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(CursorDamagedError, match=r"things\.sqlite is damaged: restore it"):
        opened(path, was_there=True)


def test_damage_found_after_the_first_row_is_reported(path: Path) -> None:
    with closing(opened(path)) as database, database.transaction():
        for number in range(1000):
            database.execute("INSERT INTO things VALUES (?)", f"{number:0100}")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2].ljust(len(content), b"\xff"))
    with (
        closing(opened(path, was_there=True)) as database,
        pytest.raises(CursorDamagedError, match=r"things\.sqlite is damaged: restore it"),
    ):
        database.execute("SELECT thing FROM things")


def test_locked_file_is_not_reported_as_lost(path: Path) -> None:
    with closing(opened(path)) as other, closing(opened(path)) as database:
        other.execute("BEGIN IMMEDIATE")
        database.execute("PRAGMA busy_timeout = 0")
        with pytest.raises(StorageError, match=r"things\.sqlite: database is locked"):
            database.execute("INSERT INTO things VALUES ('x')")
        other.execute("COMMIT")
        database.execute("INSERT INTO things VALUES ('x')")
