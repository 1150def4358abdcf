"""Readers of the values of a record, as the options of a mapping say: texts, times, names from tables, numbers, states."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from pydantic.fields import FieldInfo

from connectors.sdk.contact_reasons import ContactReasons
from connectors.sdk.identifiers import reference_for
from connectors.sdk.mapping.conditions import Closed
from connectors.sdk.mapping.conversions import ToTime, read_cents, read_seconds, read_whole_number, time_reader
from connectors.sdk.mapping.event_fields import enum_of, is_label
from connectors.sdk.mapping.fields import (
    FieldName,
    Getter,
    Record,
    field_getter,
    sparse_text_getter,
    text_getter,
)
from connectors.sdk.mapping.options import MappingOptions, value_table
from connectors.sdk.mapping.value_options import ANY, Scalar, ValueOptions
from models.codec import UnusableRecord
from models.identities import IdentityKind, PseudonymKey, normalise
from models.reasons import Reason
from models.topics import Channel

CACHED_PSEUDONYMS: Final = 16_384
"""Most pseudonyms in the cache of one field of a mapping: at most about 5 MiB. Another event of the same citizen or agent then
takes a twentieth of the time."""
LONGEST_CACHED: Final = 100
"""Characters of the longest value whose pseudonym is kept; longer ones are texts in the wrong field."""


def name_fields(value: ValueOptions) -> str:
    """Return the names of a value's fields, for messages."""
    return ", ".join((*value.field, *value.plus)) or repr(value.value)


class Reader(NamedTuple):
    """A getter and the name of its fields, for messages."""

    get: Getter
    fields: str
    parts: tuple[FieldName, ...] = ()
    """Fields that are joined."""


def require(reader: Reader) -> Getter:
    """Return a getter that raises `UnusableRecord`, which names the empty fields, instead of returning None."""

    def get(record: Record) -> Any:
        value = reader.get(record)
        if value is None:
            empty = [name for name in reader.parts if field_getter(name)(record) is None]
            raise UnusableRecord(Reason.MISSING_FIELD, ", ".join(empty) or reader.fields)
        return value

    return get


def text_reader(value: ValueOptions, get_text: Callable[[Sequence[FieldName]], Getter] = text_getter) -> Reader:
    """Return the reader of a value as text, with `pattern` applied. `get_text` returns the getter of its fields.

    It raises `UnusableRecord` for a text that does not match.
    """
    fields = name_fields(value)
    if value.value is not None:
        constant = str(value.value)
        return Reader(lambda _record: constant, fields)
    get = get_text(value.field)
    if not value.pattern:
        return Reader(get, fields, value.field)
    match = re.compile(value.pattern).fullmatch

    def extract(record: Record) -> Any:
        text = get(record)
        if text is None:
            return None
        found = match(text)
        if found is None:
            raise UnusableRecord(Reason.INVALID_FIELD, f"{fields}: does not match the pattern")
        return (found[1] if found.re.groups else text) or None

    return Reader(extract, fields, value.field)


def _converted(reader: Reader, convert: Callable[[Any], Any]) -> Reader:
    """Return the reader of a value converted by a function that raises `ValueError`."""

    def get(record: Record) -> Any:
        value = reader.get(record)
        if value is None:
            return None
        try:
            return convert(value)
        except ValueError as error:
            raise UnusableRecord(Reason.INVALID_FIELD, f"{reader.fields}: {error}") from None

    return reader._replace(get=get)


def _raw_reader(value: ValueOptions) -> Reader:
    """Return the reader of a value in its own type, if it is one field without a pattern; else as text."""
    if len(value.field) == 1 and not value.pattern:
        return Reader(field_getter(value.field[0]), name_fields(value))
    return text_reader(value)


def event_time_reader(mapping: MappingOptions, value: ValueOptions, zone: ZoneInfo | None) -> Reader:
    """Return the reader of a time in UTC. Times without an offset are in `zone`; with None they are rejected."""
    to_time: ToTime = time_reader(value.format or mapping.time_format, zone)
    start = _converted(_raw_reader(value), to_time)._replace(fields=", ".join(value.field) or repr(value.value))
    if not value.plus:
        return start
    durations = [
        (require(_converted(Reader(field_getter(name), name), partial(read_seconds, unit=value.unit))))
        for name in value.plus
    ]

    def get(record: Record) -> Any:
        at = start.get(record)
        if at is None:
            return None
        try:
            return at + timedelta(seconds=sum(read(record) for read in durations))
        except OverflowError:
            raise UnusableRecord(Reason.INVALID_FIELD, f"{name_fields(value)}: not a time") from None

    return start._replace(get=get)


def _table_reader(reader: Reader, table: Mapping[str, Scalar], name: str) -> Reader:
    """Return the reader of a value's entry in `table`; values that it does not have are rejected."""
    texts = {key: str(value) for key, value in table.items()}
    others = texts.get(ANY)

    def get(record: Record) -> Any:
        text = reader.get(record)
        if text is None:
            return None
        entry = texts.get(text, others)
        if entry is None:
            raise UnusableRecord(Reason.UNKNOWN_ENUM, f"{reader.fields}: not in values.{name}")
        return entry

    return Reader(get, reader.fields)


def maybe_label_reader(mapping: MappingOptions, name: str, value: ValueOptions | None) -> Getter:
    """Return the getter of a name from the mapping's tables; without an option it returns an empty text."""
    if value is None:
        return lambda _record: ""
    return _label_reader(mapping, name, value).get


def _label_reader(mapping: MappingOptions, name: str, value: ValueOptions) -> Reader:
    reader = text_reader(value, sparse_text_getter)
    table = value_table(mapping, name, value)
    is_name = value.value is not None or (name == "contact_reason" and not table)  # `reason_getter` checks reasons
    return reader if is_name else _table_reader(reader, table, name)


def reason_getter(reader: Reader, contact_reasons: ContactReasons, channel: Channel) -> Getter:
    """Return a getter that raises `UnusableRecord` for a reason that contacts of `channel` cannot have, or without one."""
    get_required = require(reader)

    def get(record: Record) -> Any:
        name = get_required(record)
        contact_reasons.check(name, channel, reader.fields)
        return name

    return get


def identity_getter(kind: IdentityKind, value: ValueOptions, region: str, key: PseudonymKey) -> Getter:
    """Return the getter of a citizen's pseudonym; an empty text for a missing, invalid or blocked value."""
    get = text_reader(value).get

    @_keep_last
    def pseudonym(text: str) -> str:
        normalised = normalise(kind, text, region)
        return key.pseudonym(kind, normalised) if normalised else ""

    return lambda record: pseudonym(get(record) or "")


def _keep_last(pseudonym: Callable[[str], str]) -> Callable[[str], str]:
    """Return `pseudonym` with a cache of its last results."""
    kept = lru_cache(CACHED_PSEUDONYMS)(pseudonym)
    return lambda text: kept(text) if len(text) <= LONGEST_CACHED else pseudonym(text)


def data_reader(
    mapping: MappingOptions,
    name: str,
    field: FieldInfo,
    value: ValueOptions,
    key: PseudonymKey,
    zone: ZoneInfo | None,
) -> Reader:
    """Return the reader of a field of an event's data, in the type of that field."""
    if is_label(field):
        return _label_reader(mapping, name, value)
    if name == "agent":
        return _converted(text_reader(value), _keep_last(partial(key.pseudonym, IdentityKind.AGENT)))
    if name.endswith("_at"):
        return event_time_reader(mapping, value, zone)
    reader = text_reader(value)
    if table := value_table(mapping, name, value):
        reader = _table_reader(reader, table, name)
    if members := enum_of(field):
        return _converted(reader, partial(_member, members))
    if name.endswith("_seconds"):
        return _converted(_raw_reader(value), partial(read_seconds, unit=value.unit))
    if name == "chrono":
        return _converted(reader, partial(reference_for, key=key))
    if name.endswith("_cents"):
        return _converted(reader, partial(read_cents, unit=value.unit))
    return _converted(reader, read_whole_number)


def _member(members: type[StrEnum], text: str) -> StrEnum:
    try:
        return members(text)
    except ValueError:
        raise ValueError(f"not one of {', '.join(members)}") from None


def state_reader(mapping: MappingOptions, closed: Closed) -> Getter:
    """Return the getter of a record's state.

    It rejects a state that no event, `when`, `values.state`, `other_states` or `ignored` names.
    """
    assert mapping.state is not None
    reader = text_reader(mapping.state)
    ignored = frozenset(mapping.ignored.get(reader.fields, ()))
    if table := value_table(mapping, "state", mapping.state):
        return _named_state_reader(reader, table, ignored)
    known = {state for event in mapping.events for state in event.state}
    known |= ignored | closed.get(reader.fields, frozenset()) | set(mapping.other_states)
    read = (lambda record: reader.get(record) or "") if "" in ignored else require(reader)

    def get(record: Record) -> str:
        state: str = read(record)
        if state not in known and ANY not in ignored:
            raise UnusableRecord(Reason.UNKNOWN_ENUM, f"{reader.fields}: no event has this state")
        return state

    return get


def _named_state_reader(reader: Reader, table: Mapping[str, Scalar], ignored: frozenset[str]) -> Getter:
    """Return the getter of the name that `table` has for a state; an empty one for the states in `ignored`."""
    named = require(_table_reader(reader, table, "state"))

    def get(record: Record) -> Any:
        state = reader.get(record) or ""
        return "" if state in ignored or (ANY in ignored and state not in table) else named(record)

    return get


def state_fields(mapping: MappingOptions) -> set[str]:
    """Return the field with the state; records in an ignored state are remembered, unlike other ignored records."""
    fields = mapping.state.field if mapping.state else ()
    return set(fields) if len(fields) == 1 else set()
