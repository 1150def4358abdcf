"""JSON Schemas: the committed ones are generated from the models, and accept every published event."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from models import schema
from models.codec import UnusableRecord, decode
from models.events import LeaveReason
from models.reasons import Reason
from models.sla import decode_sla

PUBLISHED = json.loads(schema.PUBLISHED.read_text(encoding="utf-8"))
CALL = PUBLISHED["call.left_queue.v1"]


@pytest.mark.parametrize("name", schema.generate())
def test_committed_schema_is_generated_from_the_model(name: str) -> None:
    committed = (schema.DIRECTORY / f"{name}.json").read_text(encoding="utf-8")
    assert committed == schema.render(schema.generate()[name]), "run python -m models.schema"


def test_every_schema_has_a_model() -> None:
    assert {path.stem for path in schema.DIRECTORY.glob("*.v*.json")} == set(schema.generate())


def test_every_event_type_that_can_be_decoded_has_a_schema() -> None:
    for name, event in schema.generate().items():
        if name != "envelope.v1":
            kind = event["properties"]["type"]["const"]
            bare = json.dumps({"type": kind}).encode()
            if kind.startswith("sla."):
                with pytest.raises(ValidationError, match="Field required"):
                    decode_sla(bare)
                continue
            with pytest.raises(UnusableRecord) as refusal:
                decode(bare)
            assert refusal.value.reason is Reason.MISSING_FIELD  # an unknown type would be UNKNOWN_TYPE


def test_published_schemas_stay_compatible() -> None:
    assert schema.find_incompatible_changes(schema.generate(), PUBLISHED) == []


def test_event_with_required_fields_only_is_decoded() -> None:
    event = {
        "type": "call.left_queue",
        "id": "1",
        "source": "asterisk/siege",
        "subject": "call:asterisk/siege:1",
        "time": "2026-11-25T12:00:00Z",
        "data": {"queue": "rsa", "reason": "timeout"},
        "later": "a field of a newer producer",
    }
    assert set(CALL["required"]) == event.keys() - {"later"}
    assert set(CALL["properties"]["data"]["required"]) == {"queue", "reason"}
    assert decode(json.dumps(event).encode()).type == "call.left_queue"


def test_schema_lists_the_values_of_an_enum() -> None:
    assert CALL["properties"]["data"]["properties"]["reason"]["enum"] == [reason.value for reason in LeaveReason]


Change = Callable[[dict[str, Any]], Any]


def data(event: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = event["properties"]["data"]["properties"]
    return fields


COMPATIBLE: dict[str, Change] = {
    "nothing": lambda _: None,
    "new optional field": lambda event: data(event).update(note={"type": "string", "default": ""}),
    "other description": lambda event: event.update(description="Better."),
    "no longer required": lambda event: event["properties"]["data"]["required"].remove("reason"),
    "added value": lambda event: data(event)["reason"]["enum"].append("moved"),
    "any value": lambda event: data(event)["reason"].pop("enum"),
    "wider bound": lambda event: data(event)["visit"].update(maximum=2000),
    "no bound": lambda event: data(event)["visit"].pop("minimum"),
    "number instead of integer": lambda event: data(event)["visit"].update(type="number"),
    "null as well": lambda event: data(event).update(
        visit={"anyOf": [data(event)["visit"], {"type": "null"}], "default": 1}
    ),
    "any text": lambda event: data(event)["queue"].pop("pattern"),
}
BREAKING: dict[str, tuple[Change, str]] = {
    "removed field": (lambda event: data(event).pop("wait_seconds"), "data.wait_seconds: is gone"),
    "renamed field": (
        lambda event: data(event).update(waited=data(event).pop("wait_seconds")),
        "data.wait_seconds: is gone",
    ),
    "newly required field": (
        lambda event: event["properties"]["data"]["required"].append("wait_seconds"),
        "data.wait_seconds: is now required",
    ),
    "new required field": (
        lambda event: (event["properties"].update(tenant={"type": "string"}), event["required"].append("tenant")),
        "tenant: is now required",
    ),
    "removed value": (lambda event: data(event)["reason"]["enum"].remove("key"), "data.reason: no longer takes key"),
    "values instead of any value": (
        lambda event: data(event)["queue"].update(enum=["rsa"]),
        "data.queue: now takes only rsa",
    ),
    "other type": (lambda event: data(event)["queue"].update(type="integer"), "data.queue: no longer takes string"),
    "integer instead of number": (
        lambda event: data(event)["wait_seconds"]["anyOf"][0].update(type="integer"),
        "data.wait_seconds: no longer takes number",
    ),
    "null no longer": (
        lambda event: data(event).update(wait_seconds=data(event)["wait_seconds"]["anyOf"][0]),
        "data.wait_seconds: no longer takes null",
    ),
    "narrower bound": (
        lambda event: data(event)["visit"].update(maximum=10),
        "data.visit: maximum was 1000 and is now 10",
    ),
    "new bound": (
        lambda event: event["properties"]["time"].update(maxLength=20),
        "time: maxLength was free and is now 20",
    ),
    "other pattern": (
        lambda event: data(event)["queue"].update(pattern="^[a-z]*$"),
        "data.queue: pattern was ^[A-Za-z0-9._-]*$ and is now ^[a-z]*$",
    ),
    "other default": (
        lambda event: data(event)["visit"].update(default=2),
        "data.visit: its default changed",
    ),
    "other version": (
        lambda event: event["properties"]["dataversion"].update(const=2),
        "dataversion: no longer takes 1",
    ),
    "closed to further fields": (
        lambda event: event["properties"]["data"].update(additionalProperties=False),
        "data: no longer takes further fields",
    ),
}


@pytest.mark.parametrize("name", [*COMPATIBLE, *BREAKING])
def test_only_breaking_changes_are_refused(name: str) -> None:
    change, *reasons = BREAKING.get(name) or (COMPATIBLE[name],)
    changed = copy.deepcopy(CALL)
    change(changed)
    assert list(schema.incompatibilities(CALL, changed)) == reasons


def test_optional_field_in_optional_data_is_accepted() -> None:
    before = PUBLISHED["visit.arrived.v1"]
    assert before["properties"]["data"]["default"] == {"queue": ""}
    changed = copy.deepcopy(before)
    data(changed).update(note={"type": "string", "default": ""})
    changed["properties"]["data"]["default"] = {"queue": "", "note": ""}
    assert list(schema.incompatibilities(before, changed)) == []
    changed["properties"]["data"]["default"] = {"queue": "accueil", "note": ""}
    assert list(schema.incompatibilities(before, changed)) == ["data: its default changed"]


def test_removed_event_type_is_refused() -> None:
    rest = {name: one for name, one in schema.generate().items() if name != "visit.served.v1"}
    assert schema.find_incompatible_changes(rest, PUBLISHED) == ["visit.served.v1: is gone"]


def test_added_event_type_is_accepted() -> None:
    assert schema.find_incompatible_changes({**PUBLISHED, "visit.moved.v1": CALL}, PUBLISHED) == []
