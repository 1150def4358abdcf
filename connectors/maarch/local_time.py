"""Maarch's times: local ones without a zone, as PostgreSQL writes them (`2026-03-16 09:00:00.12`).

When clocks are put back, an hour comes twice and its times do not tell which: they are taken for the first.
"""

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

HOUR: Final = timedelta(hours=1)


def read_local(text: str) -> datetime:
    """Return the time without a zone that `text` is. Raises `ValueError`."""
    read = datetime.fromisoformat(text)
    if read.tzinfo:
        raise ValueError("it has a zone")
    return read


def write_local(local: datetime) -> str:
    """Return a time without a zone as text whose order is that of the times."""
    return local.isoformat(" ", "microseconds")


def to_utc(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment at which it was `local` in `zone`."""
    return local.replace(tzinfo=zone).astimezone(UTC)


def to_local(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return what time it was in `zone`, without the zone."""
    return moment.astimezone(zone).replace(tzinfo=None)


def begin_before(local: datetime, overlap: timedelta, zone: ZoneInfo) -> datetime:
    """Return the local time from which on all is found that was written from `overlap` before `local` on.

    It is earlier by what clocks are put back in the hour after it: what is written after that has earlier times.
    """
    earliest = to_utc(local, zone) - overlap
    now, later = earliest.astimezone(zone), (earliest + HOUR).astimezone(zone)
    put_back = (now.utcoffset() or timedelta()) - (later.utcoffset() or timedelta())
    return now.replace(tzinfo=None) - max(put_back, timedelta())
