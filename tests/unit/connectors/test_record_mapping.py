"""Mapping of records to events: every event type and data field, ids, identities, rejects that name the field."""

import tracemalloc
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import pytest

from connectors.sdk.contact_reasons import REASON_SET, ContactReasons, ReasonRule
from connectors.sdk.mapping.event_fields import DEFAULTS, EVENT_MODELS, data_fields, enum_of, is_label
from connectors.sdk.mapping.options import IDENTITY_NAMES, MappingOptions
from connectors.sdk.mapping.record_mapping import RecordMapping
from models.codec import UnusableRecord, decode, encode
from models.events import Event
from models.identities import PseudonymKey
from models.reasons import Reason

KEY = PseudonymKey("general", b"k" * 32)
NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
AT = "2026-05-04T09:30:00+02:00"
SAMPLES: Mapping[str, Any] = {
    "visit": 2,
    "agent": "Camille Exemple",
    "position": "3",
    "original_position": 5.0,
    "wait_seconds": "00:01:30",
    "ring_seconds": 4.5,
    "handle_seconds": "300",
    "duration_seconds": "12,5",
    "pages": 3,
    "admitted_at": "2026-05-02T00:00:00+02:00",
    "chrono": "2026-000123",
    "cost_cents": "152",
    "items": "340",
    "starts_at": "2026-06-01T10:00:00+02:00",
    "score": "4",
}
"""Value of a record for each data field that is neither a label nor one of a list."""
CHOICES: Mapping[str, str] = {"scale": "csat_1_5"}
ANSWERED: Mapping[str, str] = {"event": "call.answered", "time": "time"}


def options_for(event: str, **changes: Any) -> dict[str, Any]:
    """Return a mapping that fills every data field of an event from the column of that name."""
    fields = data_fields(event)
    rule = {"event": event, "time": "time", **channel_for(event), **{name: name for name in fields}}
    values = {name: {"source": "label"} for name, field in fields.items() if is_label(field)}
    return {"id": "id", "events": [rule], "values": values, **changes}


def channel_for(event: str) -> dict[str, str]:
    return {"channel": "call"} if event == REASON_SET else {}


def sample_for(event: str) -> dict[str, Any]:
    """Return a record with a valid value in every column of `options_for`."""
    record: dict[str, Any] = {"id": "A1", "time": AT}
    for name, field in data_fields(event).items():
        members = enum_of(field)
        record[name] = (
            "source" if is_label(field) else CHOICES.get(name) or next(iter(members)) if members else SAMPLES[name]
        )
        if is_label(field):
            record[name] = "source"
    return record


def mapping(options: Mapping[str, Any], source: str = "table/essai") -> RecordMapping:
    return RecordMapping(source, MappingOptions.model_validate(options), KEY, ContactReasons([ReasonRule("label")]))


def map_one(options: Mapping[str, Any], record: Mapping[str, Any], **how: Any) -> tuple[Event, ...]:
    mapped = mapping(options)
    return mapped.map(mapped.prepare(record), NOW, **how)


def refusal(options: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    with pytest.raises(UnusableRecord) as raised:
        map_one(options, record)
    return str(raised.value)


def data(event: Event) -> dict[str, Any]:
    dumped: dict[str, Any] = event.model_dump()["data"]
    return dumped


# ------------------------------------------------------------------------------------------------------- every event type
@pytest.mark.parametrize("event", EVENT_MODELS)
def test_event_with_every_data_field(event: str) -> None:
    (made,) = map_one(options_for(event), sample_for(event))
    assert made.type == event
    assert decode(encode(made)) == made
    assert (made.source, made.time, made.recordedtime) == ("table/essai", datetime.fromisoformat(AT), NOW)
    assert made.subject == f"{made.channel.value}:table/essai:A1"
    empty = [name for name, value in data(made).items() if value in (None, "")]
    assert not empty, f"{empty} has no value from the record"


@pytest.mark.parametrize("event", EVENT_MODELS)
def test_event_with_its_required_data_only(event: str) -> None:
    fields = data_fields(event)
    given = [name for name, field in fields.items() if field.is_required() and (event, name) not in DEFAULTS]
    options = {
        "id": "id",
        "events": [{"event": event, "time": "time", **channel_for(event), **{name: name for name in given}}],
        "values": {name: {"source": "label"} for name in given if is_label(fields[name])},
    }
    (made,) = map_one(options, sample_for(event))
    assert decode(encode(made)) == made
    for name in fields:
        if (event, name) in DEFAULTS:
            assert data(made)[name] == DEFAULTS[event, name]


@pytest.mark.parametrize(("event", "name"), [(event, name) for event in EVENT_MODELS for name in data_fields(event)])
@pytest.mark.parametrize("bad", ["", "@@", [], {"a": 1}, True, datetime(2026, 5, 4, tzinfo=UTC), 10**30, float("nan")])
def test_unusable_value_names_the_column_or_is_left_out(event: str, name: str, bad: Any) -> None:
    record = sample_for(event)
    whole = map_one(options_for(event), record)
    field = data_fields(event)[name]
    try:
        changed = map_one(options_for(event), record | {name: bad})
    except UnusableRecord as error:
        _check_detail(error, name)
        return
    if bad == "":
        assert not field.is_required()
    if name == "agent" or isinstance(bad, datetime):  # any text names an agent, and a time is a time
        return
    assert [{**data(event), name: None} for event in changed] == [{**data(event), name: None} for event in whole]


@pytest.mark.parametrize("event", EVENT_MODELS)
@pytest.mark.parametrize("name", ["id", "time"])
@pytest.mark.parametrize("bad", [None, "", " ", [], {}])
def test_record_without_id_or_time_is_rejected(event: str, name: str, bad: Any) -> None:
    assert name in refusal(options_for(event), sample_for(event) | {name: bad})


def test_every_value_of_an_enumeration_can_be_mapped() -> None:
    for event in EVENT_MODELS:
        for name, field in data_fields(event).items():
            for member in enum_of(field) or ():
                if name != "scale":
                    (made,) = map_one(options_for(event), sample_for(event) | {name: member.value})
                    assert data(made)[name] == member


def test_words_of_the_source_are_translated_to_an_enumeration() -> None:
    options = options_for("letter.closed", values={"outcome": {"Clos": "resolved", "Refus": "rejected"}})
    (made,) = map_one(options, sample_for("letter.closed") | {"outcome": "Refus"})
    assert data(made)["outcome"] == "rejected"
    assert (
        refusal(options, sample_for("letter.closed") | {"outcome": "Perdu"})
        == "unknown_enum: outcome: not in values.outcome"
    )


def test_score_outside_its_scale_names_the_column() -> None:
    options = {
        "id": "id",
        "events": [{"event": "feedback.given", "time": "time", "scale": {"value": "csat_1_5"}, "score": "Note"}],
    }
    assert "Note" in refusal(options, {"id": "1", "time": AT, "Note": 9})


# --------------------------------------------------------------------------------------------------------------------- ids
LETTER: Mapping[str, Any] = {"id": "id", "events": [{"event": "letter.arrived", "time": "time", "pages": "pages"}]}
RECORD: Mapping[str, Any] = {"id": "L1", "time": AT, "pages": 3}


def test_ids_depend_on_source_contact_time_and_version_only() -> None:
    (first,) = map_one(LETTER, RECORD)
    assert map_one(LETTER, RECORD) == (first,)
    others = [
        mapping(LETTER, "table/autre").map(mapping(LETTER, "table/autre").prepare(RECORD), NOW),
        map_one(LETTER, {**RECORD, "id": "L2"}),
        map_one(LETTER, {**RECORD, "time": "2026-05-04T09:31:00+02:00"}),
        map_one(LETTER, RECORD, version=1),
    ]
    assert len({first.id, *(event.id for (event,) in others)}) == 5
    assert map_one(LETTER, {**RECORD, "pages": 4})[0].id == first.id


def test_digest_changes_with_every_named_field_and_no_other() -> None:
    options = {
        **LETTER,
        "ignored": {"kind": "TEST"},
        "service": {"field": ["s1", "s2"], "values": {"a b": "ab"}},
        "events": [
            {
                "event": "letter.arrived",
                "time": {"field": "time", "plus": "plus"},
                "when": {"a.b": True, "length(c)": True},
            }
        ],
    }
    record = {"id": "1", "time": AT, "plus": 1, "kind": "x", "s1": "a", "s2": "b", "a": {"b": 1}, "c": [1]}
    digest = mapping(options).prepare(record).digest
    for name in record:
        value = {"a": {"b": 2}, "c": [1, 2]}.get(name, "other")
        assert mapping(options).prepare({**record, name: value}).digest != digest, name
    assert mapping(options).prepare({**record, "unnamed": "x", "a": {"b": 1, "other": 5}, "c": [2]}).digest == digest


def test_digest_tells_neighbouring_values_apart() -> None:
    options = {"id": ["a", "b"], "events": [{"event": "letter.arrived", "time": "time"}]}
    one, two = ({"a": "x\x1fy", "b": "z", "time": AT}, {"a": "x", "b": "y\x1fz", "time": AT})
    assert mapping(options).prepare(one).digest != mapping(options).prepare(two).digest


def test_without_an_id_the_named_fields_are_the_id() -> None:
    options = {"events": [{"event": "letter.arrived", "time": "time", "pages": "pages"}]}
    (first,) = map_one(options, RECORD)
    assert map_one(options, {**RECORD, "exported_at": "2026-05-05"}) == (first,)
    assert map_one(options, {**RECORD, "pages": 4})[0].subject != first.subject
    assert mapping(options).prepare(RECORD).key == mapping(options).prepare({**RECORD, "id": "L2"}).key


def test_personal_id_is_hashed() -> None:
    (event,) = map_one(LETTER, {**RECORD, "id": "camille.exemple@example.org"})
    assert "camille" not in event.subject


def test_daily_ids_contain_the_day_of_the_zone_in_all_events_of_a_contact() -> None:
    options = {
        "id": "ticket",
        "daily_ids": True,
        "timezone": "Europe/Paris",
        "time_format": "%d/%m/%Y %H:%M",
        "events": [
            {"event": "visit.arrived", "time": "arrived"},
            {"event": "visit.called", "time": "called", "service": {"value": "mdph"}},
            {"event": "visit.served", "time": "served", "site": {"value": "siege"}},
        ],
    }
    record = {
        "ticket": "A12",
        "arrived": "04/05/2026 00:10",
        "called": "04/05/2026 00:20",
        "served": "04/05/2026 00:30",
    }
    events = map_one(options, record)
    assert {event.subject for event in events} == {"visit:table/essai:20260504-A12"}
    assert "arrived" in refusal(options, record | {"arrived": "", "called": "", "served": ""})


def test_yearly_ids_contain_the_year_of_the_zone() -> None:
    options = LETTER | {"yearly_ids": True, "timezone": "Europe/Paris"}
    (event,) = map_one(options, RECORD | {"id": "1", "time": "2025-12-31T22:59:00Z"})
    (next_event,) = map_one(options, RECORD | {"id": "1", "time": "2025-12-31T23:00:00Z"})
    assert (event.subject, next_event.subject) == ("mail:table/essai:2025-1", "mail:table/essai:2026-1")
    assert "time" in refusal(options, RECORD | {"time": ""})


def test_events_of_one_contact_may_have_ids_of_their_own() -> None:
    options = {
        "id": "id",
        "events": [
            {"event": "letter.arrived", "time": "time"},
            {"event": "letter.answered", "time": "time", "id": "answer"},
        ],
    }
    arrived, answered = map_one(options, {**RECORD, "answer": "L9"})
    assert (arrived.subject, answered.subject) == ("mail:table/essai:L1", "mail:table/essai:L9")


@pytest.mark.parametrize("part", ["day", "hour"])
def test_part_of_an_id_or_time_alone_is_rejected(part: str) -> None:
    options: dict[str, Any] = {
        "id": ["day", "hour"],
        "timezone": "UTC",
        "events": [{"event": "letter.arrived", "time": ["day", "hour"]}],
    }
    record = {"day": "2026-05-04", "hour": "09:30"}
    assert map_one(options, record)[0].time == datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
    assert refusal(options, record | {part: ""}) == f"missing_field: {part}"
    options["id"] = {"value": "1"}
    assert refusal(options, record | {part: ""}) == f"missing_field: {part}"


# -------------------------------------------------------------------------------------------------------------- identities
def test_identities_are_pseudonyms_the_strongest_first() -> None:
    options = {**LETTER, **{name: name for name in IDENTITY_NAMES}}
    values = {
        "case": "D-2026-17",
        "dossier": "12345",
        "rdv_user": "77",
        "email": "Camille.Exemple@example.org",
        "phone": "06 39 98 12 34",
    }
    (event,) = map_one(options, {**RECORD, **values})
    assert [identity.partition(":")[0] for identity in event.identities.split()] == [*IDENTITY_NAMES]
    assert not [value for value in values.values() if value.lower() in encode(event).decode().lower()]


@pytest.mark.parametrize("value", ["", "anonyme", "12", None, "0", "x" * 10_000, "DEM-2026-00001"])
def test_unusable_phone_number_is_left_out(value: Any) -> None:
    (event,) = map_one({**LETTER, "phone": "phone"}, {**RECORD, "phone": value})
    assert event.identities == ""


def test_phone_number_that_a_spreadsheet_turned_into_a_number_is_the_same_caller() -> None:
    options = {**LETTER, "phone": "phone"}
    numbers = ["0639981234", "06 39 98 12 34", 639981234, 639981234.0, "+33 6 39 98 12 34"]
    assert len({map_one(options, {**RECORD, "phone": number})[0].identities for number in numbers}) == 1


def test_register_number_that_may_be_personal_is_hashed() -> None:
    for value in ("0639981234", "Camille Exemple", "camille@example.org"):
        (event,) = map_one(options_for("letter.registered"), sample_for("letter.registered") | {"chrono": value})
        assert value not in encode(event).decode()


@pytest.mark.parametrize("name", ["email", "agent"])
def test_long_texts_in_the_field_of_a_person_are_not_kept(name: str) -> None:
    mapped = mapping({"id": "id", "queue": {"value": "rsa"}, name: name, "events": [ANSWERED]})
    tracemalloc.start()
    try:
        for number in range(100):
            record = {"id": "A1", "time": AT, name: f"{number}{'é' * 50_000}"}
            mapped.map(mapped.prepare(record), NOW)
        assert tracemalloc.get_traced_memory()[0] < 1 << 20
    finally:
        tracemalloc.stop()


# ------------------------------------------------------------------------------------------------------------------- times
@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ("2036-05-04T00:00:00Z", "time_in_future: time: more than 0:05:00 ahead of the clock"),
        ("1996-05-04T00:00:00Z", "time_in_past: time: more than 3653 days old"),
        ("2026-05-04T00:00:00", "invalid_field: time: has no offset from UTC, and `timezone` is not set"),
        ("9999-12-31T23:59:59-14:00", "invalid_field: time: not a time of the format iso"),
    ],
)
def test_time_outside_the_limits_names_the_field(value: str, detail: str) -> None:
    assert refusal(LETTER, {**RECORD, "time": value}) == detail


def test_durations_are_added_to_a_time() -> None:
    options = {
        "id": "id",
        "events": [{"event": "letter.arrived", "time": {"field": "time", "plus": ["a", "b"], "unit": "min"}}],
    }
    record = {"id": "1", "time": AT, "a": "1", "b": "00:00:30"}
    assert map_one(options, record)[0].time == datetime.fromisoformat(AT) + timedelta(seconds=90)
    for name in ("a", "b"):
        assert refusal(options, record | {name: ""}) == f"missing_field: {name}"
        assert refusal(options, record | {name: "x"}) == f"invalid_field: {name}: not a duration"
    assert "time, a, b" in refusal(options, record | {"time": "2026-11-30T09:00:00Z", "a": "9999"})
    assert "time" in refusal(options, record | {"time": "9999-12-31T23:59:59Z", "a": "9999"})


def test_admission_far_from_the_event_may_be_a_phone_number() -> None:
    options = options_for("letter.arrived") | {"time_format": "epoch"}
    record = {"id": "1", "time": 1777879800, "pages": 1, "admitted_at": "0639981234"}
    assert refusal(options, record) == "invalid_field: admitted_at: more than ten years from the event"


# -------------------------------------------------------------------------------------------------------------------- states
STATES: Mapping[str, Any] = {
    "id": "id",
    "state": "state",
    "changed_at": "changed",
    "ignored": {"state": ["brouillon", ""], "kind": ["test"]},
    "events": [
        {"event": "form.submitted", "state": "depose", "procedure": {"value": "transport"}},
        {"event": "form.taken_up", "state": "instruction"},
        {
            "event": "form.decided",
            "state": ["accepte", "refuse"],
            "decision": {"field": "state", "values": {"accepte": "accepted", "refuse": "rejected"}},
        },
    ],
}


@pytest.mark.parametrize(
    ("state", "known", "events"),
    [
        ("depose", "", ["form.submitted"]),
        ("depose", "depose", []),
        ("instruction", "depose", ["form.taken_up"]),
        ("accepte", "instruction", ["form.decided"]),
        ("refuse", "accepte", ["form.decided"]),
        ("brouillon", "depose", []),
        ("", "depose", []),
        ("depose", "brouillon", ["form.submitted"]),
    ],
)
def test_event_happens_when_its_state_begins(state: str, known: str, events: list[str]) -> None:
    record = {"id": "1", "state": state, "changed": AT}
    assert [event.type for event in map_one(STATES, record, known_state=known)] == events
    assert mapping(STATES).prepare(record).state == state


def test_unknown_state_is_rejected() -> None:
    record = {"id": "1", "state": "perdu", "changed": AT}
    assert refusal(STATES, record) == "unknown_enum: state: no event has this state"
    assert map_one({**STATES, "ignored": {"state": "*"}}, record) == ()
    assert refusal({**STATES, "ignored": {}}, record | {"state": ""}) == "missing_field: state"


def test_an_empty_part_of_an_id_is_named_and_may_have_a_constant() -> None:
    record = {**RECORD, "day": "1", "desk": " ", "class": ""}
    assert refusal({**LETTER, "id": ["day", "desk", "class"]}, record) == "missing_field: desk, class"
    (event, *_rest) = map_one({**LETTER, "id": "class || 'C1'"}, record)
    assert event.subject.endswith(":C1")


def test_ignored_record_has_no_contact() -> None:
    prepared = mapping(STATES).prepare({"kind": "test"})
    assert prepared.is_ignored
    assert mapping(STATES).map(prepared, NOW) == ()


def test_unnamed_fields_are_not_read() -> None:
    class Untouchable:
        def __repr__(self) -> str:
            raise AssertionError("a field that no option names was read")

        __str__ = __repr__

    record = {**RECORD, "comment": Untouchable()}
    assert map_one(LETTER, record) == map_one(LETTER, RECORD)
    assert Reason.MISSING_FIELD in refusal(LETTER, {**RECORD, "time": ""})


def test_samples_have_the_types_of_the_fields() -> None:
    assert issubclass(StrEnum, str)
    assert {
        name
        for event in EVENT_MODELS
        for name, field in data_fields(event).items()
        if not is_label(field) and not enum_of(field)
    } == SAMPLES.keys()


def _check_detail(error: UnusableRecord, name: str) -> None:
    assert name in error.detail
    assert "@@" not in error.detail


def test_the_number_of_a_queue_stay_is_small_or_the_time_of_its_start() -> None:
    options = {"id": "id", "visit": "visit", "queue": {"value": "rsa"}, "events": [ANSWERED]}
    start = int(datetime.fromisoformat(AT).timestamp()) - 90
    for number in (1, 1000, start):
        (event,) = map_one(options, {"id": "A1", "time": AT, "visit": number})
        assert data(event)["visit"] == number
    for number in (1001, 639_981_234, start - 90_000):
        detail = refusal(options, {"id": "A1", "time": AT, "visit": number})
        assert detail == "invalid_field: visit: neither a number up to 1000 nor the start of the queue stay"
