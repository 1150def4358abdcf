"""Connector `table`: files that grow, change and disappear; each row counts once."""

import glob
import gzip
import os
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.sdk.errors import ConfigError, SourceMisconfiguredError
from connectors.sdk.record_store import RecordStore
from connectors.sdk.testing import run_until_idle
from connectors.table.source import FORGET_SECONDS, FilePosition
from tests.support.processes import wait_until
from tests.support.tables import (
    COLUMNS,
    calls_of,
    csv_text,
    expected,
    lines,
    read,
    row,
    rows,
    stored,
    table_harness,
    write_xlsx,
)


def put(path: Path, content: str, age_seconds: float = 100) -> None:
    """Write a file that looks unchanged for `age_seconds`."""
    path.write_text(content, encoding="utf-8", newline="")
    at = datetime.now(UTC).timestamp() - age_seconds
    os.utime(path, (at, at))


def test_file_that_grows_gives_each_row_once(tmp_path: Path) -> None:
    harness, path = table_harness(tmp_path, settle_seconds=3600), tmp_path / "in/a.csv"
    content = csv_text(range(30)).encode()
    found = Counter[datetime]()
    for end in range(0, len(content), 37):
        path.write_bytes(content[:end])
        found += read(harness)
    path.write_bytes(content)
    assert found + read(harness) == expected(range(30))
    assert harness.rejected() == {}


def test_growing_file_of_wide_characters_gives_each_row_once(tmp_path: Path) -> None:
    harness, path = table_harness(tmp_path, settle_seconds=3600), tmp_path / "in/a.csv"
    content = csv_text(range(10)).encode("utf-16")
    found = Counter[datetime]()
    for end in (*range(0, len(content), 151), len(content)):
        path.write_bytes(content[:end])
        found += read(harness)
    assert found == expected(range(10))
    assert harness.rejected() == {}


def test_last_line_without_an_end_is_read_once_it_is_settled(tmp_path: Path) -> None:
    harness, path = table_harness(tmp_path, settle_seconds=50), tmp_path / "in/a.csv"
    content = csv_text(range(3)).rstrip()
    put(path, content, age_seconds=0)
    assert read(harness) == expected(range(2))
    put(path, content)
    assert read(harness) == expected([2])
    put(path, content + "\r\n" + lines(rows([3])))
    assert read(harness) == expected([3])


def test_settled_last_line_that_goes_on_is_read_again_as_a_whole(tmp_path: Path) -> None:
    harness, path = table_harness(tmp_path, settle_seconds=50), tmp_path / "in/a.csv"
    whole = csv_text(range(3)).rstrip("\r\n") + "rappeler;;"[:-2] + "\r\n"
    put(path, whole[: whole.rindex(";Aband")] if ";Aband" in whole.splitlines()[-1] else whole[: whole.rindex(";")])
    assert read(harness) == expected(range(2))
    assert len(stored(harness)) == 1
    put(path, whole)
    assert read(harness) == expected([2])
    assert len(stored(harness)) == 1


@pytest.mark.parametrize("how", ["dropped again", "renamed", "copied", "touched", "rewritten in another encoding"])
def test_same_rows_count_once(tmp_path: Path, how: str) -> None:
    harness, path = table_harness(tmp_path), tmp_path / "in/a.csv"
    put(path, csv_text(range(50)))
    assert read(harness) == expected(range(50))
    match how:
        case "dropped again":
            path.unlink()
            assert read(harness) == expected([])
            put(path, csv_text(range(50)), 0)
        case "renamed":
            path.rename(tmp_path / "in/b.csv")
        case "copied":
            put(tmp_path / "in/b.csv", csv_text(range(50)))
        case "touched":
            path.touch()
        case _:
            path.write_bytes(csv_text(range(50), ",", "\n").encode("cp1252"))
    assert read(harness) == expected([])
    assert harness.rejected() == {}


@pytest.mark.parametrize("name", ["a.csv", "b.csv"])
def test_ten_rows_more_give_ten_more(tmp_path: Path, name: str) -> None:
    harness = table_harness(tmp_path)
    put(tmp_path / "in/a.csv", csv_text(range(50)))
    assert read(harness) == expected(range(50))
    put(tmp_path / "in" / name, csv_text([*range(50, 55), *range(50), *range(55, 60)]), 0)
    assert read(harness) == expected(range(50, 60))


def test_file_rewritten_in_place_with_other_rows_is_read_from_its_beginning(tmp_path: Path) -> None:
    harness, path = table_harness(tmp_path), tmp_path / "in/a.csv"
    put(path, csv_text(range(50)))
    assert read(harness) == expected(range(50))
    put(path, csv_text(range(100, 150)), 0)
    assert read(harness) == expected(range(100, 150))
    put(path, csv_text(range(200, 203)), 0)
    assert read(harness) == expected(range(200, 203))


def test_contact_of_a_corrected_row_is_replaced(tmp_path: Path) -> None:
    harness, path = table_harness(tmp_path), tmp_path / "in/a.csv"
    put(path, csv_text([4]))
    first = harness.read_all(confirm=True)
    put(path, lines([COLUMNS, row(4, wait="9")]), 0)
    second = harness.read_all(confirm=True)
    assert {event.subject for event in first} == {"call:table/essai:A4"}
    assert [(event.type, event.subject.rpartition(":")[2]) for event in second] == [
        ("contact.retracted", "A4"),
        ("call.queued", "A4-v2"),
        ("call.answered", "A4-v2"),
    ]


def test_file_deleted_while_it_is_read_is_read_up_to_its_end(tmp_path: Path) -> None:
    harness, path = table_harness(tmp_path), tmp_path / "in/a.csv"
    put(path, csv_text(range(9000)))
    with harness.opened() as (flow, publisher):
        flow.step()
        assert 0 < harness.records_read() < 9000
        path.unlink()
        run_until_idle(flow, harness.records_read)
        publisher.confirm()
        assert calls_of(publisher.events) == expected(range(9000))
    assert read(harness) == expected([])


def test_file_replaced_while_it_is_read_gives_the_rows_of_both(tmp_path: Path) -> None:
    harness, path = table_harness(tmp_path), tmp_path / "in/a.csv"
    put(path, csv_text(range(9000)))
    with harness.opened() as (flow, publisher):
        flow.step()
        other = tmp_path / "new"
        put(other, csv_text(range(8990, 9010)), 0)
        other.replace(path)
        run_until_idle(flow, harness.records_read)
        publisher.confirm()
        found = calls_of(publisher.events)
    assert found + read(harness) == expected(range(9010))


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_file_rewritten_in_place_while_it_is_read_gives_no_mixed_row(tmp_path: Path, kept: int) -> None:
    harness, path = table_harness(tmp_path), tmp_path / "in/a.csv"
    content = csv_text(range(9000))
    put(path, content)
    with harness.opened() as (flow, publisher):
        flow.step()
        shifted = lines([COLUMNS, *(row(number, comment="x" * (number % 7)) for number in range(20_000, 29_000))])
        put(path, shifted[: len(shifted) * kept // 3], 0)
        run_until_idle(flow, harness.records_read)
        put(path, shifted, 0)
        publisher.confirm()
        found = calls_of(publisher.events)
    found += read(harness)
    known = expected(range(9000)) + expected(range(20_000, 29_000))
    assert not found - known
    assert expected(range(20_000, 29_000)) - found == Counter()
    assert not [detail for _, detail, place in stored(harness) if not detail.endswith("columns instead of 7")]


@pytest.mark.parametrize("problem", ["permission", "handle"])
def test_file_that_cannot_be_opened_is_tried_again(
    tmp_path: Path, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness, path = table_harness(tmp_path), tmp_path / "in/a.csv"
    put(path, csv_text(range(3)))
    put(tmp_path / "in/b.csv", csv_text(range(3, 5)))
    refused = (
        PermissionError(13, "Permission denied") if problem == "permission" else OSError(24, "Too many open files")
    )
    open_path = Path.open

    def refuse(opened: Path, *how: Any) -> Any:
        if opened == path:
            raise refused
        return open_path(opened, *how)

    monkeypatch.setattr("connectors.table.source.LIST_SECONDS", 0.0)
    with harness.opened() as (flow, publisher):
        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", refuse)
            run_until_idle(flow, harness.records_read)
            assert calls_of(publisher.events) == expected(range(3, 5))
            assert flow.trouble.startswith(str(path))
        run_until_idle(flow, harness.records_read)
        assert calls_of(publisher.events) == expected(range(5))
        assert flow.trouble == ""


@pytest.mark.parametrize(
    ("refused", "problem"),
    [
        (PermissionError(13, "Permission denied"), "may not be read by this user"),
        (OSError(116, "Stale file handle"), "Stale file handle"),
    ],
)
def test_file_without_access_is_reported_and_read_later(
    tmp_path: Path, refused: OSError, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory may not be entered, or is on a network share that is away."""
    monkeypatch.setattr("connectors.table.source.LIST_SECONDS", 0.0)
    harness, path = table_harness(tmp_path), tmp_path / "in/a.csv"
    put(path, csv_text(range(3)))
    stat = Path.stat

    def refuse(asked: Path, **how: Any) -> os.stat_result:
        if asked == path:
            raise refused
        return stat(asked, **how)

    with harness.opened() as (flow, publisher):
        with monkeypatch.context() as patch:
            patch.setattr(Path, "stat", refuse)
            run_until_idle(flow, harness.records_read)
            assert flow.trouble.startswith(str(path))
            assert problem in flow.trouble
        run_until_idle(flow, harness.records_read)
        assert calls_of(publisher.events) == expected(range(3))
        assert flow.trouble == ""
        with monkeypatch.context() as patch:
            patch.setattr(Path, "stat", refuse)
            run_until_idle(flow, harness.records_read)
            assert problem in flow.trouble
        run_until_idle(flow, harness.records_read)
        assert flow.trouble == ""
        assert len(publisher.events) == 6


def test_trouble_of_a_file_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.table.source.LIST_SECONDS", 0.0)
    harness, path = table_harness(tmp_path), tmp_path / "in/a.csv"
    put(path, "nothing")
    with harness.opened() as (flow, _):
        run_until_idle(flow, harness.records_read)
        assert flow.trouble
        path.unlink()
        run_until_idle(flow, harness.records_read)
        assert flow.trouble == ""


def test_missing_directory_is_reported(tmp_path: Path) -> None:
    harness = table_harness(tmp_path)
    (tmp_path / "in").rmdir()
    with harness.opened() as (flow, _), pytest.raises(SourceMisconfiguredError, match="in is not there"):
        flow.step()


def test_rotated_files_are_read_without_the_compressed_ones(tmp_path: Path) -> None:
    harness = table_harness(tmp_path, "a.csv*")
    put(tmp_path / "in/a.csv", csv_text(range(3)))
    assert read(harness) == expected(range(3))
    put(tmp_path / "in/a.csv.1", csv_text(range(5)))
    put(tmp_path / "in/a.csv", csv_text(range(5, 7)))
    (tmp_path / "in/a.csv.2.gz").write_bytes(gzip.compress(csv_text(range(9)).encode()))
    with harness.opened() as (flow, publisher):
        run_until_idle(flow, harness.records_read)
        assert calls_of(publisher.events) == expected(range(3, 7))
        assert flow.trouble == ""
    with pytest.raises(ConfigError, match=r"essai\.files must name unpacked files"):
        table_harness(tmp_path, "*.csv.gz")


def test_empty_file_is_no_trouble_and_is_read_once_it_has_rows(tmp_path: Path) -> None:
    harness, path = table_harness(tmp_path), tmp_path / "in/a.csv"
    put(path, csv_text(range(3)))
    assert read(harness) == expected(range(3))
    put(path, "")
    with harness.opened() as (flow, publisher):
        run_until_idle(flow, harness.records_read)
        assert flow.trouble == ""
        assert publisher.events == []
    put(path, csv_text(range(2, 6)))
    assert read(harness) == expected(range(3, 6))


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
def test_file_of_a_server_whose_clock_is_ahead_is_read(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.table.source.LIST_SECONDS", 0.0)
    harness, path = table_harness(tmp_path, name, settle_seconds=0.2), tmp_path / "in" / name
    if name == "a.csv":
        put(path, csv_text(range(3)).removesuffix("\r\n"))
    else:
        write_xlsx(path, [COLUMNS, *rows(range(3))])
    os.utime(path, (time.time() + 7200,) * 2)
    with harness.opened() as (flow, publisher):
        flow.step()
        assert calls_of(publisher.events) == expected(range(2) if name == "a.csv" else ())

        def has_all_rows() -> bool:
            flow.step()
            return calls_of(publisher.events) == expected(range(3))

        wait_until(has_all_rows, "all rows")


def test_check_says_that_no_file_matches(tmp_path: Path) -> None:
    harness, path = table_harness(tmp_path), tmp_path / "in/APPELS.CSV"
    put(path, csv_text(range(3)))
    assert harness.probe().trouble == (
        f"no file matches {tmp_path}/in/*.csv, or all are empty: are upper and lower case right?"
    )
    path.rename(path.with_name("appels.csv"))
    found = harness.probe()
    assert (found.trouble, found.records) == ("", 3)


def test_many_files_that_wait_are_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cisco's servers send a file per minute: after an interruption, thousands wait."""
    listed: list[str] = []
    find = glob.glob

    def count(pattern: str) -> list[str]:
        listed.append(pattern)
        return find(pattern)

    monkeypatch.setattr("connectors.table.source.LIST_SECONDS", 3600.0)
    monkeypatch.setattr(glob, "glob", count)
    harness = table_harness(tmp_path)
    for number in range(50):
        put(tmp_path / f"in/{number:02}.csv", csv_text([number]), age_seconds=100 - number)
    assert read(harness) == expected(range(50))
    assert len(listed) == 1


def test_position_in_a_file_that_is_gone_for_a_week_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the file with the positions would grow for ever if a switchboard writes a file per minute."""
    monkeypatch.setattr("connectors.table.source.LIST_SECONDS", 0.0)
    harness, path = table_harness(tmp_path), tmp_path / "in/a.csv"
    put(path, csv_text(range(3)), age_seconds=FORGET_SECONDS + 100)
    put(tmp_path / "in/b.csv", csv_text(range(3, 5)))

    def positions() -> set[str]:
        with closing(RecordStore(harness.directory)) as store:
            return {Path(name).name for name in store.positions()}

    assert read(harness) == expected(range(5))
    content = path.read_text("utf-8")
    path.unlink()
    assert read(harness) == expected(())
    assert positions() == {"a.csv", "b.csv"}
    monkeypatch.setattr("connectors.table.source.FORGET_SECONDS", 0.0)
    assert read(harness) == expected(())
    assert positions() == {"b.csv"}
    put(path, content)
    (tmp_path / "in/b.csv").unlink()
    assert read(harness) == expected(())
    assert positions() == {"a.csv", "b.csv"}  # the latter has gone only now


def test_old_file_that_is_away_for_a_moment_does_not_undo_corrections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A share may be away while others of the pattern are there."""
    monkeypatch.setattr("connectors.table.source.LIST_SECONDS", 0.0)
    harness, path, away = table_harness(tmp_path), tmp_path / "in/a.csv", tmp_path / "a.csv"
    put(path, lines([COLUMNS, row(1, result="Abandonné")]), age_seconds=2 * FORGET_SECONDS)
    put(tmp_path / "in/b.csv", lines([COLUMNS, row(1)]))
    assert [event.type for event in harness.read_all(confirm=True)] == [
        *("call.queued", "call.abandoned", "contact.retracted"),
        *("call.queued", "call.answered"),
    ]
    for _outage in range(2):
        path.rename(away)
        assert harness.read_all(confirm=True) == []
        away.rename(path)
        assert harness.read_all(confirm=True) == []


def test_time_of_absence_begins_anew_when_a_file_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.table.source.LIST_SECONDS", 0.0)
    harness, path, away = table_harness(tmp_path), tmp_path / "in/a.csv", tmp_path / "a.csv"
    put(path, csv_text(range(3)))
    put(tmp_path / "in/b.csv", csv_text(range(3, 5)))
    assert read(harness) == expected(range(5))

    def gone_at() -> float:
        with closing(RecordStore(harness.directory)) as store:
            return msgspec.msgpack.decode(store.positions()[str(path)], type=FilePosition).gone_at

    path.rename(away)
    before = time.time()
    assert read(harness) == expected(())
    assert before <= gone_at() <= time.time()
    away.rename(path)
    assert read(harness) == expected(())
    assert gone_at() == 0
