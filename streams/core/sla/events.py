"""Records of `contact.sla.v1` for the changes of SLA clocks. `models.sla` declares their fields; a test reads all of them."""

from functools import lru_cache
from typing import Final

import msgspec

from models.ids import event_id
from models.sla import SLA_SOURCE
from models.timestamps import to_iso
from streams.core.sla.clock_changes import ClockChange, ClockChangeKind

LATE_MS: Final = 10_000
"""Delay of the report after a change, in milliseconds, beyond which the event is marked as late."""


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
    data = {
        "policy": terms.policy,
        "clock": clock.kind,
        "target": terms.target,
        "unit": terms.unit,
        "calendar": terms.calendar,
        "started_at": to_iso(clock.started_at),
        "deadline_at": _iso_or_none(clock.deadline_at),
        "since": terms.since or None,
        "number": clock.number or None,
        "queue": dimensions.queue or None,
        "late": now - at > LATE_MS or None,
        "in_time": _in_time(change),
        "at_risk_at": _iso_or_none(clock.at_risk_at),
        "ended_at": _iso_or_none(clock.ended_at),
    }
    event = {
        "id": name(subject, change),
        "subject": subject,
        "time": to_iso(at),
        "recordedtime": to_iso(now),
        "sector": sector,
        "site": dimensions.site,
        "service": dimensions.service,
        "channel": dimensions.channel,
        "type": f"sla.{kind}",
        "data": {field: value for field, value in data.items() if value is not None},
        "specversion": "1.0",
        "source": SLA_SOURCE,
        "datacontenttype": "application/json",
        "dataversion": 1,
    }
    return key, _encode(event)


def _in_time(change: ClockChange) -> bool | None:
    if change.kind is not ClockChangeKind.MET:
        return None
    deadline_at = change.clock.deadline_at
    return deadline_at is None or change.at <= deadline_at


@lru_cache(4096)  # the clocks of a contact have most of their times in common
def _iso_or_none(at: int | None) -> str | None:
    return None if at is None else to_iso(at)
