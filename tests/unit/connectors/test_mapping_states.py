"""Mappings of states, and of histories in one record."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.sdk.mapping.options import MappingOptions
from connectors.sdk.mapping.record_mapping import RecordMapping
from connectors.sdk.mapping.trial import Trial, TriedRecord
from connectors.sdk.samples import PlacedRecord, split_records
from models.identities import PseudonymKey
from models.reasons import Reason

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
STATES: Mapping[str, Any] = {
    "id": "number",
    "state": "state",
    "changed_at": "changed",
    "procedure": {"value": "transport"},
    "events": [
        {"event": "form.submitted", "state": "submitted"},
        {"event": "form.taken_up", "state": "taken_up"},
        {"event": "form.decided", "state": "accepted", "decision": {"value": "accepted"}},
    ],
    "values": {"state": {"1": "submitted", "2": "taken_up", "3": "accepted", "9": ""}},
}
HISTORY: Mapping[str, Any] = {
    **STATES,
    "rows": "events",
    "each": "history",
    "state": "history.state",
    "changed_at": "history.at",
}


def run(options: Mapping[str, Any], *records: Mapping[str, Any]) -> list[TriedRecord]:
    checked = MappingOptions.model_validate(options)
    trial = Trial(RecordMapping("http/test", checked, PseudonymKey("social", b"k" * 32)), checked)
    return list(trial.run([PlacedRecord(record, "record 1") for record in records], NOW))


def row(state: Any, minute: int = 0) -> dict[str, Any]:
    return {"number": 7, "state": state, "changed": f"2026-11-30T09:{minute:02}:00Z"}


def types(tried: Sequence[TriedRecord]) -> list[list[str]]:
    return [[event.type for event in record.events] for record in tried]


def problem(options: Mapping[str, Any]) -> str:
    with pytest.raises(ValidationError) as refusal:
        MappingOptions.model_validate(options)
    return str(refusal.value)


# --------------------------------------------------------------------------------------------------------------- states
def test_states_of_the_source_are_named_by_a_table() -> None:
    assert types(run(STATES, row(1), row(2, 1), row("3", 2))) == [
        ["form.submitted"],
        ["form.taken_up"],
        ["form.decided"],
    ]


def test_an_empty_state_gives_no_event_and_is_remembered() -> None:
    assert types(run(STATES, row(2), row(9, 1), row(2, 2))) == [["form.taken_up"], [], ["form.taken_up"]]


@pytest.mark.parametrize("ignored", [["8", ""], "*"])
@pytest.mark.parametrize("state", [8, None])
def test_an_ignored_state_gives_no_event_and_is_remembered(state: Any, ignored: Any) -> None:
    options = {**STATES, "ignored": {"state": ignored}}
    assert types(run(options, row(2), row(state, 1), row(2, 2))) == [["form.taken_up"], [], ["form.taken_up"]]


def test_the_same_state_gives_no_second_event() -> None:
    other = {**STATES, "values": {"state": {"2": "taken_up", "4": "taken_up"}}}
    assert types(run(other, row(2), row(2, 1), row(4, 2))) == [["form.taken_up"], [], []]


def test_a_state_outside_the_table_is_rejected_and_proposed() -> None:
    checked = MappingOptions.model_validate(STATES)
    trial = Trial(RecordMapping("http/test", checked, PseudonymKey("social", b"k" * 32)), checked)
    (tried,) = trial.run([PlacedRecord(row(5))], NOW)
    assert tried.rejected == (Reason.UNKNOWN_ENUM, "state: not in values.state")
    assert trial.unknown == {"values.state": {"5": 1}}


def test_a_record_without_a_state_is_rejected() -> None:
    (tried,) = run(STATES, row(None))
    assert tried.rejected == (Reason.MISSING_FIELD, "state")


def test_a_table_may_name_all_other_states() -> None:
    assert types(run({**STATES, "values": {"state": {"1": "submitted", "*": ""}}}, row(1), row(5, 1))) == [
        ["form.submitted"],
        [],
    ]


def test_the_table_may_be_in_the_option() -> None:
    options = {**STATES, "values": {}, "state": {"field": "state", "values": {"1": "submitted", "2": ""}}}
    assert types(run(options, row(1), row(2, 1))) == [["form.submitted"], []]
    wrong = {**options, "state": {"field": "state", "values": {"1": "taken-up"}}}
    assert "state.values.1 'taken-up' is not a state of an event; did you mean taken_up?" in problem(wrong)


def test_a_table_with_a_state_of_no_event_is_refused() -> None:
    wrong = {**STATES, "values": {"state": {"1": "submited"}}}
    assert "values.state.1 'submited' is not a state of an event; did you mean submitted?" in problem(wrong)


def test_a_state_and_a_condition_on_its_field_are_refused() -> None:
    both = {"event": "form.taken_up", "state": "taken_up", "when": {"state": "2"}}
    expected = "events #1.when.state is the field of `state`: name its values in `state` only"
    assert expected in problem({**STATES, "events": [both, *STATES["events"][::2]]})
    only_condition = {"event": "form.taken_up", "time": "changed", "when": {"state": ["1", "2", "3", "9"]}}
    assert types(run({**STATES, "events": [only_condition, *STATES["events"]]}, row(1))) == [
        ["form.taken_up", "form.submitted"]
    ]


def test_a_table_of_states_needs_the_option() -> None:
    options = {name: value for name, value in STATES.items() if name not in {"state", "changed_at", "events"}}
    events = [{"event": "form.submitted", "time": "changed"}]
    assert "values.state is unknown" in problem({**options, "events": events})


APPOINTMENTS: Mapping[str, Any] = {
    "id": "number",
    "state": "state",
    "changed_at": "changed",
    "starts_at": "slot",
    "other_states": ["booked"],
    "events": [
        {"event": "appointment.booked", "time": "booked"},
        {"event": "appointment.moved", "state": "moved"},
        {"event": "appointment.cancelled", "state": "off", "by": {"value": "service"}},
    ],
}


def appointment(state: str, slot: int, minute: int) -> dict[str, Any]:
    times = {"booked": "2026-11-01T09:00:00Z", "slot": f"2026-12-{slot:02}T09:00:00Z"}
    return {"number": 7, "state": state, "changed": f"2026-11-30T09:{minute:02}:00Z", **times}


@pytest.mark.parametrize("minutes", [(1, 2, 3), (1, 1, 1)])
def test_an_appointment_is_moved_with_each_new_slot(minutes: tuple[int, int, int]) -> None:
    rows = [appointment("moved", slot, minute) for slot, minute in zip((2, 3, 4), minutes, strict=True)]
    tried = run(APPOINTMENTS, appointment("booked", 1, 0), *rows)
    assert types(tried) == [["appointment.booked"], *[["appointment.moved"]] * 3]
    moves = [record.events[0] for record in tried[1:]]
    assert [move.data.starts_at.day for move in moves] == [2, 3, 4]  # type: ignore[union-attr]
    assert len({move.id for move in moves}) == 3


def test_a_changed_time_in_the_same_state_and_slot_is_no_move() -> None:
    assert types(run(APPOINTMENTS, appointment("moved", 2, 1), appointment("moved", 2, 5))) == [
        ["appointment.booked", "appointment.moved"],
        [],
    ]


def test_a_state_that_begins_again_at_the_same_time_is_reported_as_known() -> None:
    rows = [appointment("moved", 2, 1), appointment("off", 2, 1), appointment("moved", 2, 1)]
    tried = run(APPOINTMENTS, *rows)
    assert types(tried)[2:] == [[]]
    assert [record.is_known for record in tried] == [False, False, True]


def test_an_appointment_is_moved_after_another_state() -> None:
    rows = [appointment("moved", 2, 1), appointment("off", 2, 2), appointment("moved", 2, 3)]
    assert types(run(APPOINTMENTS, *rows))[1:] == [["appointment.cancelled"], ["appointment.moved"]]


def test_an_appointment_that_is_booked_in_a_state_is_moved_there_with_each_new_slot_only() -> None:
    events = [
        {"event": "appointment.booked", "state": "booked"},
        {"event": "appointment.moved", "state": ["moved", "booked"]},
    ]
    options = {**APPOINTMENTS, "other_states": ["draft"], "events": events}
    rows = [appointment("draft", 1, 0), appointment("booked", 1, 1), appointment("booked", 2, 2)]
    assert types(run(options, *rows)) == [[], ["appointment.booked"], ["appointment.moved"]]
    assert types(run(options, *rows[1:])) == [["appointment.booked"], ["appointment.moved"]]


# -------------------------------------------------------------------------------------------------------------- history
def history(*states: tuple[Any, int]) -> dict[str, Any]:
    return {"number": 7, "history": [{"state": state, "at": f"2026-11-30T09:{at:02}:00Z"} for state, at in states]}


def test_each_element_of_a_list_is_a_record() -> None:
    tried = run(HISTORY, history((1, 0), (2, 5), (9, 6), (2, 7), (3, 8)))
    assert types(tried) == [["form.submitted"], ["form.taken_up"], [], ["form.taken_up"], ["form.decided"]]
    assert [record.place for record in tried] == [f"record 1, history {number}" for number in range(1, 6)]
    assert len({event.id for record in tried for event in record.events}) == 4


def test_a_longer_history_gives_only_its_new_elements() -> None:
    tried = run(HISTORY, history((1, 0)), history((1, 0), (2, 5)))
    assert types(tried) == [["form.submitted"], [], ["form.taken_up"]]
    assert [record.is_repeated for record in tried] == [False, True, False]


def test_an_element_is_rejected_alone() -> None:
    tried = run(HISTORY, history((1, 0), (5, 5), (3, 8)))
    assert types(tried) == [["form.submitted"], [], ["form.decided"]]
    assert tried[1].rejected == (Reason.UNKNOWN_ENUM, "history.state: not in values.state")


def test_a_list_in_an_object_has_its_path() -> None:
    inner = {"history": [{"at": 1}, {"at": 2}], "ref": "x"}
    records = [PlacedRecord({"number": 7, "attributes": inner}, "record 1"), PlacedRecord({"attributes": 1})]
    first, second, third = split_records(records, "attributes.history")
    assert (first.fields, first.place) == (
        {"number": 7, "attributes": {"history": {"at": 1}, "ref": "x"}},
        "record 1, attributes.history 1",
    )
    assert second.fields["attributes"]["history"] == {"at": 2}
    assert third.problem == "attributes.history: not a list"
    (column,) = split_records([PlacedRecord({"a.b": [1]})], "a.b")  # a name with a dot
    assert column.fields == {"a.b": 1}


@pytest.mark.parametrize("value", [None, "1", {"state": 1}, 7])
def test_a_record_without_the_list_is_rejected(value: Any) -> None:
    (tried,) = run(HISTORY, {"number": 7, "history": value})
    assert tried.rejected == (Reason.UNREADABLE_LINE, "history: not a list")


def test_a_record_with_an_empty_list_gives_nothing() -> None:
    assert run(HISTORY, {"number": 7, "history": []}) == []


def test_records_that_cannot_be_read_are_not_split() -> None:
    bad = PlacedRecord({"number": 7}, "line 3", "too few columns")
    assert split_records([bad], "history") == [bad]
    assert split_records([bad], "") == [bad]
