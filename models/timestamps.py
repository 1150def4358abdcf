"""Conversion of timestamps: whole milliseconds since 1970 UTC, as in rows and messages."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import time as clock
from typing import Final

# Python subtracts datetimes faster if both have the same tzinfo object, as datetimes from `models.codec.read` do.
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds(time: datetime) -> int:
    """Return an aware `time` in whole milliseconds since 1970, rounded down."""
    since = time - _EPOCH
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def to_datetime(at: int) -> datetime:
    """Return the UTC time of `at`, in milliseconds since 1970."""
    return datetime.fromtimestamp(at / 1000, UTC)


def to_iso(at: int, timespec: str = "milliseconds") -> str:
    """Return `at`, in milliseconds since 1970, as ISO 8601 in UTC; `timespec` is that of `datetime.isoformat`."""
    return to_datetime(at).isoformat(timespec=timespec).replace("+00:00", "Z")


def day_ending_at(at: int, zone: tzinfo) -> date | None:
    """Return the day that ends at `at` (milliseconds since 1970) if `at` is midnight in `zone`, else None.

    An SLA target in days ends at the midnight after its last day, and is displayed as that last day.
    """
    local = datetime.fromtimestamp(at / 1000, zone)
    return local.date() - timedelta(days=1) if local.time() == clock.min else None
