"""Parser of sidecar files (JSON, CSV or XML) into rows of named texts."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

from models.codec import UnusableRecord
from models.reasons import Reason

Row = dict[str, str]
MAX_ROWS: Final = 1000
"""Most rows of a sidecar; one with more is rejected."""
MAX_COLUMNS: Final = 200
"""Most columns of a CSV sidecar; one with more is rejected."""
MAX_LENGTH: Final = 1000
"""Longest value, in characters; longer values are free text and are dropped."""

MAX_LISTED: Final = 10
"""Most row numbers in an error for each of its details."""


def read_rows(content: bytes, suffix: str) -> list[Row]:
    """Return the rows of a sidecar with the dotted `suffix`: field name → stripped value.

    Values that are empty, longer than `MAX_LENGTH` or not texts or numbers are left out. Raises `UnusableRecord` for malformed
    content, for document types and entities in XML, for too many columns, and for no row or more than `MAX_ROWS`.
    """
    try:
        rows = [_clean_row(row) for row in _READERS[suffix](content)]
    except (ValueError, csv.Error, ParseError, RecursionError, LookupError) as error:
        kind = "a forbidden declaration" if isinstance(error, DefusedXmlException) else suffix[1:].upper()
        raise UnusableRecord(Reason.UNREADABLE_LINE, f"sidecar: {kind}") from None
    if not rows or len(rows) > MAX_ROWS:
        found = f"more than {MAX_ROWS}" if rows else "0"
        raise UnusableRecord(Reason.UNREADABLE_LINE, f"sidecar: {found} rows, 1 to {MAX_ROWS} are allowed")
    return rows


def summarise_errors(bad: Mapping[int, UnusableRecord]) -> UnusableRecord:
    """Return one error, with the reason of the first, from the errors of a file's rows by row number. `bad` is not empty."""
    reason = next(iter(bad.values())).reason
    rows_by_detail: dict[str, list[int]] = {}
    for number, error in bad.items():
        detail = error.detail if error.reason is reason else f"{error.detail} ({error.reason})"
        rows_by_detail.setdefault(detail, []).append(number)
    messages = (f"{_list_rows(rows)}: {detail}" for detail, rows in rows_by_detail.items())
    return UnusableRecord(reason, "; ".join(messages))


def _list_rows(rows: Sequence[int]) -> str:
    listed = ", ".join(map(str, rows[:MAX_LISTED]))
    return f"row{'s' * (len(rows) > 1)} {listed}" + ", …" * (len(rows) > MAX_LISTED)


def _read_json(content: bytes) -> list[Any]:
    # Keep numbers as written: a reference may have any length.
    value = json.loads(content.decode("utf-8-sig"), parse_int=str, parse_float=str)
    rows = value if isinstance(value, list) else [value]
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError
    return rows


def _read_csv(content: bytes) -> list[Any]:
    text = _decode(content)
    head = text.partition("\n")[0]
    lines = csv.reader(io.StringIO(text), delimiter=max(";,\t", key=head.count), strict=True)
    names = next(lines, [])
    if len(names) > MAX_COLUMNS:
        raise UnusableRecord(
            Reason.UNREADABLE_LINE, f"sidecar: {len(names)} columns, at most {MAX_COLUMNS} are allowed"
        )
    rows = islice(filter(None, lines), MAX_ROWS + 1)  # one more than allowed is enough to reject the file
    return [dict(zip(names, row, strict=False)) for row in rows]


def _read_xml(content: bytes) -> list[Any]:
    root = fromstring(content, forbid_dtd=True)
    rows = list(root) if any(len(child) for child in root) else [root]
    return [_fields(row) for row in rows]


def _fields(row: Iterable[Element]) -> dict[str, str | None]:
    return {field.tag.rpartition("}")[2]: field.text for field in row}


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252")  # used by Windows programs in France


def _clean_row(row: dict[Any, Any]) -> Row:
    texts = {
        name: _clean_value(value) for name, value in row.items() if isinstance(name, str) and isinstance(value, str)
    }
    return {name: value for name, value in texts.items() if 0 < len(value) <= MAX_LENGTH}


def _clean_value(value: str) -> str:
    """Return a stripped value with lone surrogates replaced: JSON can hold them, UTF-8 cannot."""
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()


_READERS: Final = {".json": _read_json, ".csv": _read_csv, ".xml": _read_xml}
SUFFIXES: Final = frozenset(_READERS)
