"""Connector `table`: spreadsheets."""

import zipfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.sdk.attempts import MOST_ATTEMPTS, REFUSED
from connectors.sdk.testing import run_until_idle
from connectors.sdk.testing.kill_injector import Killed
from connectors.table.config import TableConfig
from connectors.table.spreadsheet_rows import SpreadsheetRows
from models.reasons import Reason
from tests.support.tables import (
    COLUMNS,
    calls_of,
    expected,
    read,
    row,
    rows,
    stored,
    table_harness,
    write_ods,
    write_xlsx,
)


@pytest.mark.parametrize("suffix", ["xlsx", "ods"])
def test_spreadsheet_is_read_with_its_types(tmp_path: Path, suffix: str) -> None:
    harness = table_harness(tmp_path, f"*.{suffix}")
    typed: list[Sequence[Any]] = [COLUMNS]
    for number, cells in enumerate(rows(range(6))):
        at = datetime.strptime(cells[3], "%d/%m/%Y %H:%M:%S")  # noqa: DTZ007 - cells have no time zone
        typed.append((*cells[:3], at, number, *cells[5:]))
    typed.insert(3, [""] * 7)
    (write_xlsx if suffix == "xlsx" else write_ods)(tmp_path / f"in/a.{suffix}", typed)
    events = harness.read_all(confirm=True)
    assert calls_of(events) == expected(range(6))
    assert sorted(event.model_dump()["data"]["wait_seconds"] for event in events if event.type != "call.queued") == [
        *range(6)
    ]
    assert harness.rejected() == {}
    assert read(harness) == expected([])


def test_bad_row_of_a_spreadsheet_is_rejected_with_its_row(tmp_path: Path) -> None:
    harness = table_harness(tmp_path, "*.xlsx")
    write_xlsx(tmp_path / "in/a.xlsx", [COLUMNS, row(0), row(1, queue="Inconnue"), (), row(2, at="hier")])
    assert read(harness) == expected([0])
    assert stored(harness) == [
        (Reason.UNKNOWN_ENUM, "Nb. file: not in values.queue", "row 3"),
        (Reason.INVALID_FIELD, "Début d'appel: not a time of the format %d/%m/%Y %H:%M:%S", "row 5"),
    ]


def test_rows_that_are_numbered_in_advance_can_be_ignored(tmp_path: Path) -> None:
    ignored = {"ignored": {"Début d'appel": [""], "Résultat": ["Essai", ""]}}
    harness, path = table_harness(tmp_path, "*.xlsx", **ignored), tmp_path / "in/a.xlsx"
    numbered: list[Sequence[Any]] = [("A2",), ("A3",), ("", "", "", "", 0), ("", "", "", "", 12.5, "", "Total")]
    write_xlsx(path, [COLUMNS, row(0), row(1), *numbered])
    assert read(harness) == expected(range(2))
    write_xlsx(path, [COLUMNS, *rows(range(3)), *numbered[1:]])
    assert read(harness) == expected([2])
    assert harness.rejected() == {}


@pytest.mark.parametrize(("sheet", "content"), [("Absente", None), ("", b"PK\3\4 no zip")])
def test_unusable_spreadsheet_is_reported_and_read_once_it_is_right(
    tmp_path: Path, sheet: str, content: bytes | None
) -> None:
    harness = table_harness(tmp_path, "*.xlsx", sheet=sheet)
    path = tmp_path / "in/a.xlsx"
    write_xlsx(path, [COLUMNS, *rows(range(2))])
    if content is not None:
        path.write_bytes(content)
    with harness.opened() as (flow, publisher):
        run_until_idle(flow, harness.records_read)
        assert publisher.events == []
        assert flow.trouble.startswith(f"{path}: it ")
    write_xlsx(path, [COLUMNS, *rows(range(2))], sheet or "Appels")
    assert read(harness) == expected(range(2))


def test_mark_of_an_open_workbook_is_not_read(tmp_path: Path) -> None:
    harness = table_harness(tmp_path, "*.xlsx")
    write_xlsx(tmp_path / "in/a.xlsx", [COLUMNS, row(1)])
    (tmp_path / "in/~$a.xlsx").write_bytes(b"\x07exemple")
    with harness.opened() as (flow, publisher):
        run_until_idle(flow, harness.records_read)
        assert calls_of(publisher.events) == expected([1])
        assert flow.trouble == ""


def test_spreadsheet_dropped_again_with_more_rows_gives_only_those(tmp_path: Path) -> None:
    harness = table_harness(tmp_path, "*.xlsx")
    write_xlsx(tmp_path / "in/a.xlsx", [COLUMNS, *rows(range(5))])
    assert read(harness) == expected(range(5))
    write_xlsx(tmp_path / "in/a.xlsx", [COLUMNS, *rows(range(15))])
    write_xlsx(tmp_path / "in/b.xlsx", [COLUMNS, *rows(range(15))])
    assert read(harness) == expected(range(5, 15))


def test_spreadsheet_that_ends_the_process_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    harness = table_harness(tmp_path, "*.xlsx")
    for name, number in (("a", 1), ("b", 2)):
        write_xlsx(tmp_path / f"in/{name}.xlsx", [COLUMNS, row(number)])
    read_sheet = SpreadsheetRows.__init__

    def end_process(sheet: SpreadsheetRows, path: Path, config: TableConfig) -> None:
        if path.name == "a.xlsx":
            raise Killed
        read_sheet(sheet, path, config)

    monkeypatch.setattr(SpreadsheetRows, "__init__", end_process)
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(Killed):
            harness.read_all(confirm=True)
    with harness.opened() as (flow, publisher):
        run_until_idle(flow, harness.records_read)
        assert calls_of(publisher.events) == expected([2])
        assert flow.trouble == f"{tmp_path}/in/a.xlsx: {REFUSED}"


@pytest.mark.parametrize(
    ("cut_after", "problem"),
    [
        (b"</table:table-row>", "it is incomplete or encrypted"),
        (b"<table:table ", "it is incomplete or encrypted"),
        (b"", "it is not a readable spreadsheet (BadZipFile)"),
    ],
)
def test_incomplete_opendocument_file_is_reported(tmp_path: Path, cut_after: bytes, problem: str) -> None:
    harness = table_harness(tmp_path, "*.ods", settle_seconds=0)
    path = tmp_path / "in/a.ods"
    write_ods(path, [COLUMNS, row(1)])
    if cut_after:
        with zipfile.ZipFile(path) as book:
            parts = {name: book.read(name) for name in book.namelist()}
        content = parts["content.xml"]
        parts["content.xml"] = content[: content.index(b">", content.index(cut_after) + len(cut_after) - 1) + 1]
        with zipfile.ZipFile(path, "w") as book:
            for name, part in parts.items():
                book.writestr(name, part)
    else:
        path.write_bytes(path.read_bytes()[:-30])
    with harness.opened() as (flow, _):
        run_until_idle(flow, harness.records_read)
        assert flow.trouble == f"{path}: {problem}"
