"""Connector `table`: files of many forms, which grow, change and disappear; each row counts once."""

import os
import re
import signal
import time
import tomllib
import traceback
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from textwrap import dedent
from typing import Any

import pytest
import structlog

from connectors import table
from connectors.sdk import rejects
from connectors.sdk.attempts import MOST_ATTEMPTS, REFUSED
from connectors.sdk.contract import Reject
from connectors.sdk.errors import SourceMisconfiguredError
from connectors.sdk.flow import map_or_reject
from connectors.sdk.mapping.record_mapping import RecordMapping
from connectors.sdk.testing import Conformance, ConnectorHarness, run_until_idle
from connectors.sdk.testing.hostile import hostile_fields
from connectors.sdk.testing.kill_injector import Killed
from connectors.table.config import TableConfig
from connectors.table.spreadsheet_rows import SpreadsheetRows
from models.codec import encode
from models.events import Event
from models.identities import PseudonymKey
from models.reasons import Reason
from tests.support.tables import (
    COLUMNS,
    FIRST,
    OPTIONS,
    csv_text,
    lines,
    row,
    rows,
    table_harness,
    write_ods,
    write_xlsx,
)
from tests.support.topic_file import Topic

PERSONAL = ("Mireille Exemple", "mireille.exemple@example.org", "06 39 98 55 11")


class TestConformance(Conformance):
    connector = table.CONNECTOR
    readme = Path(table.__file__).with_name("README.md")
    personal = PERSONAL

    def options(self, directory: Path) -> dict[str, Any]:
        return {**OPTIONS, "files": str(directory / "*.csv")}

    def supply(self, directory: Path, part: int, parts: int) -> None:
        name, address, phone = PERSONAL
        whole = rows(range(60))
        whole[7] = row(7, phone=phone, comment=f"{name} {address}")
        whole[20:20] = [
            (name,),
            row(900, queue=address),
            row(901, at=phone),
            row(902, wait=phone),
            row(903, result=name),
            row(904, call=""),
            row(905, result="Essai"),
            (*row(906), phone),
        ]
        size = -(-len(whole) // parts)
        with (directory / "appels.csv").open("a", encoding="utf-8", newline="") as file:
            if file.tell() == 0:
                file.write(lines([COLUMNS]))
            file.write(lines(whole[part * size : (part + 1) * size]))

    def supply_hostile(self, directory: Path) -> None:
        line = ";".join(row(999)).encode()
        with (directory / "appels.csv").open("ab") as file:
            for hostile in hostile_fields(line, b";"):
                file.write(hostile.replace(b"\n", b" ") + b"\r\n")

    def filled(self, raw: Any, value: str) -> Iterator[Any]:
        options = {**OPTIONS, "files": "/srv/*.csv"}
        config = TableConfig.model_validate(options)
        mapping = RecordMapping("table/essai", config, PseudonymKey("general", b"k" * 32))
        now = datetime.now(UTC)
        for number in (1, 3):
            record = dict(zip(COLUMNS, row(number), strict=True))
            for name in COLUMNS:
                yield map_or_reject(
                    lambda item: mapping.map(item, now),
                    lambda _, reason, detail: Reject(reason, b"", detail),
                    mapping.prepare(record | {name: value}),
                    now,
                )


def calls_of(events: Sequence[Event]) -> Counter[datetime]:
    """Return the number of events `call.queued` by the time of the call."""
    return Counter(event.time for event in events if event.type == "call.queued")


def expected(numbers: range | Sequence[int]) -> Counter[datetime]:
    """Return the result of `calls_of` if each of these calls was read once."""
    return Counter(FIRST + timedelta(minutes=number) for number in numbers)


def stored(harness: ConnectorHarness) -> list[tuple[Reason, str, str]]:
    """Return reason, detail and line of the stored rejects."""
    return [
        (item.reject.reason, item.reject.detail, item.reject.context.decode().rpartition(", ")[2])
        for item in rejects.read(harness.directory)
    ]


def read(harness: ConnectorHarness) -> Counter[datetime]:
    """Return the calls that a run of the connector publishes; all are confirmed."""
    return calls_of(harness.read_all(confirm=True))


# ------------------------------------------------------------------------------------------------------------------ forms
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encoding_and_delimiter_are_recognised(tmp_path: Path, encoding: str, delimiter: str, end: str) -> None:
    harness = table_harness(tmp_path)
    (tmp_path / "in/a.csv").write_bytes(csv_text(range(9), delimiter, end).encode(encoding))
    events = harness.read_all(confirm=True)
    assert calls_of(events) == expected(range(9))
    assert {event.model_dump()["data"]["queue"] for event in events if event.type == "call.queued"} == {"mdph", "ete"}
    assert harness.rejected() == {}


@pytest.mark.parametrize(
    ("named", "written"),
    [
        ("utf-8", "utf-8-sig"),
        ("utf-16-le", "utf-16"),
        ("utf-16", "utf-16"),
        ("cp1252", "cp1252"),
        ("latin-1", "latin-1"),
    ],
)
def test_named_encoding_is_used_also_with_a_byte_order_mark(tmp_path: Path, named: str, written: str) -> None:
    harness = table_harness(tmp_path, encoding=named)
    (tmp_path / "in/a.csv").write_bytes(csv_text(range(4)).encode(written))
    assert read(harness) == expected(range(4))


def test_lines_may_have_different_encodings(tmp_path: Path) -> None:
    harness = table_harness(tmp_path)
    content = csv_text(range(3)).encode() + lines(rows(range(3, 6))).encode("cp1252") + lines(rows([6])).encode()
    (tmp_path / "in/a.csv").write_bytes(content)
    assert read(harness) == expected(range(7))


def test_quoted_values_may_contain_delimiters_quotation_marks_and_line_ends(tmp_path: Path) -> None:
    harness = table_harness(tmp_path)
    comment = '"Il a dit ""oui"";\r\npuis ""non"";\n\nvoilà"'
    (tmp_path / "in/a.csv").write_text(lines([COLUMNS, row(0, comment=comment), row(1)]), encoding="utf-8", newline="")
    assert read(harness) == expected(range(2))
    assert stored(harness) == []


@pytest.mark.parametrize("blank", ["", "   ", ";;;;;;", " ; ;;;;;", "\t"])
def test_blank_lines_are_skipped(tmp_path: Path, blank: str) -> None:
    harness = table_harness(tmp_path)
    content = lines([COLUMNS, row(0), (blank,), row(1), (blank,)])
    (tmp_path / "in/a.csv").write_text(content, encoding="utf-8", newline="")
    assert read(harness) == expected(range(2))
    assert stored(harness) == []


def test_rows_with_other_numbers_of_columns_are_rejected_each_with_its_line(tmp_path: Path) -> None:
    harness = table_harness(tmp_path)
    bad = [row(1)[:-1], (*row(2), ""), ("x",), (*row(3), "", "")]
    (tmp_path / "in/a.csv").write_text(lines([COLUMNS, row(0), *bad, row(4)]), encoding="utf-8", newline="")
    assert read(harness) == expected([0, 4])
    assert stored(harness) == [
        (Reason.UNREADABLE_LINE, f"{count} columns instead of 7", f"line {line}")
        for line, count in ((3, 6), (4, 8), (5, 1), (6, 9))
    ]
    assert read(harness) == expected([])


def test_stray_quotation_mark_costs_only_its_own_row(tmp_path: Path) -> None:
    harness = table_harness(tmp_path)
    content = lines([COLUMNS, row(0), row(1, comment='"jamais fermé'), *rows(range(2, 400))])
    (tmp_path / "in/a.csv").write_text(content, encoding="utf-8", newline="")
    assert read(harness) == expected([0, *range(2, 400)])
    assert [(reason, place) for reason, _, place in stored(harness)] == [(Reason.UNREADABLE_LINE, "line 3")]


def test_stray_quotation_mark_at_the_end_costs_only_its_own_row(tmp_path: Path) -> None:
    harness = table_harness(tmp_path)
    content = lines([COLUMNS, row(0), row(1, comment='"jamais fermé'), row(2)])
    (tmp_path / "in/a.csv").write_text(content, encoding="utf-8", newline="")
    assert read(harness) == expected([0, 2])
    assert [place for _, _, place in stored(harness)] == ["line 3"]


@pytest.mark.parametrize("last", [2, 4])
def test_rows_between_two_stray_quotation_marks_do_not_disappear(tmp_path: Path, last: int) -> None:
    harness = table_harness(tmp_path)
    between = rows(range(2, last))
    stray = [row(1, comment='"rappeler'), *between, row(last, comment='demain"')]
    content = lines([COLUMNS, row(0), *stray, *rows(range(5, 9))])
    (tmp_path / "in/a.csv").write_text(content, encoding="utf-8", newline="")
    assert read(harness) == expected([0, *range(5, 9)])
    assert [(reason, place) for reason, _, place in stored(harness)] == [(Reason.UNREADABLE_LINE, "line 3")]
    (reject,) = rejects.read(harness.directory)
    assert all(f"A{number}" in reject.reject.record.decode() for number in range(1, last + 1))


def test_last_line_of_a_quoted_first_column_may_look_like_a_row(tmp_path: Path) -> None:
    columns = ("Note", *COLUMNS)
    harness = table_harness(tmp_path)
    content = lines([columns, ('"rappeler;\ndemain"', *row(0)), ("", *row(1))])
    (tmp_path / "in/a.csv").write_text(content, encoding="utf-8", newline="")
    assert read(harness) == expected(range(2))


def test_quoted_value_cannot_contain_rows_that_count(tmp_path: Path) -> None:
    harness = table_harness(tmp_path)
    forged = ";".join(row(5))
    content = lines([COLUMNS, row(0), row(1, comment=f'"bonjour\n{forged}\nau revoir"'), row(2)])
    (tmp_path / "in/a.csv").write_text(content, encoding="utf-8", newline="")
    assert read(harness) == expected([0, 2])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "it has no header yet"),
        ("N° appel;Appelant", "it has no header yet"),
        ("\r\n", "it has no header yet"),
        (lines([COLUMNS[1:]]), "it has no column N° appel among 6"),
        (lines([("N° d'appel", *COLUMNS[1:])]), "it has no column N° appel among 7; did you mean N° d'appel?"),
        (
            lines(rows(range(3))),
            "it has no column Appelant, Attente (s), Début d'appel, Nb. file, N° appel, Résultat among 7",
        ),
        (lines([COLUMNS[:2]]), "it has no column Attente (s), Début d'appel, Nb. file, Résultat among 2"),
        ('"N° appel;Appelant\r\n' * 300, "it has no readable header"),
        ('"N° appel"x;Appelant\r\n', "it has no readable header"),
        ("N° appel;\rAppelant\r\n", "it has no readable header"),
    ],
)
def test_file_without_a_usable_header_is_reported(tmp_path: Path, content: str, problem: str) -> None:
    harness = table_harness(tmp_path)
    path = tmp_path / "in/a.csv"
    path.write_text(content, encoding="utf-8", newline="")
    (tmp_path / "in/b.csv").write_text(csv_text(range(3)), encoding="utf-8", newline="")
    with harness.opened() as (flow, publisher):
        run_until_idle(flow, harness.records_read)
        assert calls_of(publisher.events) == expected(range(3))
        assert flow.trouble == f"{path}: {problem}"
        publisher.confirm()
    path.write_text(csv_text(range(3, 5)), encoding="utf-8", newline="")
    assert read(harness) == expected(range(3, 5))


def test_fixed_width_file_is_read(tmp_path: Path) -> None:
    widths = (8, 14, 6, 20, 5, 10, 30)
    harness = table_harness(tmp_path, "*.txt", columns=list(COLUMNS), widths=list(widths), skip_lines=1)
    body = ["titre"] + [
        "".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
        for cells in rows(range(5))
    ]
    (tmp_path / "in/a.txt").write_bytes("".join(f"{line}\r\n" for line in body).encode("cp1252"))
    assert read(harness) == expected(range(5))
    assert stored(harness) == []


def test_repeated_and_empty_column_names_get_numbers(tmp_path: Path) -> None:
    names = ("Date", "Date 2", "Date", "", "Date", "column 4")
    events = [{"event": "call.arrived", "time": "Date 2"}]
    options: dict[str, Any] = {"id": "Date", "phone": "Date 4", "queue": None, "time_format": "iso", "events": events}
    harness = table_harness(tmp_path, **options, ignored={})
    cells = ("A1", "2026-03-02 09:00:00", "x", "y", "0639981111", "z")
    (tmp_path / "in/a.csv").write_text(lines([names, cells]), encoding="utf-8", newline="")
    (event,) = harness.read_all(confirm=True)
    assert event.time == FIRST


def test_header_of_many_columns_takes_little_time(tmp_path: Path) -> None:
    harness = table_harness(tmp_path)
    (tmp_path / "in/a.csv").write_text(";" * 60_000 + "x\r\n", encoding="utf-8", newline="")
    with harness.opened() as (flow, _):
        run_until_idle(flow, harness.records_read, most_seconds=2.0)
        assert "it has no column" in flow.trouble


def test_overlong_line_is_rejected_as_a_whole(tmp_path: Path) -> None:
    harness = table_harness(tmp_path)
    tail = ";".join(row(50))
    content = lines([COLUMNS, row(0), ("x" * ((1 << 20) - 0) + tail,), row(1), ("y" * (3 << 20),), row(2)])
    (tmp_path / "in/a.csv").write_text(content, encoding="utf-8", newline="")
    assert read(harness) == expected(range(3))
    assert [place for _, _, place in stored(harness)] == ["line 3", "line 5"]


def test_overlong_line_does_not_stop_a_growing_file(tmp_path: Path) -> None:
    harness = table_harness(tmp_path, settle_seconds=3600)
    content = lines([COLUMNS, row(0), ("x" * (2 << 20),), row(1)])
    (tmp_path / "in/a.csv").write_text(content, encoding="utf-8", newline="")
    assert read(harness) == expected(range(2))


def test_long_field_in_the_first_lines_is_rejected_alone(tmp_path: Path) -> None:
    harness = table_harness(tmp_path)
    content = lines([COLUMNS, row(0), row(1, comment="x" * 200_000), row(2)])
    (tmp_path / "in/a.csv").write_text(content, encoding="utf-8", newline="")
    assert read(harness) == expected([0, 2])


# ----------------------------------------------------------------------------------------------------------- spreadsheets
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


@pytest.mark.parametrize(("sheet", "content"), [("Absente", None), ("", b"PK\3\4 no zip"), ("", b"")])
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


# ---------------------------------------------------------------------------------------------------------------- changes
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


def test_columns_that_are_not_named_stay_inside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    harness = table_harness(tmp_path)
    canary = "Mireille Exemple"
    (tmp_path / "in/a.csv").write_text(
        lines([COLUMNS, row(1, comment=canary), (canary,), row(2, queue=canary)]), "utf-8"
    )
    (tmp_path / "in/b.csv").write_text(lines([row(3, comment=canary), row(4, comment=canary)]), "utf-8")
    (tmp_path / "in/c.csv").write_text(f'"{canary}\n' * 300, "utf-8")
    with structlog.testing.capture_logs() as logs, harness.opened() as (flow, publisher):
        run_until_idle(flow, harness.records_read)
        outside = [flow.trouble, str(logs), caplog.text, *(encode(event).decode() for event in publisher.events)]
    outside += [detail + place for _, detail, place in stored(harness)]
    assert len(stored(harness)) == 2
    assert "Mireille" not in "\n".join(outside)


# ------------------------------------------------------------------------------------------------------------------ kills
def _run_and_kill(harness: ConnectorHarness, topic: Path, after_seconds: float | None) -> bool:
    """Run the connector in a child process, with a file as its topic, and kill it; without `after_seconds`, let it end.

    Return whether it was killed before its end.
    """
    child = os.fork()
    if child == 0:
        try:
            with harness.opened_with(Topic(topic)) as flow:
                for _ in range(5):  # a page of known rows looks idle
                    run_until_idle(flow, harness.records_read)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the child must not continue as a second pytest
            traceback.print_exc()
            os._exit(1)
    if after_seconds is not None:
        time.sleep(after_seconds)
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in {0, -signal.SIGKILL}
    assert after_seconds is not None or code == 0
    return code != 0


def test_killed_at_random_moments_gives_each_row_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sdk.attempts.MOST_ATTEMPTS", 1_000)  # else a row killed three times is set aside
    count, kills = 8_000, 20
    table_rows = [
        row(number, queue="Inconnue") if number % 1000 == 500 else row(number, comment='"a\nb"')
        for number in range(count)
    ]
    good = [number for number in range(count) if number % 1000 != 500]
    content = lines([COLUMNS, *table_rows]).encode()
    plain = table_harness(tmp_path / "plain", settle_seconds=3600)
    (tmp_path / "plain/in/a.csv").write_bytes(content)
    whole = plain.read_all(confirm=True)
    assert calls_of(whole) == expected(good)
    harness, random, killed = table_harness(tmp_path, settle_seconds=3600), Random(8), 0
    for run in range(kills + 1):
        size = len(content) if run == kills else random.randrange(len(content) * run // kills, len(content))
        (tmp_path / "in/a.csv").write_bytes(content[:size])  # also shorter than before: rewritten from its beginning
        topic = tmp_path / f"topic-{run}"
        killed += _run_and_kill(harness, topic, None if run == kills else random.uniform(0.05, 0.4))
    assert killed > kills / 2
    events = dict[str, str]()
    for topic in sorted(tmp_path.glob("topic-*")):
        for line in topic.read_text("utf-8").splitlines(keepends=True):
            if line.endswith("\n"):
                event = line.split(" ", 1)[0]
                assert events.setdefault(event, line) == line
    assert events.keys() == {event.id for event in whole}
    bad = {item.reject.record for item in rejects.read(harness.directory)}
    assert bad == {item.reject.record for item in rejects.read(plain.directory)}
    assert len(bad) == 8
    assert read(harness) == expected([])


# ----------------------------------------------------------------------------------------------------------------- README
def readme_examples(page: str) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return the table in the README, and its settings by instance."""
    text = Path(table.__file__).with_name(page).read_text(encoding="utf-8")
    (content,) = re.findall(r"^```csv\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    settings: dict[str, dict[str, Any]] = {}
    for block in re.findall(r"^ *```toml\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        settings.update(tomllib.loads(dedent(block))["connectors"])
    for options in settings.values():
        assert options.pop("connector") == "table"
    return content, settings


@pytest.mark.parametrize("page", ["README.md", "README.fr.md"])
def test_example_of_the_readme_gives_its_events(tmp_path: Path, page: str) -> None:
    content, settings = readme_examples(page)
    options = settings["cdr"] | {"files": str(tmp_path / "*.csv"), "settle_seconds": 0}
    harness = ConnectorHarness(table.CONNECTOR, options, tmp_path / "data", tmp_path / "keys")
    (tmp_path / "a.csv").write_text(content, encoding="utf-8")
    assert [event.type for event in harness.read_all(confirm=True)] == [
        "call.queued",
        "call.answered",
        "call.ended",
        "call.queued",
        "call.abandoned",
    ]
    assert harness.rejected() == {}


@pytest.mark.parametrize("page", ["README.md", "README.fr.md"])
def test_fixed_width_and_spreadsheet_examples_of_the_readme_give_their_events(tmp_path: Path, page: str) -> None:
    _, settings = readme_examples(page)
    options = settings["taxation"] | {"files": str(tmp_path / "*.txt"), "settle_seconds": 0}
    harness = ConnectorHarness(table.CONNECTOR, options, tmp_path / "data", tmp_path / "keys")
    (tmp_path / "a.txt").write_text("20260316090005    4711  7001   30  215\n20260316090100    4712  7001  150    0\n")
    assert [event.type for event in harness.read_all(confirm=True)] == ["call.queued", "call.answered", "call.queued"]
    options = settings["registre"] | {"files": str(tmp_path / "*.xlsx"), "settle_seconds": 0}
    harness = ConnectorHarness(table.CONNECTOR, options, tmp_path / "sheets", tmp_path / "keys")
    header = ("N°", "Reçu le", "Service", "Répondu le")
    received, answered = datetime(2026, 3, 2, 9), datetime(2026, 3, 9, 10)  # noqa: DTZ001 - cells have local times
    letters = [("Registre",), (), header, (17, received, "Action sociale", answered), (18, received, "Autre", "")]
    write_xlsx(tmp_path / "a.xlsx", letters, "Arrivée")
    events = harness.read_all(confirm=True)
    assert [(event.type, event.service) for event in events] == [
        ("letter.arrived", "social"),
        ("letter.answered", "social"),
        ("letter.arrived", "autres"),
    ]
