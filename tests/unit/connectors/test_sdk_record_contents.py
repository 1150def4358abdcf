"""Digest of the contents of a record that a mapping reads."""

from typing import Any

import pytest

from connectors.sdk.mapping.options import MappingOptions
from connectors.sdk.mapping.record_mapping import RecordMapping
from models.identities import PseudonymKey

OPTIONS: dict[str, Any] = {
    "id": "id",
    "procedure": {"value": "voirie"},
    "events": [
        {"event": "form.submitted", "time": "sent_at"},
        {"event": "form.decided", "time": "decided.at", "decision": {"value": "accepted"}, "when": "decided.at"},
    ],
}
RECORD = {"id": "7", "sent_at": "2026-03-16T08:00:00Z", "decided": {"at": None, "by": "Camille"}, "seen": 3}


def digest(record: dict[str, Any], **options: Any) -> bytes:
    mapping = RecordMapping(
        "http/essai", MappingOptions.model_validate(OPTIONS | options), PseudonymKey("general", b"k" * 32)
    )
    return mapping.prepare(record).digest


@pytest.mark.parametrize("change", [{"seen": 4}, {"decided": {"at": None, "by": "Dominique"}}, {"new": "field"}])
def test_change_of_another_field_does_not_count(change: dict[str, Any]) -> None:
    assert digest(RECORD | change) == digest(RECORD)


@pytest.mark.parametrize(
    "change",
    [{"id": "8"}, {"sent_at": "2026-03-16T08:00:01Z"}, {"decided": {"at": "2026-03-17T08:00:00Z"}}],
)
def test_change_of_a_mapped_field_counts(change: dict[str, Any]) -> None:
    assert digest(RECORD | change) != digest(RECORD)


def test_value_that_cannot_be_evaluated_is_a_value_of_its_own() -> None:
    events = [{"event": "form.submitted", "time": "to_number(length(sent_at))"}]
    assert digest(RECORD | {"sent_at": 5}, events=events) != digest(RECORD, events=events)
