"""Presets of telephone systems: their samples give the events worked out by hand; damaged records give no other events."""

import csv
import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from connectors.sdk import registry
from connectors.sdk.config import parse
from connectors.sdk.contract import Reject
from connectors.sdk.flow import map_or_reject
from connectors.sdk.mapping.config import MERGED, PRESETS, find_presets, merge, read_mapping
from connectors.sdk.mapping.options import MappingOptions
from connectors.sdk.mapping.record_mapping import PreparedRecord, RecordMapping
from connectors.sdk.mapping.trial import Trial
from connectors.sdk.mapping.value_options import ANY
from connectors.sdk.samples import PlacedRecord
from connectors.table.config import TableConfig
from connectors.table.source import read_sample
from models.events import Event
from models.identities import IdentityKind, PseudonymKey, normalise
from models.reasons import Reason
from tests.support.telephony_cases import CASES
from tests.support.telephony_tables import run_query

NOW: Final = datetime(2026, 11, 30, 12, tzinfo=UTC)
KEY: Final = PseudonymKey("general", b"k" * 32)
BAD_VALUES: Final[Sequence[Any]] = (None, "", "  ", "#!?", [], ["#!?"], {}, {"x": "#!?"})
"""Values that stand for no value, are garbled, or have a type that no column has."""


class Preset:
    """A preset with the options of a settings file, and the records of its sample."""

    def __init__(self, name: str) -> None:
        given = merge(read_mapping(name), CASES[name].settings)
        self.options = MappingOptions.model_validate(_part(MappingOptions, given))
        self.mapping = RecordMapping(f"{name}/essai", self.options, KEY)
        sample = next(path for path in sorted(PRESETS.glob(f"{name}.*")) if path.suffix != ".toml")
        self.records = _read_rows(sample) if "query" in given else _read_table(sample, given)

    def map(self, record: PlacedRecord) -> tuple[Event, ...] | Reject:
        """Return the events of a record as the first one of its contact, or its rejection."""

        def map_one(item: PreparedRecord) -> tuple[Event, ...]:
            return self.mapping.map(item, NOW)

        def reject(_item: PreparedRecord, reason: Reason, detail: str) -> Reject:
            return Reject(reason, b"", detail)

        outcome = map_or_reject(map_one, reject, self.mapping.prepare(record.fields), NOW)
        return outcome if isinstance(outcome, Reject) else tuple(outcome)


def _part(model: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key in model.model_fields}


def _read_table(sample: Path, given: Mapping[str, Any]) -> list[PlacedRecord]:
    return list(read_sample(TableConfig.model_validate(_part(TableConfig, given) | {"files": str(sample)}), sample))


def _read_rows(sample: Path) -> list[PlacedRecord]:
    with sample.open(encoding="utf-8", newline="") as file:
        return [PlacedRecord(row) for row in csv.DictReader(file, delimiter=";")]


def data_of(event: Event) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(event.data.model_dump(mode="json", exclude_defaults=True))
    return data


def phone_of(number: str) -> str:
    """Return the pseudonym of a caller's number, as in the identities of events."""
    normalised = normalise(IdentityKind.PHONE, number, "FR")
    assert normalised
    return KEY.pseudonym(IdentityKind.PHONE, normalised)


@pytest.mark.parametrize("name", CASES)
def test_the_sample_gives_the_events_worked_out_by_hand(name: str) -> None:
    case, preset = CASES[name], Preset(name)
    found, identities = [], []
    for number, tried in enumerate(Trial(preset.mapping, preset.options).run(preset.records, NOW), 1):
        assert tried.rejected is None
        assert not tried.disorder
        found += [(number, event.type, f"{event.time:%H:%M:%S}", data_of(event)) for event in tried.events]
        identities += [event.identities for event in tried.events]
    assert found == [
        (
            number,
            kind,
            time,
            data | ({"agent": KEY.pseudonym(IdentityKind.AGENT, data["agent"])} if "agent" in data else {}),
        )
        for number, kind, time, data in case.events
    ]
    expected = [number and phone_of(number) for number in case.phones]
    assert identities == (expected or [""] * len(case.events))


@pytest.mark.parametrize("name", CASES)
def test_all_events_of_the_sample_are_of_one_day(name: str) -> None:
    events = [event for record in Preset(name).records for event in _events(Preset(name).map(record))]
    assert len({f"{event.time:%Y-%m-%d}" for event in events}) == 1


def _events(outcome: tuple[Event, ...] | Reject) -> tuple[Event, ...]:
    assert not isinstance(outcome, Reject)
    return outcome


@pytest.mark.parametrize("name", CASES)
def test_a_damaged_record_is_rejected_or_gives_the_same_events(name: str) -> None:
    preset = Preset(name)
    for record in preset.records:
        before = _events(preset.map(record))
        for field in record.fields:
            for value in BAD_VALUES:
                after = preset.map(PlacedRecord({**record.fields, field: value}))
                about = f"{name}, {record.place or record.fields}, {field} = {value!r}"
                if field in CASES[name].line_fields and not isinstance(after, Reject):
                    _check_not_about_a_line(before, after, about)
                    continue
                _check_outcome(
                    before, after, field, about, may_be_none=_may_be_none(name, preset.options, field, value)
                )


def _check_not_about_a_line(before: Sequence[Event], after: Sequence[Event], about: str) -> None:
    """Check that a call to another number gives the same events of its queue, and none of a line."""
    assert [_id(event) for event in after] in ([_id(event) for event in before], []), about


def _may_be_none(name: str, options: MappingOptions, field: str, value: Any) -> bool:
    """Return whether a preset says of this value of a field that the record may concern no queue, or has another meaning."""
    is_empty = not value or (isinstance(value, str) and not value.strip())
    ignored = options.ignored.get(field, ())
    return ANY in ignored or (is_empty and ("" in ignored or field in CASES[name].empty_values))


def _check_outcome(
    before: Sequence[Event], after: Sequence[Event] | Reject, field: str, about: str, *, may_be_none: bool
) -> None:
    if isinstance(after, Reject):
        assert field in after.detail or not before, f"{about}: {after.detail}"
        return
    if may_be_none and [_id(event) for event in after] != [_id(event) for event in before]:
        return
    assert [_id(event) for event in after] == [_id(event) for event in before], about
    for old, new in zip(before, after, strict=True):
        assert data_of(new).items() <= data_of(old).items(), about
        assert new.identities in {old.identities, ""}, about


def _id(event: Event) -> tuple[str, str, datetime, str]:
    return event.id, event.type, event.time, event.subject


@pytest.mark.parametrize("name", [name for name in CASES if "query" in read_mapping(name)])
def test_the_query_gives_the_rows_of_the_sample(name: str) -> None:
    options = read_mapping(name)
    rows = run_query(f"{options['query']} ORDER BY {options['since']}")
    shown = [{column: "" if value is None else str(value) for column, value in row.items()} for row in rows]
    assert shown == [dict(record.fields) for record in Preset(name).records]


@pytest.mark.parametrize("name", CASES)
def test_only_named_values_leave_the_connector(name: str) -> None:
    preset = Preset(name)
    for record in preset.records:
        texts = {
            text for value in record.fields.values() if len(text := str(value)) > 5 and not text.startswith("2026")
        }
        events = _events(preset.map(record))
        sent = str([event.model_dump(mode="json", exclude={"subject", "source", "type"}) for event in events])
        assert not {text for text in texts if text in sent}


@pytest.mark.parametrize("name", CASES)
def test_the_preset_says_what_it_is_from(name: str) -> None:
    first, *others = (PRESETS / f"{name}.toml").read_text(encoding="utf-8").splitlines()
    assert first.startswith("# ")
    assert any(line.startswith("# Documentation: ") for line in others)
    assert any(line.startswith("# Sample: ") for line in others)
    assert any(line.startswith(("# Left out: ", "# A row per stay")) for line in others)


@pytest.mark.parametrize("name", CASES)
def test_settings_only_add_what_the_preset_leaves_open(name: str) -> None:
    assert not (CASES[name].settings.keys() - MERGED) & read_mapping(name).keys()


def _connector(name: str) -> str:
    connector: str = tomllib.loads(find_presets()[name].read_text(encoding="utf-8"))["connector"]
    return connector


@pytest.mark.parametrize("name", CASES)
def test_the_connector_accepts_the_preset(name: str) -> None:
    parse(registry.load(_connector(name)).config, "essai", {"mapping": name, **CASES[name].settings})


@pytest.mark.parametrize("page", ["presets.md", "presets.fr.md"])
def test_the_settings_in_the_documentation_are_valid(page: str) -> None:
    text = (Path(__file__).parents[2] / "docs/how-to" / page).read_text(encoding="utf-8")
    found = set()
    for block in re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for options in tomllib.loads(block)["connectors"].values():
            connector = options.pop("connector")
            if options["mapping"] in CASES:
                options.pop("password_file", None)
                parse(registry.load(connector).config, "essai", options)
            found.add(options["mapping"])
    assert {name for name in CASES if f"`{name}`" not in text} == set()
    assert found & CASES.keys()
