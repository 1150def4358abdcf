"""Conditions on records: which events a record gives, and which records concern no contact."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from connectors.sdk.mapping.conversions import read_number
from connectors.sdk.mapping.fields import Record, field_getter, text_getter
from connectors.sdk.mapping.options import MappingOptions
from connectors.sdk.mapping.value_options import ANY, TestOptions
from models.codec import UnusableRecord
from models.reasons import Reason

Predicate = Callable[[Record], bool]
"""Function that tests a record. Raises `UnusableRecord` if a field has no value that can be tested."""
Closed = Mapping[str, frozenset[str]]
"""Known values of the fields that conditions compare with values, by field. Others are rejected, unless `"*"` is among them."""


def find_closed_fields(options: MappingOptions) -> Closed:
    """Return the known values of each field that a condition compares with values: those of all conditions and of `ignored`."""
    known: dict[str, set[str]] = {}
    for event in options.events:
        for name, test in event.when.items():
            if test.one_of:
                known.setdefault(name, set()).update(test.one_of)
    return {name: frozenset(values.union(options.ignored.get(name, ()))) for name, values in known.items()}


def ignored_predicate(ignored: Mapping[str, tuple[str, ...]]) -> Predicate:
    """Return whether a field of the record has one of its `ignored` values; an empty text stands for no value."""
    tests = [
        (text_getter((name,)), frozenset(values) - {ANY}) for name, values in ignored.items() if set(values) - {ANY}
    ]
    if not tests:
        return lambda _record: False
    return lambda record: any((get(record) or "") in values for get, values in tests)


def all_of(
    condition: Mapping[str, TestOptions], closed: Closed, values: Mapping[str, Mapping[str, str]] = MappingProxyType({})
) -> Predicate:
    """Return whether a record passes all tests of a condition, which are made in order. `values` has the tables of names."""
    tests = [
        part
        for name, test in condition.items()
        for part in _parts(name, test, closed.get(name, frozenset()), values.get(test.in_values, {}))
    ]
    if not tests:
        return lambda _record: True
    if len(tests) == 1:
        return tests[0]
    return lambda record: all(test(record) for test in tests)


def _parts(name: str, test: TestOptions, known: frozenset[str], table: Mapping[str, str]) -> list[Predicate]:
    parts = []
    if test.has_value is not None:
        parts.append(_has_value(name, expected=test.has_value))
    if test.one_of:
        parts.append(_is_one_of(name, frozenset(test.one_of), known))
    if test.pattern:
        parts.append(_matches(name, test.pattern))
    if test.in_values:
        parts.append(_is_in_table(name, table))
    if test.at_least is not None or test.below is not None:
        parts.append(_is_between(name, test.at_least, test.below))
    return parts


def _has_value(name: str, *, expected: bool) -> Predicate:
    get = field_getter(name)
    return lambda record: _is_value(get(record)) is expected


def _is_value(value: Any) -> bool:
    """Return whether a field has a value other than false. Zero is a value, an empty list is none."""
    return value is not None and value is not False and (not isinstance(value, list | dict) or bool(value))


def _is_one_of(name: str, values: frozenset[str], known: frozenset[str]) -> Predicate:
    get = text_getter((name,))
    is_open = ANY in known

    def test(record: Record) -> bool:
        text = get(record) or ""
        if text in values:
            return True
        if text not in known and not is_open:
            if not text:
                raise UnusableRecord(Reason.MISSING_FIELD, name)
            raise UnusableRecord(Reason.UNKNOWN_ENUM, f"{name}: neither in a `when` nor in `ignored`")
        return False

    return test


def _is_in_table(name: str, table: Mapping[str, str]) -> Predicate:
    get = text_getter((name,))

    def test(record: Record) -> bool:
        text = get(record)
        if text is None:
            raise UnusableRecord(Reason.MISSING_FIELD, name)
        return text in table

    return test


def _matches(name: str, pattern: str) -> Predicate:
    get, match = text_getter((name,)), re.compile(pattern).fullmatch

    def test(record: Record) -> bool:
        text = get(record)
        if text is None:
            raise UnusableRecord(Reason.MISSING_FIELD, name)
        return match(text) is not None

    return test


def _is_between(name: str, at_least: float | None, below: float | None) -> Predicate:
    get = field_getter(name)

    def test(record: Record) -> bool:
        value = get(record)
        if value is None:
            raise UnusableRecord(Reason.MISSING_FIELD, name)
        try:
            number = read_number(value)
        except ValueError as error:
            raise UnusableRecord(Reason.INVALID_FIELD, f"{name}: {error}") from None
        return (at_least is None or number >= at_least) and (below is None or number < below)

    return test
