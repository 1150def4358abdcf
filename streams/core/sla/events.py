"""Records of `contact.sla.v1`: what is told of a contact's clocks. `models.sla` says how they are read."""

from functools import lru_cache
from typing import Final

import msgspec

from models.ids import event_id
from models.sla import SLA_SOURCE
from models.timestamps import to_iso
from streams.core.sla.clock_changes import ClockChange, ClockChangeKind

LATE_MS: Final = 10_000
"""What is told longer after it was so is told late."""


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


def name(subject: str, news: ClockChange) -> str:
    """Return the id of what is told of a clock of the contact `subject`."""
    kind, at, clock = news
    revision = f"{clock.deadline_at}|{at}" if kind is ClockChangeKind.MOVED else str(at)
    return event_id(SLA_SOURCE, f"{subject}|{clock.kind}|{clock.number}|{kind}", revision)


def record(key: bytes, sector: str, news: ClockChange, now: int) -> tuple[bytes, bytes]:
    """Return the Kafka record that tells `news` of the contact `key` at `now` (milliseconds since 1970): key and value.

    Its id depends on what happened to which clock and when, not on when it is told; but a deadline may move to and fro.
    """
    kind, at, clock = news
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
        _in_time(news),
        _iso_or_none(clock.at_risk_at),
        _iso_or_none(clock.ended_at),
    )
    event = _Event(
        name(subject, news),
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


def _in_time(news: ClockChange) -> bool | None:
    if news.kind is not ClockChangeKind.MET:
        return None
    deadline_at = news.clock.deadline_at
    return deadline_at is None or news.at <= deadline_at


@lru_cache(4096)  # the clocks of a contact have most of their times in common
def _iso_or_none(at: int | None) -> str | None:
    return None if at is None else to_iso(at)
