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
from models.instants import moment
from models.sla import SOURCE
from streams.core.clock import Clock
from streams.core.contact import Contact
from streams.core.timeline import Entry, refuse_control

PROMISED: Final = "contact.promised"
"""Type of a record that is no part of a timeline."""


class Standing(StrEnum):
    """How a promise stands that is still to be kept."""

    RUNNING = "running"
    AT_RISK = "at_risk"
    """Most of the time is over."""
    OVERDUE = "overdue"
    PAUSED = "paused"
    """The citizen has to act: nobody knows yet when it is due."""


class Promise(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A promise that is still to be kept."""

    policy: str
    clock: str
    service: str
    """Whose it is to keep."""
    due_at: int | None
    """None while the citizen has to act."""
    at_risk_at: int | None
    """When most of the time is over; None while the citizen has to act, unless that was before."""

    def standing(self, now: int) -> Standing:
        """Return how it stands at `now`, as far as was told."""
        if self.due_at is None:
            return Standing.PAUSED
        if self.due_at < now:
            return Standing.OVERDUE
        return Standing.AT_RISK if self.at_risk_at is not None and self.at_risk_at < now else Standing.RUNNING


class Promised(Entry, gc=False):
    """All that is promised to a contact and still to be kept, as of `happened_at`."""

    promises: tuple[Promise, ...] = ()


def running(clocks: Iterable[Clock]) -> tuple[Promise, ...]:
    """Return what of these clocks is still to be kept."""
    return tuple(
        Promise(clock.terms.policy, clock.kind.value, clock.place.service, clock.deadline_at, clock.at_risk_at)
        for clock in clocks
        if clock.is_open
    )


def record(row: Contact, contact: str, at: int) -> tuple[bytes, bytes]:
    """Return the record that tells of the contact `row`: its Kafka key, and the JSON. `at` must be later than of any before."""
    state, outcome = row.standing()
    place, citizen = row.place, row.citizen
    told = Promised(
        event_id(SOURCE, f"{contact}|promised", str(at)),
        citizen,
        contact,
        row.channel,
        place.site,
        place.service,
        PROMISED,
        moment(at),
        state,
        outcome,
        SOURCE,
        row.sector,
        promises=running(row.clocks),
    )
    return (citizen or contact).encode(), _encode(told)


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Promised).decode
_load: Final = msgspec.json.Decoder(tuple[Promise, ...]).decode


def decode(value: bytes) -> Promised:
    """Return what a record tells. Raises what `timeline.decode` raises."""
    told = _decode(value)
    refuse_control(text for one in told.promises for text in (one.policy, one.clock, one.service))
    return told


def dump(promises: tuple[Promise, ...]) -> str:
    """Return promises as JSON."""
    return _encode(promises).decode()


def load(text: str) -> tuple[Promise, ...]:
    """Return the promises of `dump`."""
    return _load(text)
