"""A table in a text file that grows at any byte gives the rows that the csv module reads from the whole file."""

import csv
from io import BytesIO, StringIO
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.table.config import TableConfig
from connectors.table.text_rows import START, TextPosition, TextRows, find_delimiter, unique_names
from tests.support.tables import OPTIONS

HEADER = ("a", "b", "c")
CELLS = st.text(st.sampled_from('ab;,"\n\r é\0\t|'), max_size=6)
ROWS = st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=12)


def config(**options: Any) -> TableConfig:
    return TableConfig.model_validate({**OPTIONS, "files": "/srv/*.csv", **options})


def written(rows: list[tuple[str, str, str]], end: str) -> str:
    # The writer does not always quote a carriage return.
    quoting = csv.QUOTE_ALL if any("\r" in cell for cells in rows for cell in cells) else csv.QUOTE_MINIMAL
    file = StringIO(newline="")
    csv.writer(file, delimiter=";", lineterminator=end, quoting=quoting).writerows([HEADER, *rows])
    return file.getvalue()


def read_in_parts(content: bytes, ends: list[int], most: int, chosen: TableConfig) -> list[dict[str, Any]]:
    """Return the rows of a file that grows: it is read at each of `ends`, from the position before."""
    found: list[dict[str, Any]] = []
    position: TextPosition = START
    for end in ends:
        try:
            rows = TextRows(BytesIO(content[:end]), chosen, position)
        except ValueError:
            continue  # the header is incomplete
        while page := rows.read(most, is_settled=False):
            found += [dict(row.fields) for row in page]
        position = rows.position
    return found


@given(ROWS, st.sampled_from(["\n", "\r\n"]), st.data(), st.integers(1, 5), st.sampled_from(["utf-8", "cp1252"]))
@settings(max_examples=300, deadline=None)
def test_growing_file_gives_the_rows_of_the_whole(
    rows: list[tuple[str, str, str]], end: str, data: st.DataObject, most: int, encoding: str
) -> None:
    text = written(rows, end)
    content = text.encode(encoding)
    ends = data.draw(st.lists(st.integers(0, len(content)), max_size=8).map(sorted))
    found = read_in_parts(content, [*ends, len(content)], most, config(delimiter=";"))
    expected = list(csv.reader(StringIO(text, newline=""), delimiter=";"))[1:]
    assert [tuple(fields.values()) for fields in found] == [
        tuple(cells) for cells in expected if any(map(str.strip, cells))
    ]


@given(st.binary(max_size=400), st.integers(1, 5), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused(content: bytes, most: int, is_settled: bool) -> None:
    try:
        rows = TextRows(BytesIO(content), config(), START)
    except ValueError:
        return
    number = 0
    before = -1
    while page := rows.read(most, is_settled=is_settled):
        assert len(page) <= most
        number += len(page)
        if rows.position.offset == before:
            break  # an incomplete last row
        before = rows.position.offset
    assert number <= content.count(b"\n") + content.count(b"\0") + 1
    assert rows.position.offset <= len(content) or rows.is_copy


@given(st.lists(st.text(max_size=4), max_size=30))
def test_unique_names_are_unique(names: list[str]) -> None:
    unique = unique_names(names)
    assert len(set(unique)) == len(unique) == len(names)
    assert all(new.startswith(name) for name, new in zip(names, unique, strict=True))


@given(ROWS.filter(bool), st.sampled_from(";,\t|"))
def test_delimiter_is_recognised(rows: list[tuple[str, str, str]], delimiter: str) -> None:
    plain = [[cell.translate(dict.fromkeys(map(ord, ';,"\n\r\t|'), "x")) for cell in cells] for cells in rows]
    assert find_delimiter([delimiter.join(cells) + "\r\n" for cells in [HEADER, *plain]]) == delimiter
