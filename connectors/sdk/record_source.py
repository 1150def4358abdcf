"""Source of records that a mapping turns into events: rows of files and queries, objects of an API.

A subclass reads records; this module maps them, and remembers which were read. A record that is read again with the same contents
is skipped, wherever it comes from.
"""

import hashlib
import time
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, Literal, NamedTuple

import msgspec

from connectors.sdk.attempts import REFUSED
from connectors.sdk.contract import Context, Outcome, Reject, Source
from connectors.sdk.errors import ConnectorError, SourceUnavailableError
from connectors.sdk.flow import map_or_reject
from connectors.sdk.mapping.config import MappedConfig
from connectors.sdk.mapping.record_mapping import PreparedRecord, RecordKey, RecordMapping, fact_checksum
from connectors.sdk.record_store import FILE, KnownRecord, RecordStore
from connectors.sdk.samples import PlacedRecord, split_records
from models.codec import UnusableRecord
from models.events import Event
from models.reasons import Reason

__all__ = ["POSITION_FILES", "Page", "PlacedRecord", "RecordSource"]

_EARLY: Final = b"early:"
"""Begins the stored digest of a record that was rejected because of a time in the future. It is mapped again at each reading."""
MAX_RETRACTIONS: Final = 1000
"""Contacts retracted in one transaction, of records that are gone."""
POSITION_FILES: Final = (FILE,)
"""Files in the instance's directory with the position, for `Connector.position_files`."""


@dataclass(frozen=True, slots=True)
class Page:
    """Records read together, and the positions after them."""

    records: Sequence[PlacedRecord] = ()
    positions: Mapping[str, bytes | None] = field(default_factory=dict)
    """Changed positions by part of the source, such as a file; None for a part that is gone."""
    origin: str = ""
    """Name of the file or other place of the records, for people; empty if the source has only one."""
    listing: Literal["", "begins", "continues", "ends", "whole"] = ""
    """Place of the page in a complete list of the source's records; empty for a page that is in no such list.

    After the end of the list, the contacts whose records are not in it are retracted. `whole` is a list of one page."""


class RecordSource(Source[Outcome, int]):
    """Reads pages of records and maps them. A subclass implements `read_page`."""

    has_checked_reasons = True

    def __init__(self, config: MappedConfig, context: Context) -> None:
        """Open the store. Raises `ConnectorError`, and the errors of `Context.pseudonym_key`."""
        key = context.pseudonym_key(config.sector)
        self._mapping = RecordMapping(context.source, config, key, context.contact_reasons)
        self._has_states = config.state is not None
        self._attempts = context.attempts
        self._each = config.each
        self._store = RecordStore(context.directory, context.base)
        self._unconfirmed: list[Outcome] = self._store.unconfirmed()
        self._position = 0
        self.positions: dict[str, bytes] = self._store.positions()
        """Positions after the records read, by part of the source. A subclass raises `damaged()` for an invalid one."""

    @abstractmethod
    def read_page(self) -> Page:
        """Return the records after `positions`, at most a few thousand, with the positions after them.

        Return an empty page if there are none now. Raises `SourceUnavailableError`.
        """

    def read(self, wait_seconds: float) -> Sequence[Outcome]:
        """Return the outcomes of new and changed records, once they are stored; none after `wait_seconds` without records."""
        if self._unconfirmed:
            outcomes, self._unconfirmed = self._unconfirmed, []
            self._position = self._store.batch
            return outcomes
        try:
            page = self.read_page()
        except SourceUnavailableError:
            self._store.tidy()
            raise
        self.is_at_end = not page.records and not page.positions and not page.listing
        if self.is_at_end:
            self._store.tidy()
            time.sleep(wait_seconds)
            return ()
        page = replace(page, records=split_records(page.records, self._each))
        now = datetime.now(UTC)
        with self._attempts.batch():
            prepared = [self._prepare(record) for record in page.records]
            outcomes, known = self._map_page(page, prepared, now)
        if page.listing:
            self._store.note_listed((item.key for item in prepared), is_first=page.listing in {"begins", "whole"})
        self._store.commit(outcomes, known, page.positions)
        if page.listing in {"ends", "whole"}:
            outcomes += self._retract_unlisted(now)
        self._position = self._store.batch
        for part, position in page.positions.items():
            if position is None:
                self.positions.pop(part, None)
            else:
                self.positions[part] = position
        return outcomes

    def map(self, raw: Outcome) -> Outcome:
        """Return `raw`, which `read` has mapped."""
        return raw

    def reject(self, raw: Outcome, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of an outcome with an event whose time is too far from the clock."""
        return Reject(reason, repr(raw).encode(), detail)

    def map_rejected(self, reject: Reject, read_at: datetime) -> Outcome:
        """Map a rejected record again. Return no events if its contact has a later record. Raises `UnusableRecord`.

        With states, a later record does not prevent that, unless this one had a time in the future: its source corrected it.
        """
        try:
            record = msgspec.json.decode(reject.record, type=dict[str, Any])
        except msgspec.DecodeError:
            raise UnusableRecord(Reason.UNREADABLE_LINE, "not a stored record") from None
        item = self._mapping.prepare(record)
        known = self._store.find({item.key}).get(item.key)
        if known and known.facts is not None and not self._has_states:
            return ()
        if known and reject.reason is Reason.TIME_IN_FUTURE and not _has_contents(known, item.digest):
            return ()
        return self._mapping.map(item, read_at, version=known.version if known else 0)

    def position(self) -> int:
        """Return the number of the last batch that `read` has returned; 0 if it has returned none."""
        return self._position

    def acknowledge(self, position: int) -> None:
        """Note that the outcomes up to this batch are no longer needed."""
        self._store.confirm(position)

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def find_news(self, records: Sequence[PlacedRecord]) -> list[bool]:
        """Return for each record whether it, or one of its parts, is new or has other contents than when it was last stored."""
        with self._attempts.batch():
            prepared = [[self._prepare(part) for part in split_records([record], self._each)] for record in records]
        contents = _combine_contents(item for items in prepared for item in items)
        found = self._store.find(contents)
        news = {key for key, digest in contents.items() if not _has_contents(found.get(key), digest)}
        return [any(item.key in news for item in items) for items in prepared]

    def damaged(self) -> ConnectorError:
        """Return the error to raise if a saved position is damaged."""
        return self._store.damaged()

    def _retract_unlisted(self, now: datetime) -> list[Outcome]:
        """Return the retractions of contacts whose records are no longer in the source, once they are stored."""
        outcomes: list[Outcome] = []
        while gone := self._store.find_unlisted(MAX_RETRACTIONS):
            retractions = [self._mapping.retract((key.name,), now, record.version) for key, record in gone.items()]
            known = {key: KnownRecord(b"", version=record.version + 1) for key, record in gone.items()}
            self._store.commit(retractions, known, {})
            outcomes += retractions
        return outcomes

    def _prepare(self, record: PlacedRecord) -> PreparedRecord:
        prepare = self._mapping.prepare
        if not self._attempts.is_careful:
            return prepare(record.fields, record.problem)
        return self._attempts.attempt(
            _encode_fields(record),
            lambda: prepare(record.fields, record.problem),
            lambda: prepare(record.fields, REFUSED),
        )

    def _map_page(
        self, page: Page, prepared: Sequence[PreparedRecord], now: datetime
    ) -> tuple[list[Outcome], dict[RecordKey, KnownRecord]]:
        """Return the outcomes of the new and changed records, and the entries of these records for the store.

        A record with a time in the future is rejected once. Read again after that time, it gives its events, unless the page has
        several records with its key.
        """
        found = self._store.find({item.key for item in prepared})
        outcomes: list[Outcome] = []
        known: dict[RecordKey, KnownRecord] = {}
        map_one, reject = partial(self._map_change, now), partial(_reject, page.origin)
        contents = _combine_contents(prepared)
        repeated = (
            {item.key for item in prepared if item.digest != contents[item.key]}
            if len(contents) < len(prepared)
            else set()
        )
        unchanged = {key for key in repeated if _has_contents(found.get(key), contents[key])}
        for record, item in zip(page.records, prepared, strict=True):
            before = known.get(item.key) or found.get(item.key)
            if (before and before.digest == item.digest) or item.key in unchanged:
                continue
            change = _Change(record, item, before)
            if self._attempts.is_careful:
                outcome = self._attempts.attempt(
                    _encode_fields(record),
                    partial(map_or_reject, map_one, reject, change, now),
                    partial(reject, change, Reason.INTERNAL_ERROR, REFUSED),
                )
            else:
                outcome = map_or_reject(map_one, reject, change, now)
            if isinstance(outcome, Reject):
                digest = _EARLY + item.digest if outcome.reason is Reason.TIME_IN_FUTURE else item.digest
                if before and before.digest == digest:
                    continue
                known[item.key] = (before or KnownRecord(b""))._replace(digest=digest, facts=None)
            else:
                outcome, known[item.key] = self._compare(item, before, outcome, now)
            outcomes.append(outcome)
        for key in repeated & known.keys():
            mark = _EARLY if known[key].digest.startswith(_EARLY) else b""
            known[key] = known[key]._replace(digest=mark + contents[key])
        return outcomes, known

    def _map_change(self, now: datetime, change: "_Change") -> tuple[Event, ...]:
        _record, item, before = change
        known_state, version = (before.state, before.version) if before else ("", 0)
        return self._mapping.map(item, now, known_state, version)

    def _compare(
        self, item: PreparedRecord, before: KnownRecord | None, events: Sequence[Event], now: datetime
    ) -> tuple[Sequence[Event], KnownRecord]:
        """Return the events to publish for a new or changed record, and what is then known of it.

        `events` are those of the record. If a former event is not among them, or the former events are unknown, the contact is
        retracted, and the record gives a new contact. Otherwise, and always for mappings with `state`, only the new events are
        published.
        """
        if before is None:
            return events, KnownRecord(item.digest, b"".join(map(fact_checksum, events)), item.state)
        signed = [(fact_checksum(event), event) for event in events]
        facts = b"".join(signature for signature, _event in signed)
        known = before.facts or b""
        former = {known[index : index + 4] for index in range(0, len(known), 4)}
        is_longer = former <= {signature for signature, _event in signed}
        if self._has_states or (is_longer and before.facts is not None):
            new = [event for signature, event in signed if signature not in former]
            facts = facts if is_longer else known + facts
            return new, KnownRecord(item.digest, facts, item.state, before.version)
        again = self._mapping.map(item, now, version=before.version + 1)
        retraction = self._mapping.retract(self._mapping.read_natives(item), now, before.version)
        return (*retraction, *again), KnownRecord(item.digest, facts, version=before.version + 1)


class _Change(NamedTuple):
    """A new or changed record, and its entry in the store before."""

    record: PlacedRecord
    item: PreparedRecord
    before: KnownRecord | None


def _combine_contents(prepared: Iterable[PreparedRecord]) -> dict[RecordKey, bytes]:
    """Return the digest of each record. Records with the same key, such as a number used twice, have one digest of all.

    Read again, they are then known together; otherwise, each would replace the other at each reading.
    """
    contents: dict[RecordKey, bytes] = {}
    for item in prepared:
        others = contents.setdefault(item.key, item.digest)
        if others != item.digest:
            contents[item.key] = hashlib.blake2b(others + item.digest, digest_size=len(item.digest)).digest()
    return contents


def _has_contents(known: KnownRecord | None, digest: bytes) -> bool:
    """Return whether a record was last read with the contents of this digest. `known` is its entry in the store."""
    return known is not None and known.digest in {digest, _EARLY + digest}


def _reject(origin: str, change: _Change, reason: Reason, detail: str) -> Reject:
    place = ", ".join(filter(None, (origin, change.record.place)))
    return Reject(reason, _encode_fields(change.record), detail, place.encode("utf-8", "replace"))


def _encode_fields(record: PlacedRecord) -> bytes:
    return msgspec.json.encode({_valid(str(name)): _storable(value) for name, value in record.fields.items()})


def _storable(value: Any) -> msgspec.Raw:
    """Return a value of a record as JSON that a mapping reads in the same way."""
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        value = f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    if isinstance(value, str):
        value = _valid(value)
    try:
        return msgspec.Raw(msgspec.json.encode(value, enc_hook=str))
    except (ValueError, OverflowError, RecursionError):  # a number of too many digits, or nested too deep
        return msgspec.Raw(msgspec.json.encode(f"({type(value).__name__})"))


def _valid(text: str) -> str:
    """Return a text with a question mark for each lone surrogate."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
