"""Conversion of Maarch's local times without a zone, as written by PostgreSQL (`2026-03-16 09:00:00.12`).

At the end of summer time one hour occurs twice. Its times are ambiguous and count as the first occurrence.
"""

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

HOUR: Final = timedelta(hours=1)


def read_local(text: str) -> datetime:
    """Parse a local time. Raises `ValueError` if it is invalid or has a time zone."""
    local = datetime.fromisoformat(text)
    if local.tzinfo:
        raise ValueError("the time has a time zone")
    return local


def write_local(local: datetime) -> str:
    """Format a local time with a fixed width, so that texts sort like times."""
    return local.isoformat(" ", "microseconds")


def to_utc(local: datetime, zone: ZoneInfo) -> datetime:
    """Convert a local time in `zone` to UTC. Raises `OverflowError` at the limits of `datetime`."""
    return local.replace(tzinfo=zone).astimezone(UTC)


def to_local(moment: datetime, zone: ZoneInfo) -> datetime:
    """Convert a moment to the local time in `zone`, without a time zone."""
    return moment.astimezone(zone).replace(tzinfo=None)


def begin_before(local: datetime, overlap: timedelta, zone: ZoneInfo) -> datetime:
    """Return the local time at which a poll must begin to cover the `overlap` before `local`.

    If clocks are put back in the hour after that time, the result is earlier by the same amount: rows written then have earlier
    local times.
    """
    earliest = to_utc(local, zone) - overlap
    now, later = earliest.astimezone(zone), (earliest + HOUR).astimezone(zone)
    put_back = (now.utcoffset() or timedelta()) - (later.utcoffset() or timedelta())
    return now.replace(tzinfo=None) - max(put_back, timedelta())
