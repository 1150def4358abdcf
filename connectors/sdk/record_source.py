"""Source of records that a mapping turns into events: rows of files and queries, objects of an API.

A subclass reads records; this module maps them, and remembers which were read. A record that is read again with the same contents
is skipped, wherever it comes from.
"""

import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import msgspec

from connectors.sdk.contract import Context, Outcome, Reject, Source
from connectors.sdk.flow import map_or_reject
from connectors.sdk.mapping.config import MappedConfig
from connectors.sdk.mapping.record_mapping import PreparedRecord, RecordMapping, sign
from connectors.sdk.record_store import FILE, KnownRecord, RecordStore
from connectors.sdk.samples import PlacedRecord
from models.codec import UnusableRecord
from models.events import Event
from models.reasons import Reason

__all__ = ["POSITION_FILES", "Page", "PlacedRecord", "RecordSource"]

POSITION_FILES: Final = (FILE,)
"""Files in the instance's directory with the position, for `Connector.position_files`."""


@dataclass(frozen=True, slots=True)
class Page:
    """Records read together, and the positions after them."""

    records: Sequence[PlacedRecord] = ()
    positions: Mapping[str, bytes | None] = field(default_factory=dict)
    """Changed positions by part of the source, such as a file; None for a part that is gone."""


class RecordSource(Source[Outcome, int]):
    """Reads pages of records and maps them. A subclass implements `read_page`."""

    def __init__(self, config: MappedConfig, context: Context) -> None:
        """Open the store. Raises `ConnectorError`, and the errors of `Context.pseudonym_key`."""
        self._mapping = RecordMapping(context.source, config, context.pseudonym_key(config.sector))
        self._has_states = config.state is not None
        self._store = RecordStore(context.directory)
        self._unconfirmed: list[Outcome] = self._store.unconfirmed()
        self.positions: dict[str, bytes] = self._store.positions()
        """Positions after the records read, by part of the source."""

    @abstractmethod
    def read_page(self) -> Page:
        """Return the records after `positions`, at most a few thousand, with the positions after them.

        Return an empty page if there are none now. Raises `SourceUnavailableError`.
        """

    def read(self, wait_seconds: float) -> Sequence[Outcome]:
        """Return the outcomes of new and changed records, once they are stored; none after `wait_seconds` without records."""
        if self._unconfirmed:
            outcomes, self._unconfirmed = self._unconfirmed, []
            return outcomes
        page = self.read_page()
        if not page.records and not page.positions:
            time.sleep(wait_seconds)
            return ()
        outcomes, known = self._map_page(page.records)
        self._store.commit(outcomes, known, page.positions)
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
        """Map a rejected record again, as if it were the first of its contact. Raises `UnusableRecord`."""
        try:
            record = msgspec.json.decode(reject.record, type=dict[str, Any])
        except msgspec.DecodeError:
            raise UnusableRecord(Reason.UNREADABLE_LINE, "not a stored record") from None
        return self._mapping.map(self._mapping.prepare(record), read_at)

    def position(self) -> int:
        """Return the number of the last stored batch."""
        return self._store.batch

    def acknowledge(self, position: int) -> None:
        """Remove the outcomes up to this batch from the store."""
        self._store.confirm(position)

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def find_news(self, records: Sequence[PlacedRecord]) -> list[bool]:
        """Return for each record whether it is new, or has other contents than when it was last stored."""
        prepared = [self._mapping.prepare(record.fields) for record in records]
        found = self._store.find({item.key for item in prepared})
        return [item.key not in found or found[item.key].digest != item.digest for item in prepared]

    def _map_page(self, records: Sequence[PlacedRecord]) -> tuple[list[Outcome], dict[str, KnownRecord]]:
        """Return the outcomes of the new and changed records, and what is to be remembered of them."""
        now = datetime.now(UTC)
        prepared = [self._mapping.prepare(record.fields) for record in records]
        found = self._store.find({item.key for item in prepared})
        outcomes: list[Outcome] = []
        known: dict[str, KnownRecord] = {}
        for record, item in zip(records, prepared, strict=True):
            before = known.get(item.key) or found.get(item.key)
            if before and before.digest == item.digest:
                continue
            known_state, version = (before.state, before.version) if before else ("", 0)
            outcome = map_or_reject(
                partial(self._map_one, record, known_state, version, now), partial(_reject, record), item, now
            )
            if isinstance(outcome, Reject):
                known[item.key] = before._replace(digest=item.digest) if before else KnownRecord(item.digest)
            else:
                outcome, known[item.key] = self._compare(item, before, outcome, now)
            outcomes.append(outcome)
        return outcomes, known

    def _map_one(
        self, record: PlacedRecord, known_state: str, version: int, now: datetime, item: PreparedRecord
    ) -> Outcome:
        if record.problem:
            raise UnusableRecord(Reason.UNREADABLE_LINE, record.problem)
        return self._mapping.map(item, now, known_state, version)

    def _compare(
        self, item: PreparedRecord, before: KnownRecord | None, events: Sequence[Event], now: datetime
    ) -> tuple[Sequence[Event], KnownRecord]:
        """Return the events to publish for a new or changed record, and what is then known of it.

        `events` are those of the record. If a former event is not among them, the contact is retracted, and the record gives a
        new contact. Otherwise only the new events are published.
        """
        signed = [(sign(event), event) for event in events]
        facts = b"".join(signature for signature, _event in signed)
        if before is None:
            return events, KnownRecord(item.digest, facts, item.state)
        former = {before.facts[index : index + 4] for index in range(0, len(before.facts), 4)}
        is_longer = former <= {signature for signature, _event in signed}
        if self._has_states or is_longer:
            new = [event for signature, event in signed if signature not in former]
            facts = facts if is_longer else before.facts + facts
            return new, KnownRecord(item.digest, facts, item.state, before.version)
        again = self._mapping.map(item, now, version=before.version + 1)
        retraction = self._mapping.retract(item, now, before.version)
        return (*retraction, *again), KnownRecord(item.digest, facts, version=before.version + 1)


def _reject(record: PlacedRecord, _item: PreparedRecord, reason: Reason, detail: str) -> Reject:
    content = msgspec.json.encode({str(name): value for name, value in record.fields.items()}, enc_hook=str)
    return Reject(reason, content, detail, record.place.encode())
