"""The SQL connector on SQLite files."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from connectors.sdk.errors import CursorDamagedError, SourceMisconfiguredError, SourceUnavailableError
from connectors.sdk.testing import ConnectorHarness
from connectors.sdk.testing.harness import run_until_idle
from connectors.sql import CONNECTOR, source
from connectors.sql.sample import SAMPLE
from models.reasons import Reason
from tests.support.sql_calls import MAPPING, last_facts


def execute(path: Path, statement: str, *rows: tuple[Any, ...]) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        if rows:
            connection.executemany(statement, rows)
        else:
            connection.execute(statement)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "appels d'essai?#.db"
    execute(path, "CREATE TABLE calls (call_id, caller, queue, queued_at, answered_at, ended_at, changed_at)")
    return path


def add(path: Path, *calls: tuple[str, str]) -> None:
    """Insert rows, each with the id of its call and the time of its change."""
    execute(path, "INSERT INTO calls VALUES (?, NULL, 'rsa', '2026-03-16 09:00:00', NULL, NULL, ?)", *calls)


def make_harness(path: Path, **changes: Any) -> ConnectorHarness:
    url = "sqlite:///" + str(path).replace("?", "%3F")
    options = {"url": url, "table": "calls", "since": "changed_at", "poll_seconds": 1, **MAPPING, **changes}
    return ConnectorHarness(CONNECTOR, options, path.parent / "data", path.parent / "keys")


def error_of(harness: ConnectorHarness) -> SourceUnavailableError:
    with pytest.raises(SourceUnavailableError) as caught:
        harness.read_all(confirm=False)
    return caught.value


def test_times_that_are_texts_have_an_overlap(path: Path) -> None:
    harness = make_harness(path)
    add(path, ("C-1", "2026-03-16 09:10:00.250"), ("C-2", "2026-03-16 09:00:00.000"))
    assert {*last_facts(harness.read_all(confirm=True))} == {"C-1", "C-2"}
    add(path, ("C-3", "2026-03-16 09:09:00.250"), ("C-4", "2026-03-16 09:08:59.999"))
    assert {*last_facts(harness.read_all(confirm=True))} == {"C-3"}


def test_writers_are_not_hindered_between_two_reads(path: Path) -> None:
    harness = make_harness(path)
    add(path, ("C-1", "2026-03-16 09:10:00"))
    with harness.opened() as (flow, _):
        run_until_idle(flow, harness.records_read)
        execute(path, "UPDATE calls SET queue = 'pmi'")


def test_file_is_not_created_and_not_changed(path: Path) -> None:
    error = error_of(make_harness(path.with_name("absent.db")))
    assert "cannot be opened" in str(error)
    assert not path.with_name("absent.db").exists()
    path.chmod(0o400)
    add_nothing = path.read_bytes()
    assert make_harness(path).read_all(confirm=True) == []
    assert path.read_bytes() == add_nothing


def test_file_that_is_no_database(path: Path) -> None:
    path.write_text("call_id,queued_at\n" * 1000)
    error = error_of(make_harness(path))
    assert type(error) is SourceMisconfiguredError
    assert "is not a database" in str(error)


def test_query_that_takes_too_long_is_ended(path: Path) -> None:
    add(path, *((f"C-{number}", "2026-03-16 09:10:00") for number in range(3000)))
    query = "SELECT a.* FROM calls a, calls b, calls c WHERE a.call_id || b.call_id || c.call_id = ''"
    error = error_of(make_harness(path, table="", query=query, since="", timeout_seconds=1))
    assert "needs more than timeout_seconds (1 s)" in str(error)


def test_bytes_that_are_no_text_hide_no_other_row(path: Path) -> None:
    add(path, ("C-1", "2026-03-16 09:10:00"), ("C-2", "2026-03-16 09:10:00"))
    execute(path, "UPDATE calls SET queue = CAST(x'e9e8' AS TEXT) WHERE call_id = 'C-1'")
    harness = make_harness(path)
    assert {*last_facts(harness.read_all(confirm=True))} == {"C-2"}
    assert harness.rejected() == {Reason.UNKNOWN_ENUM: 1}


@pytest.mark.parametrize("value", [b"\x00", 7, "A", 1.5])
def test_values_of_other_types_in_the_cursor_column(path: Path, value: Any) -> None:
    add(path, ("C-1", value))
    harness = make_harness(path)
    assert len(harness.read_all(confirm=True)) == 1
    add(path, ("C-2", value))
    assert {*last_facts(harness.read_all(confirm=True))} == {"C-2"}


def test_long_query_is_continued_by_another_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "STREAM_SECONDS", 0.0)
    add(path, *((f"C-{number}", f"2026-03-16 {number // 60 % 24:02}:{number % 60:02}:00") for number in range(1000)))
    assert len(make_harness(path, page_rows=10).read_all(confirm=True)) == 1000


def test_probe_reads_the_first_rows(path: Path) -> None:
    add(path, ("C-1", "2026-03-16 09:10:00"), ("C-2", "2026-03-16 09:10:00"))
    execute(path, "UPDATE calls SET queue = 'unknown' WHERE call_id = 'C-2'")
    result = make_harness(path).probe()
    assert (result.records, result.events, result.rejected) == (2, {"call.queued": 1}, {Reason.UNKNOWN_ENUM: 1})
    assert result.trouble == ""


@pytest.mark.parametrize("read", [(), (("C-1", "2026-03-16 09:10:00"),)])
def test_probe_reports_rows_that_are_not_read(path: Path, read: tuple[tuple[str, str], ...]) -> None:
    add(path, *read, ("C-2", "2026-03-16 09:10:00"))
    execute(path, "UPDATE calls SET changed_at = NULL WHERE call_id = 'C-2'")
    result = make_harness(path).probe()
    assert result.records == len(read)
    assert result.trouble.startswith("rows without a value in changed_at are not read")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.csv", "call_id;queue\nC-1;Aide à l'enfance\n"),
        ("rows.csv", "\ufeffcall_id,queue\nC-1,Aide à l'enfance\n"),
        ("rows.json", '[{"call_id": "C-1", "queue": "Aide à l\'enfance"}]'),
    ],
)
def test_sample_of_rows_in_a_file(path: Path, name: str, content: str) -> None:
    sample = path.with_name(name)
    sample.write_text(content, encoding="utf-8")
    (record,) = SAMPLE.read(make_harness(path).config, sample)
    assert record.fields == {"call_id": "C-1", "queue": "Aide à l'enfance"}


def test_damaged_position_is_reported(path: Path) -> None:
    harness = make_harness(path)
    add(path, ("C-1", "2026-03-16 09:10:00"))
    harness.read_all(confirm=True)
    execute(harness.directory / "records.db", "UPDATE positions SET position = 'x'")
    with pytest.raises(CursorDamagedError, match="run accueil connectors reread"):
        harness.read_all(confirm=True)
    assert harness.start_reread()
    assert len(harness.read_all(confirm=True)) == 1
