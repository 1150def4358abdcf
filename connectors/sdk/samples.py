"""Records with their places, and samples of records for trying a mapping."""

import codecs
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import jmespath
import msgspec
from jmespath.exceptions import JMESPathError

from connectors.sdk.errors import ConfigError, describe_os_error
from connectors.sdk.mapping.fields import Record
from models.locale import _

LINE_SUFFIXES: Final = frozenset({".jsonl", ".ndjson"})
"""Suffixes of files with a JSON value per line."""


class PlacedRecord(NamedTuple):
    """A record and where it was read."""

    fields: Record
    place: str = ""
    """For people, such as `line 682`; contains no value of the record."""
    problem: str = ""
    """Why the record cannot be read, in English; empty if it can. `fields` then contains what was read of it."""


@dataclass(frozen=True, slots=True)
class SampleSupport:
    """How a connector with a mapping reads a sample file, for `accueil connectors try`."""

    read: Callable[[Any, Path], Sequence[PlacedRecord]]
    """Return the records of a sample file by a configuration. Raises `ConfigError`."""
    required_options: Callable[[Path], Mapping[str, Any]]
    """Return values for the required options that a mapping file need not have, such as the address of the source."""
    alternatives: Mapping[str, str] = field(default_factory=dict)
    """Options that replace a required one, by the name of the required one."""
    list_sheets: Callable[[Path], Sequence[str]] = lambda _path: ()
    """Return the names of the sheets of a spreadsheet; none for another file. Raises `ConfigError`."""

    def complete(self, options: Mapping[str, Any], path: Path) -> dict[str, Any]:
        """Return `options` with the required ones that are missing."""
        required = self.required_options(path)
        needed = {name: value for name, value in required.items() if self.alternatives.get(name) not in options}
        return {**needed, **options}


def split_records(records: Iterable[PlacedRecord], each: str) -> Sequence[PlacedRecord]:
    """Return a record for each element of the list in the field `each`, with all other fields; `records` if `each` is empty.

    `each` may be the path of a list in objects: `attributes.steps`. A record without such a list is unreadable. One with an empty
    list is left out.
    """
    if not each:
        return records if isinstance(records, Sequence) else list(records)
    found = []
    for record in records:
        path = [each] if each in record.fields else each.split(".")
        elements = _find_at(record.fields, path)
        if record.problem:
            found.append(record)
        elif isinstance(elements, list | tuple):
            for number, element in enumerate(elements, 1):
                place = ", ".join(part for part in (record.place, f"{each} {number}") if part)
                found.append(PlacedRecord(_replace_at(record.fields, path, element), place))
        else:
            found.append(record._replace(problem=f"{each}: not a list"))
    return found


def _find_at(fields: Record, path: Sequence[str]) -> Any:
    """Return the value at a path of names in nested objects; None if there is none."""
    value: Any = fields
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _replace_at(fields: Record, path: Sequence[str], value: Any) -> dict[str, Any]:
    """Return a copy of nested objects with another value at a path that exists."""
    name, *below = path
    return {**fields, name: _replace_at(fields[name], below, value) if below else value}


def find_lists(value: Any, depth: int = 3) -> list[str]:
    """Return the JMESPath expressions of the lists of objects in an object, the longest list first."""
    found: dict[str, int] = {}

    def search(inner: Any, path: str, left: int) -> None:
        if isinstance(inner, list) and inner and all(isinstance(item, dict) for item in inner):
            found[path] = len(inner)
        elif isinstance(inner, dict) and left:
            for name, below in inner.items():
                if name.isidentifier() and name.isascii():
                    search(below, f"{path}.{name}" if path else name, left - 1)

    search(value, "", depth)
    return sorted(filter(None, found), key=lambda path: -found[path])


def seems_title(columns: Sequence[str]) -> bool:
    """Return whether columns may come from a title above the header: only one of several has a name other than `column N`."""
    return len(columns) > 1 and sum(name != f"column {place}" for place, name in enumerate(columns, 1)) == 1


def flatten(record: Record, depth: int = 3) -> dict[str, Any]:
    """Return the single values of a record by their JMESPath expressions, such as `applicant.email`. Lists are left out."""
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict) and depth and name.isidentifier():
            flat |= {f"{name}.{below}": inner for below, inner in flatten(value, depth - 1).items() if below.isascii()}
        elif not isinstance(value, list | dict):
            flat[name] = value
    return flat


def read_json_sample(path: Path, records: str = "") -> list[PlacedRecord]:
    """Return the objects of a JSON file, or of a file with a JSON value per line.

    `records` is the JMESPath expression of a record or a list of records in the file, or in each line; if it is empty, the file,
    or a line, is a list or a record. Raises `ConfigError`.
    """
    try:
        content = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise ConfigError(describe_os_error(error, path)) from None
    try:
        parts = content.splitlines() if path.suffix.lower() in LINE_SUFFIXES else [content]
        values = [msgspec.json.decode(part) for part in parts if part.strip()]
        found = [jmespath.search(records, value) if records else value for value in values]
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ConfigError(_("{path} is not valid JSON", path=path)) from None
    except JMESPathError:
        found = [None]
    if records and None in found:
        lists = ", ".join(find_lists(values[0])) if values else ""
        nothing = _("{path}: there is nothing at `records` = {records!r}", path=path, records=records)
        raise ConfigError(nothing + (_("; lists are at: {lists}", lists=lists) if lists else ""))
    objects = [item for value in found for item in (value if isinstance(value, list) else [value])]
    if not all(isinstance(item, dict) for item in objects):
        raise ConfigError(_("{path}: the records are not JSON objects; `records` names their list", path=path))
    return [PlacedRecord(item, f"record {number}") for number, item in enumerate(objects, 1)]
