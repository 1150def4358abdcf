"""Trial of a mapping with sample records: which events each gives, and what the mapping does not know yet."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import attrgetter
from typing import Final

from connectors.sdk.contact_reasons import NO_REASONS, ContactReasons
from connectors.sdk.contract import Reject
from connectors.sdk.flow import map_or_reject
from connectors.sdk.mapping.conditions import all_of, find_closed_fields
from connectors.sdk.mapping.doubtful_values import find_long_durations
from connectors.sdk.mapping.event_fields import CLOSED_LISTS, data_fields, is_label
from connectors.sdk.mapping.fields import Getter, Record, is_expression, sparse_text_getter, text_getter
from connectors.sdk.mapping.impossible_order import (
    BEGINNINGS,
    SINGLE_EVENT_TYPES,
    find_disorder,
    find_uncounted,
    find_without_wait,
    stay_of,
)
from connectors.sdk.mapping.options import EventOptions, MappingOptions, field_option, find_fields, value_table
from connectors.sdk.mapping.readers import text_reader
from connectors.sdk.mapping.record_mapping import PreparedRecord, RecordKey, RecordMapping, fact_checksum
from connectors.sdk.mapping.sample_columns import seems_total
from connectors.sdk.mapping.value_options import ANY, TestOptions
from connectors.sdk.samples import PlacedRecord, flatten, split_records
from models.codec import UnusableRecord
from models.events import Event
from models.reasons import Reason

_PATH: Final = re.compile(r"[\w.]+")
MISSING_TABLE: Final = {" ": "unnamed"}
"""Placeholder for a table under `values` that the mapping lacks. No value matches it: values are stripped."""


@dataclass(frozen=True, slots=True)
class TriedRecord:
    """A record of the sample and what became of it."""

    place: str
    events: tuple[Event, ...] = ()
    rejected: tuple[Reason, str] | None = None
    """Reason and detail of a rejection."""
    is_repeated: bool = False
    """True if an earlier record of the sample had the same contents: it is skipped."""
    replaced: tuple[Event, ...] = ()
    """Events of an earlier record of the sample with the same id, if this record lacks one of them. They then no longer count."""
    is_known: bool = False
    """True if the contact has had all events of the record already."""
    disorder: tuple[tuple[str, str], ...] = ()
    """Events that this record puts into an impossible order, as `find_disorder` yields them."""
    second: tuple[str, ...] = ()
    """Event types that a contact has once, or once per queue stay, and that this record gives again with other data."""
    long: tuple[tuple[str, str], ...] = ()
    """Durations of hours: the event type and the field of each."""

    @property
    def replaces(self) -> bool:
        """True if the record replaces an earlier one."""
        return bool(self.replaced)

    @property
    def has_warning(self) -> bool:
        """True if the events of the record may be wrong."""
        return bool(self.disorder or self.second or self.long)


@dataclass(slots=True)
class Trial:
    """A trial of one mapping."""

    mapping: RecordMapping
    options: MappingOptions
    contact_reasons: ContactReasons = NO_REASONS
    """Reasons for contact, whose rules add events to those of the records."""
    unknown: dict[str, Counter[str]] = field(default_factory=dict)
    """Number of records by value that the mapping must name, by key: `values.queue`, or `ignored.<field>`."""
    optional: dict[str, Counter[str]] = field(default_factory=dict)
    """Number of records by value that the mapping may name, by key. `in_values` leaves them out as long as they have no name."""
    _known: dict[RecordKey, tuple[bytes, str, dict[bytes, Event]]] = field(default_factory=dict)
    """Digest, state and events by their signature, by key of the record."""
    _contacts: dict[str, tuple[Event, ...]] = field(default_factory=dict)
    """First event of each type and stay in a queue, by contact: all events of a sample with one id would take quadratic time."""
    _ids: set[str] = field(default_factory=set)

    def run(self, records: Iterable[PlacedRecord], now: datetime) -> Iterator[TriedRecord]:
        """Yield what becomes of each record, as in operation. Records of an earlier run are known."""
        own: set[RecordKey] = set()
        for record in split_records(records, self.options.each):
            prepared = self.mapping.prepare(record.fields, record.problem)
            digest, state, facts = self._known.get(prepared.key, (b"", "", {}))
            if not prepared.is_ignored:
                self._note_unnamed(record, prepared, state, now)
            if digest == prepared.digest:
                yield TriedRecord(record.place, is_repeated=True)
                continue
            tried = self._try(record, prepared, state, now)
            if tried.rejected:
                self._known[prepared.key] = prepared.digest, state, facts
                yield tried
                continue
            signed = {fact_checksum(event): event for event in tried.events}
            replaced: tuple[Event, ...] = ()
            if facts.keys() - signed.keys() and self.options.state is None:
                replaced, facts = tuple(facts.values()), {}
            news = tuple(event for signature, event in signed.items() if signature not in facts)
            if self.options.state is not None:  # an event counts once, also if its data changes
                news = tuple(event for event in news if event.id not in self._ids)
                self._ids.update(event.id for event in news)
            self._known[prepared.key] = prepared.digest, prepared.state, facts | signed
            is_correction = bool(replaced) and prepared.key not in own
            second = () if is_correction else _find_second(self._contacts, news, replaces=bool(replaced))
            own.add(prepared.key)
            yield replace(
                tried,
                events=news,
                replaced=replaced,
                is_known=bool(signed) and not news,
                disorder=_find_new_disorder(self._contacts, news, replaces=bool(replaced)),
                second=second,
                long=tuple(find_long_durations(news)),
            )

    def count_without_wait(self) -> Counter[str]:
        """Return the number of calls and visits by type of the event that ends a wait of unknown length."""
        return Counter(kind for events in self._contacts.values() for kind in find_without_wait(events))

    def count_uncounted(self) -> Counter[tuple[str, str]]:
        """Return the number of contacts that count in no figure, by the type of an event and of the missing beginning."""
        return Counter(pair for events in self._contacts.values() for pair in find_uncounted(events))

    def _is_useless_total(self, record: PlacedRecord, prepared: PreparedRecord, state: str, now: datetime) -> bool:
        """Return whether a record is a row of totals, and is rejected whatever the tables of names contain."""
        if not seems_total(record.fields):
            return False
        rejected = self._try(record, prepared, state, now).rejected
        return rejected is not None and rejected[0] is not Reason.UNKNOWN_ENUM

    def _try(self, record: PlacedRecord, prepared: PreparedRecord, state: str, now: datetime) -> TriedRecord:
        def map_one(item: PreparedRecord) -> tuple[Event, ...]:
            return self.mapping.map(item, now, state)

        def reject(_item: PreparedRecord, reason: Reason, detail: str) -> Reject:
            return Reject(reason, b"", detail)

        outcome = map_or_reject(map_one, reject, prepared, now, self.contact_reasons.add)
        if isinstance(outcome, Reject):
            return TriedRecord(record.place, rejected=(outcome.reason, outcome.detail))
        return TriedRecord(record.place, tuple(outcome))

    def _note_unnamed(self, record: PlacedRecord, prepared: PreparedRecord, state: str, now: datetime) -> None:
        unknown, optional = find_unnamed_values(self.options, record.fields)
        if unknown and self._is_useless_total(record, prepared, state, now):
            return
        for counts, values in ((self.unknown, unknown), (self.optional, optional)):
            for key, value in values:
                counts.setdefault(key, Counter())[value] += 1


def _find_new_disorder(
    contacts: dict[str, tuple[Event, ...]], news: tuple[Event, ...], *, replaces: bool
) -> tuple[tuple[str, str], ...]:
    """Add new events to those of their contacts, and return the impossible orders that they cause."""
    found: dict[tuple[str, str], None] = {}
    for subject in dict.fromkeys(event.subject for event in news):
        former = () if replaces else contacts.get(subject, ())
        events = (*former, *(event for event in news if event.subject == subject))
        known = {*find_disorder(former)}
        found |= dict.fromkeys(pair for pair in find_disorder(events) if pair not in known)
        latest_first = sorted(events, key=attrgetter("time"), reverse=True)
        contacts[subject] = tuple({(event.type, stay_of(event)): event for event in latest_first}.values())
    return tuple(found)


def _find_second(contacts: Mapping[str, Sequence[Event]], news: Sequence[Event], *, replaces: bool) -> tuple[str, ...]:
    """Return the types of new events that their contacts have had with other data, though they happen once.

    If the record replaces another one of the same sample, these are the events with which it begins at another time.
    """
    found = []
    for event in news:
        same = [
            former
            for former in contacts.get(event.subject, ())
            if former.type == event.type and stay_of(former) == stay_of(event)
        ]
        if replaces and event.type in BEGINNINGS:
            is_second = any(former.time != event.time for former in same)
        else:
            is_second = event.type in SINGLE_EVENT_TYPES and bool({*map(fact_checksum, same)} - {fact_checksum(event)})
        if is_second:
            found.append(event.type)
    return tuple(found)


def find_unnamed_values(options: MappingOptions, record: Record) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Return the values of a record that a table of `options` must name, and those that one may name.

    A value has the key of its table: `("values.queue", "600")`. One that may be named gives no event because of `in_values`.
    """
    unknown, optional = set(_find_unnamed_states(options, record)), set[tuple[str, str]]()
    for event in options.events:
        if _may_apply(event, record):
            is_left_out = any(test.in_values for test in event.when.values()) and not _applies(options, event, record)
            (optional if is_left_out else unknown).update(_find_values_without_name(options, event, record))
            unknown.update(_find_missing_tables(options, event, record))
    return unknown, optional - unknown


def _find_unnamed_states(options: MappingOptions, record: Record) -> Iterator[tuple[str, str]]:
    states = value_table(options, "state", options.state) if options.state else {}
    if options.state and states and ANY not in states:
        text = _read(text_reader(options.state).get, record)
        if text and text not in states:
            yield "values.state", text
    for name, known in {**_known_states(options), **find_closed_fields(options)}.items():
        if ANY not in known and (text := _read(text_getter((name,)), record)) and text not in known:
            yield f"ignored.{name}", text


def _find_values_without_name(
    options: MappingOptions, event: EventOptions, record: Record
) -> Iterator[tuple[str, str]]:
    fields = data_fields(event.event)
    for name in ("site", "service", *fields):
        value = field_option(options, event, name)
        if value is None or value.value is not None:
            continue
        is_name = name not in fields or is_label(fields[name])
        table = value_table(options, name, value)
        if name == "contact_reason" and not table:  # the values are names of the settings
            continue
        known = table if table or is_name else CLOSED_LISTS.get(name, (ANY,))
        text = _read(text_reader(value, sparse_text_getter if is_name else text_getter).get, record)
        if text and text not in known and ANY not in known:
            yield f"values.{name}", text


def _find_missing_tables(options: MappingOptions, event: EventOptions, record: Record) -> Iterator[tuple[str, str]]:
    for name, test in event.when.items():
        if options.values.get(test.in_values) == MISSING_TABLE and (text := _read(text_getter((name,)), record)):
            yield f"values.{test.in_values}", text


def find_unnamed(options: MappingOptions, records: Iterable[Record]) -> list[str]:
    """Return the fields of records that the mapping does not read, in their order; nested ones by their path."""
    named = [*find_fields(options), options.each]
    columns = dict.fromkeys(name for record in records for name in flatten(record))
    return [column for column in columns if column not in named and not any(_is_in(column, text) for text in named)]


def _is_in(column: str, text: str) -> bool:
    """Return whether an expression contains the name of a column."""
    return is_expression(text) and (column in _PATH.findall(text) or f'"{column}"' in text)


def _may_apply(event: EventOptions, record: Record) -> bool:
    """Return whether a record passes the tests of an event, without those that tables of `values` decide."""
    return _holds({name: test.model_copy(update={"in_values": ""}) for name, test in event.when.items()}, {}, record)


def _applies(options: MappingOptions, event: EventOptions, record: Record) -> bool:
    return _holds(event.when, options.values, record)


def _holds(condition: Mapping[str, TestOptions], values: Mapping[str, Mapping[str, str]], record: Record) -> bool:
    try:
        return all_of(condition, {}, values)(record)
    except UnusableRecord:
        return False


def _known_states(options: MappingOptions) -> dict[str, frozenset[str]]:
    """Return the states that events and `ignored` name, by the field of the state; empty if a table names the states."""
    if options.state is None or len(options.state.field) != 1 or value_table(options, "state", options.state):
        return {}
    name = options.state.field[0]
    return {
        name: frozenset(state for event in options.events for state in event.state).union(
            options.ignored.get(name, ()), options.other_states
        )
    }


def _read(get: Getter, record: Record) -> str:
    try:
        return get(record) or ""
    except UnusableRecord:
        return ""
