"""Condition of a mapping that a value has a name in a table of `values`."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.sdk.config import parse
from connectors.sdk.errors import ConfigError
from connectors.sdk.mapping.config import MappedConfig
from connectors.sdk.mapping.record_mapping import RecordMapping
from connectors.sdk.mapping.trial import Trial
from connectors.sdk.samples import PlacedRecord
from models.codec import UnusableRecord
from models.events import CallQueued
from models.identities import PseudonymKey

KEY = PseudonymKey("general", b"k" * 32)
READ_AT = datetime(2026, 3, 16, 10, tzinfo=UTC)
OPTIONS: dict[str, Any] = {
    "id": "call",
    "queue": "number",
    "values": {"queue": {"7000": "accueil"}},
    "events": [{"event": "call.queued", "time": "start", "when": {"number": {"in_values": "queue"}}}],
}


def queues_of(record: dict[str, Any], **changes: Any) -> list[str]:
    mapping = RecordMapping("test/in-values", MappedConfig.model_validate(OPTIONS | changes), KEY)
    prepared = mapping.prepare({"call": "1", "start": "2026-03-16T09:00:00Z", **record})
    return [event.data.queue for event in mapping.map(prepared, READ_AT) if isinstance(event, CallQueued)]


def test_only_records_with_a_named_value_give_the_event() -> None:
    assert queues_of({"number": "7000"}) == ["accueil"]
    assert queues_of({"number": 7000}) == ["accueil"]
    assert queues_of({"number": "7001"}) == []


def test_a_name_for_all_others_does_not_let_every_record_give_the_event() -> None:
    """Otherwise, internal and outgoing calls would count as calls to direct lines."""
    assert queues_of({"number": "7001"}, values={"queue": {"*": "autre", "7000": "accueil"}}) == []


@pytest.mark.parametrize("number", ["", None, [7000]])
def test_a_record_without_the_value_is_rejected(number: Any) -> None:
    with pytest.raises(UnusableRecord) as caught:
        queues_of({"number": number})
    assert "number" in caught.value.detail


def test_a_trial_lists_values_apart_that_may_get_a_name() -> None:
    when = {"kind": "in", "number": {"in_values": "queue"}}
    options = MappedConfig.model_validate(
        OPTIONS | {"ignored": {"kind": ["out"]}, "events": [{"event": "call.queued", "time": "start", "when": when}]}
    )
    trial = Trial(RecordMapping("test/in-values", options, KEY), options)
    start = {"start": "2026-03-16T09:00:00Z"}
    records = [
        PlacedRecord({"call": "1", "kind": "in", "number": "7001", **start}),
        PlacedRecord({"call": "2", "kind": "out", "number": "0639980001", **start}),
        PlacedRecord({"call": "3", "kind": "in", "number": "7000", **start}),
    ]
    assert [len(tried.events) for tried in trial.run(records, READ_AT)] == [0, 0, 1]
    assert trial.unknown == {}
    assert trial.optional == {"values.queue": {"7001": 1}}


def test_a_trial_lists_values_that_an_event_needs_as_unknown() -> None:
    events = [*OPTIONS["events"], {"event": "call.ended", "time": "start"}]
    options = MappedConfig.model_validate(OPTIONS | {"events": events})
    trial = Trial(RecordMapping("test/in-values", options, KEY), options)
    record = {"call": "1", "number": "7001", "start": "2026-03-16T09:00:00Z"}
    assert [tried.rejected is None for tried in trial.run([PlacedRecord(record, "")], READ_AT)] == [False]
    assert (trial.unknown, trial.optional) == ({"values.queue": {"7001": 1}}, {})


def test_the_table_must_exist() -> None:
    with pytest.raises(ConfigError, match=r"values\.line"):
        parse(
            MappedConfig,
            "appels",
            OPTIONS
            | {"events": [{"event": "call.queued", "time": "start", "when": {"number": {"in_values": "line"}}}]},
        )


def test_without_names_in_the_table_no_record_gives_the_event() -> None:
    assert queues_of({"number": "7000"}, values={"queue": {}}) == []


def test_an_empty_table_does_not_name_values_of_other_events() -> None:
    with pytest.raises(ConfigError, match=r"needs the table values\.queue"):
        parse(
            MappedConfig,
            "appels",
            OPTIONS | {"values": {"queue": {}}, "events": [{"event": "call.queued", "time": "start"}]},
        )
