"""Records of `contact.sla.v1` for the changes of SLA clocks. `models.sla` has the models to read them."""

from functools import lru_cache
from typing import Final

import msgspec

from models.ids import event_id
from models.sla import SLA_SOURCE
from models.timestamps import to_iso
from streams.core.sla.clock_changes import ClockChange, ClockChangeKind

LATE_MS: Final = 10_000
"""Delay of the report after a change, in milliseconds, beyond which the event is marked as late."""


class _Data(msgspec.Struct, gc=False, omit_defaults=True):
    policy: str
    clock: str
    target: int
    unit: str
    calendar: str
    started_at: str
    deadline_at: str | None = None
    since: str = ""
    number: int = 0
    queue: str = ""
    late: bool = False
    in_time: bool | None = None
    at_risk_at: str | None = None
    ended_at: str | None = None


class _Event(msgspec.Struct, gc=False):
    id: str
    subject: str
    time: str
    recordedtime: str
    sector: str
    site: str
    service: str
    channel: str
    type: str
    data: _Data
    specversion: str = "1.0"
    source: str = SLA_SOURCE
    datacontenttype: str = "application/json"
    dataversion: int = 1


_encode: Final = msgspec.json.Encoder().encode


def name(subject: str, change: ClockChange) -> str:
    """Return the event id of a clock change of the contact `subject`."""
    kind, at, clock = change
    revision = f"{clock.deadline_at}|{at}" if kind is ClockChangeKind.MOVED else str(at)
    return event_id(SLA_SOURCE, f"{subject}|{clock.kind}|{clock.number}|{kind}", revision)


def record(key: bytes, sector: str, change: ClockChange, now: int) -> tuple[bytes, bytes]:
    """Return key and value of the Kafka record for a clock change of the contact `key`, published at `now` (milliseconds).

    The event id depends on the clock, the change and its time, but not on `now`. An exception is `moved`, whose time is the
    time of the report, as a deadline may move back and forth.
    """
    kind, at, clock = change
    subject, terms, dimensions = key.decode(), clock.terms, clock.dimensions
    data = _Data(
        terms.policy,
        clock.kind,
        terms.target,
        terms.unit,
        terms.calendar,
        to_iso(clock.started_at),
        _iso_or_none(clock.deadline_at),
        terms.since,
        clock.number,
        dimensions.queue,
        now - at > LATE_MS,
        _in_time(change),
        _iso_or_none(clock.at_risk_at),
        _iso_or_none(clock.ended_at),
    )
    event = _Event(
        name(subject, change),
        subject,
        to_iso(at),
        to_iso(now),
        sector,
        dimensions.site,
        dimensions.service,
        dimensions.channel,
        f"sla.{kind}",
        data,
    )
    return key, _encode(event)


def _in_time(change: ClockChange) -> bool | None:
    if change.kind is not ClockChangeKind.MET:
        return None
    deadline_at = change.clock.deadline_at
    return deadline_at is None or change.at <= deadline_at


@lru_cache(4096)  # the clocks of a contact have most of their times in common
def _iso_or_none(at: int | None) -> str | None:
    return None if at is None else to_iso(at)
