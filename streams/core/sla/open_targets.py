"""What is promised in a matter and still to be kept: told to the timelines whenever it changes.

Of stays in queues nothing is told: their seconds are over before anybody could read of them. What is told of a contact replaces
what was told before, in whatever order it comes. Which promise is at risk, or overdue, a reader knows by the time it is.

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
"""Type of a record that is no part of a timeline."""


class TargetStatus(StrEnum):
    """How a promise stands that is still to be kept."""

    RUNNING = "running"
    AT_RISK = "at_risk"
    """Most of the time is over."""
    OVERDUE = "overdue"
    PAUSED = "paused"
    """The citizen has to act: nobody knows yet when it is due."""


class SlaTarget(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A promise that is still to be kept."""

    policy: str
    clock: str
    service: str
    """Whose it is to keep."""
    due_at: int | None
    """None while the citizen has to act."""
    at_risk_at: int | None
    """When most of the time is over; None while the citizen has to act, unless that was before."""

    def status(self, now: int) -> TargetStatus:
        """Return how it stands at `now`, as far as was told."""
        if self.due_at is None:
            return TargetStatus.PAUSED
        if self.due_at < now:
            return TargetStatus.OVERDUE
        return TargetStatus.AT_RISK if self.at_risk_at is not None and self.at_risk_at < now else TargetStatus.RUNNING


class SlaTargetsEntry(Entry, gc=False):
    """All that is promised to a contact and still to be kept, as of `happened_at`."""

    promises: tuple[SlaTarget, ...] = ()


def open_targets(clocks: Iterable[SlaClock]) -> tuple[SlaTarget, ...]:
    """Return what of these clocks is still to be kept."""
    return tuple(
        SlaTarget(clock.terms.policy, clock.kind.value, clock.dimensions.service, clock.deadline_at, clock.at_risk_at)
        for clock in clocks
        if clock.is_open
    )


def record(row: Contact, contact: str, at: int) -> tuple[bytes, bytes]:
    """Return the record that tells of the contact `row`: its Kafka key, and the JSON. `at` must be later than of any before."""
    state, outcome = row.status()
    dimensions, citizen = row.dimensions, row.citizen
    told = SlaTargetsEntry(
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
        promises=open_targets(row.clocks),
    )
    return (citizen or contact).encode(), _encode(told)


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(SlaTargetsEntry).decode
_load: Final = msgspec.json.Decoder(tuple[SlaTarget, ...]).decode


def decode(value: bytes) -> SlaTargetsEntry:
    """Return what a record tells. Raises what `timeline.decode` raises."""
    told = _decode(value)
    reject_control_characters(text for one in told.promises for text in (one.policy, one.clock, one.service))
    return told


def dump(promises: tuple[SlaTarget, ...]) -> str:
    """Return promises as JSON."""
    return _encode(promises).decode()


def load(text: str) -> tuple[SlaTarget, ...]:
    """Return the promises of `dump`."""
    return _load(text)
