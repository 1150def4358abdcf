"""Mapping of one record to its events, as the options say. Pure: no clock, no I/O.

Events contain only pseudonyms, safe ids and references, bounded times and numbers, and words from the options or the event types.
A field that no option names is not read.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from pydantic import ValidationError

from connectors.sdk.contact_reasons import NO_REASONS, REASON_SET, ContactReasons
from connectors.sdk.identifiers import keyed_digest, safe_contact_id
from connectors.sdk.mapping.conditions import Closed, Predicate, all_of, find_closed_fields, ignored_predicate
from connectors.sdk.mapping.event_fields import DEFAULTS, EVENT_MODELS, data_fields, describe_limit
from connectors.sdk.mapping.fields import Getter, Record
from connectors.sdk.mapping.options import (
    COMMON_NAMES,
    IDENTITY_NAMES,
    EventOptions,
    MappingOptions,
    field_option,
    find_fields,
)
from connectors.sdk.mapping.readers import (
    data_reader,
    event_time_reader,
    identity_getter,
    maybe_label_reader,
    name_fields,
    reason_getter,
    require,
    state_fields,
    state_reader,
    text_reader,
)
from connectors.sdk.mapping.reason_options import channel_of
from connectors.sdk.mapping.record_contents import contents_reader, encode_values
from connectors.sdk.mapping.value_options import ValueOptions
from connectors.sdk.pseudonyms import join
from models.codec import UnusableRecord
from models.envelope import Envelope
from models.event_time import MAX_AGE, check_event_time
from models.events import ContactRetracted, Event
from models.identities import IdentityKind, PseudonymKey
from models.ids import contact_id, event_id
from models.reasons import Reason
from models.structs import field_values
from models.timestamps import milliseconds

SLOT_SEPARATOR: Final = "\x1f"
"""Separates a state and the time of the appointment."""
MAX_STAY_NUMBER: Final = 1000
"""Highest number of a queue stay; a higher one is the start of the stay in seconds since 1970."""
STAY_SECONDS: Final = 86_400
"""Longest time between the start of a queue stay and an event of it."""
_MOVED: Final = "appointment.moved"


class RecordKey(NamedTuple):
    """Identifies a record in its source."""

    prefix: str
    """If the contact's id is a keyed digest: a keyed digest of the first half of the id as the source writes it. Otherwise empty.

    Most sources number their records in sequence. Such records have the same prefix and are stored next to each other; digests
    alone would be in random order."""
    name: str
    """Id of the record's contact. It is `#` and a digest if each record is about one event, or if the record has an error."""


class PreparedRecord(NamedTuple):
    """A record with what identifies it and its contents."""

    record: Record
    key: RecordKey
    digest: bytes
    """Digest of the fields that the mapping reads; of all fields if there is an `error`."""
    native: str = ""
    """Id of the contact in the source, in a form without personal data; empty if only its event has an id."""
    state: str = ""
    """State of the contact, for mappings with `state`. In a state that stands for a moved appointment, `SLOT_SEPARATOR` and the
    appointment's time in milliseconds since 1970 follow."""
    is_ignored: bool = False
    """True if the record concerns no contact, or none in its present state, such as a draft."""
    error: UnusableRecord | None = None
    """Why the record has no key of its own."""


class RecordMapping:
    """Maps the records of the connector instance `source`, each independently."""

    def __init__(
        self,
        source: str,
        options: MappingOptions,
        key: PseudonymKey,
        contact_reasons: ContactReasons = NO_REASONS,
    ) -> None:
        self._source = source
        self._options = options
        self._key = key
        self._zone = ZoneInfo(options.timezone) if options.timezone else UTC
        self._read_contents = contents_reader(find_fields(options))
        closed = find_closed_fields(options)
        ignored_states = {name: options.ignored[name] for name in state_fields(options) & options.ignored.keys()}
        self._has_ignored_state = ignored_predicate(ignored_states)
        self._is_ignored = ignored_predicate(
            {name: values for name, values in options.ignored.items() if name not in ignored_states}
        )
        self._state = state_reader(options, closed) if options.state is not None else None
        self._common_readers: list[_CommonReader] = []
        self._rules = [
            _Rule(source, options, event, key, closed, self._find_common_reader(event), contact_reasons)
            for event in options.events
        ]
        has_own_ids = any(
            common.options["id"] != self._common_readers[0].options["id"] for common in self._common_readers
        )
        self._may_lack_id = has_own_ids and options.rows == "events"

    def prepare(self, record: Record, problem: str = "") -> PreparedRecord:
        """Return `record` with its key and digest. Raises nothing: `map` raises the error of a record without a key.

        `problem` says in English why the record cannot be read; empty if it can.
        """
        if problem:
            return self._without_key(record, UnusableRecord(Reason.UNREADABLE_LINE, problem))
        digest = self._digest(self._read_contents(record))
        is_ignored = False
        try:
            is_ignored = self._is_ignored(record)
            native, prefix = self._read_first_native(record)
            state = self._read_state(record) if self._state and not is_ignored else ""
            is_ignored = is_ignored or self._has_ignored_state(record)
        except UnusableRecord as error:
            return self._without_key(record, error, is_ignored=is_ignored)
        name = f"#{digest.hex()}" if self._options.rows == "events" else native
        return PreparedRecord(record, RecordKey(prefix, name), digest, native, state, is_ignored)

    def map(
        self, prepared: PreparedRecord, read_at: datetime, known_state: str = "", version: int = 0
    ) -> tuple[Event, ...]:
        """Return the events of a record that was read at `read_at`; none if it concerns no contact, or has no news.

        `known_state` is the state of the contact at its record before; empty for its first record. `version` is the number of
        retractions of the contact, which is part of its id. Raises `UnusableRecord`, which names the field.
        """
        if prepared.is_ignored:
            return ()
        if prepared.error:
            raise prepared.error
        record = prepared.record
        commons: dict[_CommonReader, _CommonValues] = {}
        events = []
        for rule in self._rules:
            if (rule.states and not rule.begins(prepared.state, known_state)) or not rule.applies(record):
                continue
            at = rule.read_time(record, read_at)
            values = commons.get(rule.common)
            if values is None:
                known = prepared.native if rule.common is self._common_readers[0] else ""
                native = known or self._read_native(rule.common, record)[0]
                values = commons[rule.common] = rule.common.read(record, _versioned(native, version))
            events.append(rule.make_event(record, at, read_at, values))
        return tuple(events)

    def read_natives(self, prepared: PreparedRecord) -> set[str]:
        """Return the ids of the record's contacts in the source. Events may have ids of their own."""
        natives = {prepared.native}
        for common in self._common_readers[1:]:
            with suppress(UnusableRecord):  # no event has this id
                natives.add(self._read_native(common, prepared.record)[0])
        return natives

    def retract(self, natives: Iterable[str], at: datetime, version: int) -> tuple[Event, ...]:
        """Return the events that retract version `version` of the contacts with these ids in the source.

        There is one event per contact and channel of the mapping.
        """
        return tuple(
            ContactRetracted(
                id=event_id(self._source, f"contact.retracted|{channel}|{native}"),
                source=self._source,
                subject=contact_id(channel, self._source, native),
                time=at,
                channel=channel,
            )
            for native in sorted(_versioned(native, version) for native in natives)
            for channel in sorted({rule.channel for rule in self._rules})
        )

    def _digest(self, contents: bytes) -> bytes:
        return hashlib.blake2b(contents, digest_size=12, key=self._key.secret).digest()

    def _without_key(self, record: Record, error: UnusableRecord, *, is_ignored: bool = False) -> PreparedRecord:
        digest = self._digest(encode_values(value for field in sorted(record.items(), key=_name_of) for value in field))
        return PreparedRecord(record, RecordKey("", f"#{digest.hex()}"), digest, is_ignored=is_ignored, error=error)

    def _read_first_native(self, record: Record) -> tuple[str, str]:
        """Return the id of the record's contact and its prefix; empty texts if only events with ids of their own are about it."""
        try:
            return self._read_native(self._common_readers[0], record)
        except UnusableRecord:
            if not self._may_lack_id:
                raise
            return "", ""

    def _read_state(self, record: Record) -> str:
        assert self._state is not None
        state: str = self._state(record)
        rule = next((rule for rule in self._rules if rule.read_slot and state in rule.states), None)
        slot = rule.read_slot(record) if rule and rule.read_slot else None
        return f"{state}{SLOT_SEPARATOR}{milliseconds(slot)}" if slot else state

    def _read_native(self, common: "_CommonReader", record: Record) -> tuple[str, str]:
        native, prefix = common.read_native(record)
        if self._options.daily_ids:
            native = f"{self._day(record):%Y%m%d}-{native}"
        elif self._options.yearly_ids:
            native = f"{self._day(record):%Y}-{native}"
        return native, prefix

    def _day(self, record: Record) -> datetime:
        """Return the time of the first event in `events` for which the record has a time, in the mapping's time zone."""
        for rule in self._rules:
            if (at := rule.maybe_time.get(record)) is not None:
                day: datetime = at.astimezone(self._zone)
                return day
        raise UnusableRecord(Reason.MISSING_FIELD, self._rules[0].maybe_time.fields)

    def _find_common_reader(self, event: EventOptions) -> "_CommonReader":
        """Return the reader of the values that every event has; events with the same options share one."""
        options = {name: field_option(self._options, event, name) for name in COMMON_NAMES}
        known = next((common for common in self._common_readers if common.options == options), None)
        if known is None:
            known = _CommonReader(self._options, options, self._key, self._read_contents)
            self._common_readers.append(known)
        return known


def _versioned(native: str, version: int) -> str:
    return f"{native}-v{version + 1}" if version else native


def fact_checksum(event: Event) -> bytes:
    """Return four bytes that differ for events with other facts; the contact's version does not change them."""
    facts = (
        event.type,
        milliseconds(event.time),
        event.site,
        event.service,
        event.identities,
        field_values(event.data),
    )
    return zlib.crc32(_encode_facts(facts)).to_bytes(4)


class _CommonValues(NamedTuple):
    """Values that every event has."""

    native: str
    """The contact's id in the source, in a form without personal data."""
    site: str
    service: str
    identities: str


class _CommonReader:
    """Reader of the values that every event has."""

    def __init__(
        self,
        mapping: MappingOptions,
        options: Mapping[str, ValueOptions | None],
        key: PseudonymKey,
        read_contents: Callable[[Record], bytes],
    ) -> None:
        self.options = options
        self._key = key
        native = options["id"]
        self._has_id = native is not None
        self._native = require(text_reader(native)) if native else partial(_digest_of_contents, read_contents, key)
        self._digest_prefix = lru_cache(maxsize=1024)(partial(_digest_prefix, key))
        self._site, self._service = (maybe_label_reader(mapping, name, options[name]) for name in ("site", "service"))
        self._identities = [
            identity_getter(IdentityKind(name), option, mapping.region, key)
            for name in IDENTITY_NAMES
            if (option := options[name])
        ]

    def read_native(self, record: Record) -> tuple[str, str]:
        """Return the id of the record's contact, in a form without personal data, and the `prefix` of its `RecordKey`.

        Raises `UnusableRecord`.
        """
        text = self._native(record)
        native = safe_contact_id(text, self._key)
        prefix = self._digest_prefix(text[: (len(text) + 1) // 2]) if self._has_id and native != text else ""
        return native, prefix

    def read(self, record: Record, native: str) -> _CommonValues:
        """Return the values of `record`, whose contact has the id `native`. Raises `UnusableRecord`."""
        identities = join(read(record) for read in self._identities)
        return _CommonValues(native, self._site(record) or "", self._service(record) or "", identities)


class _Rule:
    """One of the events that a record may give."""

    def __init__(
        self,
        source: str,
        mapping: MappingOptions,
        options: EventOptions,
        key: PseudonymKey,
        closed: Closed,
        common: _CommonReader,
        contact_reasons: ContactReasons,
    ) -> None:
        self.common = common
        self.states = frozenset(options.state)
        self.applies: Predicate = all_of(options.when, closed, mapping.values)
        self._source = source
        self._sector = mapping.sector
        self._model: type[Envelope] = EVENT_MODELS[options.event]
        self._event = options.event
        self.channel = channel_of(mapping, options)
        self._channel_field = {"channel": self.channel} if options.event == REASON_SET else {}
        """The channel, for an event type that does not have one of its own."""
        self._contact_reasons = contact_reasons
        zone = ZoneInfo(mapping.timezone) if mapping.timezone else None
        time = options.time or mapping.changed_at
        assert time is not None  # checked by the options
        self.maybe_time = event_time_reader(mapping, time, zone)
        self._read_time: Callable[[Record], datetime] = require(self.maybe_time)
        self._time_fields = name_fields(time)
        self._data, self._fields = self._data_readers(mapping, options, key, zone)
        self.read_slot: Getter | None = dict(self._data)["starts_at"] if self._event == _MOVED and self.states else None
        """Reads the time of the appointment, if the event begins with a state and with each new time in that state."""
        self._booked_states = frozenset(
            state for event in mapping.events if event.event == "appointment.booked" for state in event.state
        )

    def begins(self, state: str, known_state: str) -> bool:
        """Return whether a state of the event begins: from another state, or with another time of the moved appointment."""
        name, _separator, slot = state.partition(SLOT_SEPARATOR)
        known_name, _separator, known_slot = known_state.partition(SLOT_SEPARATOR)
        is_new = name != known_name
        if self.read_slot is not None:  # an appointment that begins is booked, not moved
            is_new = (is_new and name not in self._booked_states) or known_slot not in {"", slot}
        return is_new and name in self.states

    def read_time(self, record: Record, read_at: datetime) -> datetime:
        """Return the time of the event of a record that was read at `read_at`. Raises `UnusableRecord`."""
        at = self._read_time(record)
        try:
            check_event_time(at, read_at)
        except UnusableRecord as error:
            raise UnusableRecord(error.reason, f"{self._time_fields}: {error.detail}") from None
        return at

    def _data_readers(
        self, mapping: MappingOptions, options: EventOptions, key: PseudonymKey, zone: ZoneInfo | None
    ) -> tuple[list[tuple[str, Getter]], dict[str, str]]:
        """Return a reader per data field of the event that has an option, and the fields of the records by that name."""
        readers: list[tuple[str, Getter]] = []
        fields: dict[str, str] = {}
        for name, field in data_fields(options.event).items():
            value = field_option(mapping, options, name)
            default = DEFAULTS.get((options.event, name))
            if value is None and default is None:
                continue
            if value is None:
                value = ValueOptions(value=default)
            read = data_reader(mapping, name, field, value, key, zone)
            if name == "contact_reason":
                get = reason_getter(read, self._contact_reasons, self.channel)
            else:
                get = require(read) if field.is_required() else read.get
            readers.append((name, get))
            fields[name] = name_fields(value)
        return readers, fields

    def make_event(self, record: Record, at: datetime, read_at: datetime, common: _CommonValues) -> Event:
        """Return the event of `record`. Raises `UnusableRecord`."""
        data = {name: value for name, read in self._data if (value := read(record)) is not None}
        _check_distances(at, data, self._fields)
        part = f"|{data.get('visit', 1)}" if "visit" in data else ""
        if self._event == _MOVED:  # the time of the change may stay the same
            part = f"|{milliseconds(data['starts_at'])}"
        # The time is part of the id: a contact may have several events of one type.
        revision = str(milliseconds(at))
        try:
            return self._model.make(  # type: ignore[return-value]
                {
                    "type": self._event,
                    "id": event_id(self._source, f"{self._event}|{common.native}{part}", revision),
                    "source": self._source,
                    "subject": contact_id(self.channel, self._source, common.native),
                    "time": at,
                    "recordedtime": read_at,
                    **self._channel_field,
                    "sector": self._sector,
                    "site": common.site,
                    "service": common.service,
                    "identities": common.identities,
                    "data": data,
                }
            )
        except ValidationError as error:
            found = error.errors(include_input=False, include_url=False)[0]
            name = next((str(part) for part in found["loc"][1:]), "")
            field = self._fields.get(name) or ", ".join(self._fields.values())
            limit = describe_limit(name, found.get("ctx", {}))
            raise UnusableRecord(Reason.INVALID_FIELD, f"{field}: outside the limits of {self._event}{limit}") from None


# ---------------------------------------------------------------------------------------------------------------- safety
def _check_distances(at: datetime, data: Mapping[str, Any], fields: Mapping[str, str]) -> None:
    """Raise `UnusableRecord` for a time far from the event, which may be a telephone number."""
    stay = data.get("visit", 1)
    if stay > MAX_STAY_NUMBER and abs(stay - at.timestamp()) > STAY_SECONDS:
        raise UnusableRecord(
            Reason.INVALID_FIELD, f"{fields['visit']}: neither a number up to 1000 nor the start of the queue stay"
        )
    for name in ("admitted_at", "starts_at"):
        if name in data and abs(data[name] - at) > MAX_AGE:
            raise UnusableRecord(Reason.INVALID_FIELD, f"{fields[name]}: more than ten years from the event")


def _digest_prefix(key: PseudonymKey, prefix: str) -> str:
    return hashlib.blake2b(prefix.encode("utf-8", "surrogatepass"), digest_size=3, key=key.secret).hexdigest()


def _digest_of_contents(read_contents: Callable[[Record], bytes], key: PseudonymKey, record: Record) -> str:
    return keyed_digest("record", read_contents(record).hex(), key)


_encode_facts = msgspec.json.Encoder().encode


def _name_of(field: tuple[Any, Any]) -> str:
    return str(field[0])
