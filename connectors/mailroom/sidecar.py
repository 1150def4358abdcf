"""Sidecars: JSON, CSV or XML, as rows of named texts. What they say is not understood here, only read."""

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
MAX_COLUMNS: Final = 200
"""Of CSV; each row is as wide as the first."""
MAX_LENGTH: Final = 1000
"""Of a value; longer ones are free text, which nobody asks for."""


def read_rows(content: bytes, suffix: str) -> list[Row]:
    """Return what a sidecar says, 1 to `MAX_ROWS` rows; values without spaces around them, and no empty ones.

    Raises `Unusable` for anything else, document types and entities in XML among it.
    """
    try:
        rows = [_clean(row) for row in _READERS[suffix](content)]
    except (ValueError, csv.Error, ParseError, RecursionError, LookupError) as error:
        kind = "a forbidden declaration" if isinstance(error, DefusedXmlException) else suffix[1:].upper()
        raise UnusableRecord(Reason.UNREADABLE_LINE, f"sidecar: {kind}") from None
    if not rows or len(rows) > MAX_ROWS:
        found = f"more than {MAX_ROWS}" if rows else "0"
        raise UnusableRecord(Reason.UNREADABLE_LINE, f"sidecar: {found} rows, 1 to {MAX_ROWS} are possible")
    return rows


def summarise_errors(bad: Mapping[int, UnusableRecord]) -> UnusableRecord:
    """Return why the file cannot be used of which these rows cannot, from 1 on: each of them, and what is wrong with it."""
    why = next(iter(bad.values())).reason
    alike: dict[str, list[int]] = {}
    for number, error in bad.items():
        said = error.detail if error.reason is why else f"{error.detail} ({error.reason})"
        alike.setdefault(said, []).append(number)
    told = (f"row{'s'[: len(rows) - 1]} {_in_short(rows)}: {said}" for said, rows in alike.items())
    return UnusableRecord(why, "; ".join(told))


def _in_short(numbers: Sequence[int]) -> str:
    """Return ascending numbers, as in `2, 5-7`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)


def _read_json(content: bytes) -> list[Any]:
    # Numbers stay as they are written: a reference may begin with zeros or have any length.
    read = json.loads(content.decode("utf-8-sig"), parse_int=str, parse_float=str)
    rows = read if isinstance(read, list) else [read]
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
            Reason.UNREADABLE_LINE, f"sidecar: {len(names)} columns, at most {MAX_COLUMNS} are possible"
        )
    rows = islice(filter(None, lines), MAX_ROWS + 1)  # what is longer than that is not read
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
        return content.decode("cp1252")  # what Windows programs in France write


def _clean(row: dict[Any, Any]) -> Row:
    texts = {name: _mend(value) for name, value in row.items() if isinstance(name, str) and isinstance(value, str)}
    return {name: value for name, value in texts.items() if 0 < len(value) <= MAX_LENGTH}


def _mend(value: str) -> str:
    """Return a value without spaces around it; lone surrogates, which JSON may have and UTF-8 has not, are replaced."""
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()


_READERS: Final = {".json": _read_json, ".csv": _read_csv, ".xml": _read_xml}
SUFFIXES: Final = frozenset(_READERS)
