"""Records with the open SLA targets of a case, sent to the timelines after each change.

Queue stays have no such records, as they end within minutes. The latest record of a contact replaces earlier ones, in any order
of arrival. Readers derive from the current time whether a target is at risk or overdue.

All times are milliseconds since 1970 UTC.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from models.ids import event_id
from models.sla import SLA_SOURCE
from models.timestamps import to_datetime
from streams.core.contacts.contact import Contact
from streams.core.sla.clock import SlaClock
from streams.core.timeline.entries import Entry, reject_control_characters

SLA_TARGETS_TYPE: Final = "contact.promised"
"""Type of these records, which are not entries of a timeline."""


class TargetStatus(StrEnum):
    """Status of an open SLA target."""

    RUNNING = "running"
    AT_RISK = "at_risk"
    """The share `at_risk` of the target is used up."""
    OVERDUE = "overdue"
    PAUSED = "paused"
    """The deadline is unknown, usually because the service waits for the citizen."""


class SlaTarget(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An open SLA target."""

    policy: str
    clock: str
    service: str
    """Service that must meet the target."""
    due_at: int | None
    """The deadline; None while a pause that began before it lasts, and beyond the calendar's years."""
    at_risk_at: int | None
    """Time at which the share `at_risk` of the target is used up; None as for `due_at`."""

    def status(self, now: int) -> TargetStatus:
        """Return the status at `now`, in milliseconds since 1970. A target without a deadline counts as paused."""
        if self.due_at is None:
            return TargetStatus.PAUSED
        if self.due_at < now:
            return TargetStatus.OVERDUE
        return TargetStatus.AT_RISK if self.at_risk_at is not None and self.at_risk_at < now else TargetStatus.RUNNING


class SlaTargetsEntry(Entry, gc=False):
    """All open SLA targets of a contact, as of `happened_at`."""

    sla_targets: tuple[SlaTarget, ...] = msgspec.field(default=(), name="promises")


def open_targets(clocks: Iterable[SlaClock]) -> tuple[SlaTarget, ...]:
    """Return the targets of those clocks that have not ended."""
    return tuple(
        SlaTarget(clock.terms.policy, clock.kind.value, clock.dimensions.service, clock.deadline_at, clock.at_risk_at)
        for clock in clocks
        if clock.is_open
    )


def record(row: Contact, contact: str, at: int) -> tuple[bytes, bytes]:
    """Return the Kafka key and the JSON of the record for the contact `row`. `at` must be later than in its earlier records."""
    state, outcome = row.status()
    dimensions, citizen = row.dimensions, row.citizen
    entry = SlaTargetsEntry(
        event_id(SLA_SOURCE, f"{contact}|promised", str(at)),
        citizen,
        contact,
        row.channel,
        dimensions.site,
        dimensions.service,
        SLA_TARGETS_TYPE,
        to_datetime(at),
        state,
        outcome,
        SLA_SOURCE,
        row.sector,
        sla_targets=open_targets(row.clocks),
    )
    return (citizen or contact).encode(), _encode(entry)


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(SlaTargetsEntry).decode
_load: Final = msgspec.json.Decoder(tuple[SlaTarget, ...]).decode


def decode(value: bytes) -> SlaTargetsEntry:
    """Return the decoded value of a record. Raises the errors of `timeline.entries.decode`."""
    entry = _decode(value)
    reject_control_characters(
        text for target in entry.sla_targets for text in (target.policy, target.clock, target.service)
    )
    return entry


def dump(targets: tuple[SlaTarget, ...]) -> str:
    """Return targets as JSON, as the timeline database stores them."""
    return _encode(targets).decode()


def load(text: str) -> tuple[SlaTarget, ...]:
    """Return the targets of the JSON that `dump` returns."""
    return _load(text)
