"""Presets with their samples, and changed copies of sample records."""

import copy
import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from connectors.sdk.contract import Reject
from connectors.sdk.flow import map_or_reject
from connectors.sdk.mapping.config import PRESETS, merge, read_mapping
from connectors.sdk.mapping.options import MappingOptions
from connectors.sdk.mapping.record_mapping import PreparedRecord, RecordMapping
from connectors.sdk.mapping.trial import Trial
from connectors.sdk.samples import PlacedRecord, read_json_sample, split_records
from connectors.table.config import TableConfig
from connectors.table.source import read_sample
from models.events import Event
from models.identities import PseudonymKey
from models.reasons import Reason

NOW: Final = datetime(2026, 11, 30, 12, tzinfo=UTC)
KEY: Final = PseudonymKey("general", b"k" * 32)
_BAD_VALUES: Final[Sequence[Any]] = (None, "", "  ", "#!?", -1, 10**30, True, False, [], ["#!?"], {}, {"x": "#!?"})

Path_ = tuple[str | int, ...]
"""Path of a value in a record: keys of objects and indexes of lists."""


class MappedEvent(NamedTuple):
    """An event of a sample record, as the tests write it by hand."""

    place: str
    type: str
    time: str
    service: str
    data: dict[str, Any]


class Preset:
    """A preset, with the options that a settings file adds."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self.name = name
        self.settings = {"mapping": name, **settings}
        given = merge(read_mapping(name), settings)
        self._given = given
        self.options = MappingOptions.model_validate(
            {key: value for key, value in given.items() if key in MappingOptions.model_fields}
        )
        self.mapping = RecordMapping(f"{name}/essai", self.options, KEY)

    @property
    def sample(self) -> Path:
        """The sample beside the preset."""
        return next(path for path in PRESETS.glob(f"{self.name}.*") if path.suffix != ".toml")

    def records(self) -> list[PlacedRecord]:
        """Return the records of the sample."""
        if self.sample.suffix == ".json":
            return read_json_sample(self.sample, self._given.get("records", ""))
        if "columns" in self._given or "query" not in self._given:
            keys = TableConfig.model_fields.keys() & self._given.keys()
            config = TableConfig.model_validate({**{key: self._given[key] for key in keys}, "files": str(self.sample)})
            return list(read_sample(config, self.sample))
        with self.sample.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter=";"))
        return [PlacedRecord(row, f"row {number}") for number, row in enumerate(rows, 1)]

    def events(self) -> list[MappedEvent]:
        """Return the events of the sample's records in order, as in operation. No record may be rejected."""
        found = []
        for tried in Trial(self.mapping, self.options).run(self.records(), NOW):
            assert tried.rejected is None, tried
            found += [_describe(tried.place, event) for event in tried.events]
        return found

    def map_alone(self, record: PlacedRecord) -> "list[tuple[Event, ...] | Reject]":
        """Return the outcome of each part of a record, as if it were the first record of its contact."""
        return [self._map(part) for part in split_records([record], self.options.each)]

    def _map(self, record: PlacedRecord) -> "tuple[Event, ...] | Reject":
        def map_one(item: PreparedRecord) -> tuple[Event, ...]:
            return self.mapping.map(item, NOW)

        def reject(_item: PreparedRecord, reason: Reason, detail: str) -> Reject:
            return Reject(reason, b"", detail)

        if record.problem:
            return Reject(Reason.UNREADABLE_LINE, b"", record.problem)
        outcome = map_or_reject(map_one, reject, self.mapping.prepare(record.fields), NOW)
        return outcome if isinstance(outcome, Reject) else tuple(outcome)


def _describe(place: str, event: Event) -> MappedEvent:
    data = msgspec.to_builtins(event.data.model_dump(mode="json", exclude_defaults=True))
    return MappedEvent(place, event.type, f"{event.time:%Y-%m-%d %H:%M:%S}", event.service, data)


# ------------------------------------------------------------------------------------------------------------ mutations
def find_paths(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Yield the paths of all values in a record: of objects and lists, and of what they contain."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, part in value.items():
            yield from find_paths(part, (*path, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from find_paths(part, (*path, index))


def bad_values(record: PlacedRecord, path: Path_) -> Sequence[Any]:
    """Return values for `path`: none, meaningless ones, and ones of other types. None of them is a valid value by chance."""
    value: Any = record.fields
    for step in path:
        value = value[step]
    is_number = isinstance(value, str) and value.replace(",", "").isdecimal()
    return _BAD_VALUES if is_number or not isinstance(value, str) else (*_BAD_VALUES, 12.5)


def change(record: PlacedRecord, path: Path_, value: Any) -> PlacedRecord:
    """Return a copy of a record with another value at `path`."""
    fields: Any = copy.deepcopy(dict(record.fields))
    parent = fields
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = value
    return PlacedRecord(fields, record.place)


def facts(events: Iterable[Event]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return what events say, by what identifies them: type and time."""
    found = {}
    for event in events:
        values = msgspec.to_builtins(event.data.model_dump(mode="json", exclude_defaults=True))
        values |= {name: getattr(event, name) for name in ("site", "service", "identities") if getattr(event, name)}
        found[event.type, event.time] = values
    return found
