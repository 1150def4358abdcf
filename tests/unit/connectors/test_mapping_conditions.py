"""Conditions of a mapping: tests of values, known and ignored values, and values that no condition names."""

from typing import Any

import pytest

from connectors.sdk.mapping.conditions import all_of, find_closed_fields, ignored_predicate
from connectors.sdk.mapping.options import MappingOptions
from models.codec import UnusableRecord
from models.reasons import Reason


def mapping(*conditions: Any, **options: Any) -> MappingOptions:
    """Return a mapping with an event for each condition."""
    events = [{"event": "letter.arrived", "time": "t", "when": condition} for condition in conditions]
    return MappingOptions.model_validate({"id": "id", "events": events, **options})


def passes(condition: Any, record: dict[str, Any], **options: Any) -> bool:
    """Return whether a record passes the condition of a mapping."""
    parsed = mapping(condition, **options)
    return all_of(parsed.events[0].when, find_closed_fields(parsed), parsed.values)(record)


@pytest.mark.parametrize(
    ("condition", "value", "result"),
    [
        ({"a": "x"}, "x", True),
        ({"a": "x"}, " x ", True),
        ({"a": ["x", "y"]}, "y", True),
        ({"a": 5}, "5", True),
        ({"a": 5}, 5.0, True),
        ({"a": [True]}, True, True),
        ({"a": ""}, "", True),
        ({"a": ""}, None, True),
        ({"a": True}, "x", True),
        ({"a": True}, "", False),
        ({"a": True}, None, False),
        ({"a": True}, False, False),
        ({"a": True}, [], False),
        ({"a": True}, {}, False),
        ({"a": True}, 0, True),
        ({"a": True}, 0.0, True),
        ({"a": False}, 0, False),
        ({"a": False}, " ", True),
        ({"a": {"at_least": 5}}, "5", True),
        ({"a": {"at_least": 5}}, 4.9, False),
        ({"a": {"at_least": 5, "below": 6}}, "5,5", True),
        ({"a": {"below": 6}}, 6, False),
        ({"a": {"pattern": "0[67].*"}}, "0639981234", True),
        ({"a": {"pattern": "0[67]"}}, "0639981234", False),
        ({"a": {"pattern": "[0-9]+"}}, 12.0, True),
        ({"a": {"pattern": "x.*", "one_of": ["xa"]}}, "xa", True),
        ("a", "x", True),
        ("a", "", False),
        ("a == 'x'", "x", True),
        ("a == 'x'", "y", False),
        ("a == 'x'", None, False),
        ({}, None, True),
    ],
)
def test_condition(condition: Any, value: Any, result: bool) -> None:
    assert passes(condition, {"a": value}) is result


def test_all_tests_of_a_condition_must_hold() -> None:
    condition = {"a": "x", "b": "y"}
    assert passes(condition, {"a": "x", "b": "y"})
    with pytest.raises(UnusableRecord):
        passes(condition, {"a": "x", "b": "z"})


@pytest.mark.parametrize(
    ("condition", "value", "reason", "detail"),
    [
        ({"a": "x"}, "y", Reason.UNKNOWN_ENUM, "a: neither in a `when` nor in `ignored`"),
        ({"a": "x"}, "X", Reason.UNKNOWN_ENUM, "a: neither in a `when` nor in `ignored`"),
        ({"a": "x"}, "", Reason.MISSING_FIELD, "a"),
        ({"a": "x"}, None, Reason.MISSING_FIELD, "a"),
        ({"a": "x"}, ["x"], Reason.INVALID_FIELD, "a: not a single value"),
        ({"a": {"pattern": "x"}}, None, Reason.MISSING_FIELD, "a"),
        ({"a": {"at_least": 5}}, None, Reason.MISSING_FIELD, "a"),
        ({"a": {"at_least": 5}}, "beaucoup", Reason.INVALID_FIELD, "a: not a number"),
        ({"a": {"at_least": 5}}, float("nan"), Reason.INVALID_FIELD, "a: not a number"),
        ({"a": {"below": 5}}, True, Reason.INVALID_FIELD, "a: not a number"),
        ("length(a)", 5, Reason.INVALID_FIELD, "length(a): cannot be evaluated"),
    ],
)
def test_value_that_cannot_be_tested_rejects_the_record(
    condition: Any, value: Any, reason: Reason, detail: str
) -> None:
    with pytest.raises(UnusableRecord) as raised:
        passes(condition, {"a": value})
    assert (raised.value.reason, raised.value.detail) == (reason, detail)


def test_known_values_are_those_of_all_conditions_and_of_ignored() -> None:
    parsed = mapping({"a": "x"}, {"a": ["y"], "b": {"at_least": 1}}, {"c": True}, ignored={"a": ["z"], "d": "w"})
    assert find_closed_fields(parsed) == {"a": {"x", "y", "z"}}
    test = all_of(parsed.events[0].when, find_closed_fields(parsed))
    assert [test({"a": value}) for value in "xyz"] == [True, False, False]


def test_star_in_ignored_allows_all_other_values() -> None:
    assert passes({"a": "x"}, {"a": "anything"}, ignored={"a": "*"}) is False
    assert passes({"a": "x"}, {"a": None}, ignored={"a": "*"}) is False
    assert passes({"a": "x"}, {"a": "x"}, ignored={"a": "*"}) is True


def test_ignored_records() -> None:
    is_ignored = ignored_predicate({"a": ("TEST", "", "5"), "b": ("*",)})
    assert [is_ignored({"a": value, "b": "x"}) for value in ("TEST", " ", None, 5.0, "x")] == [True] * 4 + [False]
    assert not ignored_predicate({"b": ("*",)})({"b": "x"})


def test_values_with_a_name_in_a_table() -> None:
    condition, names = {"a": {"in_values": "service"}}, {"values": {"service": {"610": "mdph"}}, "service": "a"}
    assert passes(condition, {"a": 610.0}, **names) is True
    assert passes(condition, {"a": "611"}, **names) is False
    with pytest.raises(UnusableRecord, match="missing_field: a"):
        passes(condition, {"a": ""}, **names)
    names["values"] = {"service": {"*": "mdph"}}
    assert passes(condition, {"a": "611"}, **names) is False


@pytest.mark.parametrize("test", [[], {}, {"one_of": []}, {"pattern": ""}])
def test_a_test_without_a_value_is_refused(test: Any) -> None:
    with pytest.raises(ValueError, match="needs at least one value"):
        mapping({"a": test})
