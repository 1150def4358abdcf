"""Instants as rows and messages hold them: whole milliseconds since 1970 UTC."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import time as clock
from typing import Final

# With the same tzinfo object on both sides, as those of `models.codec.read` have it, Python subtracts without asking for offsets.
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds(time: datetime) -> int:
    """Return an aware `time` in whole milliseconds; what is less than one is cut off."""
    since = time - _EPOCH
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def to_datetime(at: int) -> datetime:
    """Return the time, in UTC, of so many milliseconds."""
    return datetime.fromtimestamp(at / 1000, UTC)


def to_iso(at: int, timespec: str = "milliseconds") -> str:
    """Return the time of so many milliseconds as ISO 8601 has it, in UTC, to the `timespec` of `datetime.isoformat`."""
    return to_datetime(at).isoformat(timespec=timespec).replace("+00:00", "Z")


def day_ending_at(at: int, zone: tzinfo) -> date | None:
    """Return the day that ends at `at` by the clocks of `zone`: that before, if it is midnight; None if none does.

    A promise in days ends at the midnight after its last day, which is that day to whoever reads it.
    """
    local = datetime.fromtimestamp(at / 1000, zone)
    return local.date() - timedelta(days=1) if local.time() == clock.min else None
