"""Dates and times of day without separators in a sample, as many telephone systems write them: `241026`, `022359`."""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

_DAYS: Final = ("%d%m%y", "%y%m%d")
"""Formats of dates with six digits."""
_DAY: Final = re.compile(r"\d{5,6}", re.ASCII)
"""Date with six digits, or with five after a spreadsheet has removed the zero."""
_CLOCKS: Final = {
    "%H%M": re.compile(r"(?:[01]\d|2[0-3])[0-5]\d", re.ASCII),
    "%H%M%S": re.compile(r"(?:[01]\d|2[0-3])(?:[0-5]\d){2}", re.ASCII),
}
MIN_SHARE: Final = 0.9
"""Lowest share of the values in a column that must have a format."""


def find_short_day_format(values: Sequence[str], now: datetime) -> str:
    """Return the format of dates with six digits; empty for other texts.

    Of two possible formats, the one whose dates are closer together counts: a sample is of some days or months, not of decades.
    If there is only one date, it is the latest that is not after `now`.
    """
    ranks = {}
    for day_format in _DAYS:
        days = [day for value in values if (day := _read_day(value, day_format))]
        if days and len(days) >= MIN_SHARE * len(values):
            first, last = min(days), max(days)
            ranks[day_format] = (last - first, last > now, now - last)
    return min(ranks, key=lambda day_format: ranks[day_format]) if ranks else ""


def find_clock_format(values: Sequence[str]) -> str:
    """Return the format of times of day without separators, whose leading zeros may be missing; empty for other texts."""
    longest = max(map(len, values), default=0)
    clock_format, width = ("%H%M", 4) if longest <= 4 else ("%H%M%S", 6)
    matching = sum(_CLOCKS[clock_format].fullmatch(value.zfill(width)) is not None for value in values)
    return clock_format if values and matching >= MIN_SHARE * len(values) else ""


def _read_day(value: str, day_format: str) -> datetime | None:
    if _DAY.fullmatch(value):
        with suppress(ValueError):
            return datetime.strptime(value.zfill(6), day_format).replace(tzinfo=UTC)
    return None
