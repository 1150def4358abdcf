"""Conversion of local times to instants, with daylight saving time changes."""

from bisect import bisect_left
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def instant_of(zone: ZoneInfo, day: date, minute: int = 0) -> int:
    """Return the instant of a local time in milliseconds. `minute` counts from midnight, 0 to 1440 (24:00).

    A repeated local time means its first occurrence (RFC 5545, 3.3.5). A skipped local time means the moment of the clock
    change: an opening at 02:30 begins when 02:00 becomes 03:00. A span therefore never ends before it begins.
    """
    shown = datetime.combine(day, time(), zone) + timedelta(minutes=minute)
    seconds = round(shown.timestamp())
    before, after = shown.utcoffset(), shown.replace(fold=1).utcoffset()
    assert before is not None
    assert after is not None
    if after > before:  # skipped
        possible = range(seconds - round((after - before).total_seconds()), seconds + 1)
        jumped = bisect_left(possible, True, key=lambda at: datetime.fromtimestamp(at, zone).utcoffset() != before)  # noqa: FBT003
        seconds = possible[jumped]
    return seconds * 1000
