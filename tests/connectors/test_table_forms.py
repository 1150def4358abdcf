"""Connector `table`: files of many forms, and rows that cannot be read."""

from pathlib import Path
from typing import Any

import pytest

from connectors.sdk import rejects
from connectors.sdk.testing import run_until_idle
from models.reasons import Reason
from tests.support.tables import (
    COLUMNS,
    FIRST,
    calls_of,
    csv_text,
    expected,
    lines,
    read,
    row,
    rows,
    stored,
    table_harness,
)


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
        ("N° appel;Appelant", "it has no header yet"),
        ("\r\n", "it has no header yet"),
        (lines([COLUMNS[1:]]), "it has no column N° appel among 6"),
        (lines([("N° d'appel", *COLUMNS[1:])]), "it has no column N° appel among 7; did you mean N° d'appel?"),
        (
            lines(rows(range(3))),
            "it has no column Appelant, Attente (s), Début d'appel, Nb. file, N° appel, Résultat among 7",
        ),
        (lines([COLUMNS[:2]]), "it has no column Attente (s), Début d'appel, Nb. file, Résultat among 2"),
        (
            lines([("N°\u00a0appel", *COLUMNS[1:])]),
            'it has no column N° appel among 7; its spaces are special: write "N°\\u00A0appel"',
        ),
        (
            lines([COLUMNS]).replace("Nb. file", '"Nb.\nfile"'),
            'it has no column Nb. file among 7; its spaces are special: write "Nb.\\u000Afile"',
        ),
        ('"N° appel;Appelant\r\n' * 300, "it has no readable header: are delimiter and encoding right?"),
        ('"N° appel"x;Appelant\r\n', "it has no readable header: are delimiter and encoding right?"),
        ("N° appel;\rAppelant\r\n", "it has no readable header: are delimiter and encoding right?"),
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
    assert [detail for _, detail, _ in stored(harness)] == ["a value longer than 131072 characters"]


def test_quotation_mark_that_is_not_doubled_is_named(tmp_path: Path) -> None:
    harness = table_harness(tmp_path)
    content = lines([COLUMNS, row(0), row(1, comment='"rappeler "demain" svp"'), row(2, comment='"a ""b"" c"')])
    (tmp_path / "in/a.csv").write_text(content, encoding="utf-8", newline="")
    assert read(harness) == expected([0, 2])
    detail = "a quotation mark within a quoted value is not doubled"
    assert stored(harness) == [(Reason.UNREADABLE_LINE, detail, "line 3")]
