"""Local times as instants, where clocks are put forward or back too."""

from bisect import bisect_left
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def instant_of(zone: ZoneInfo, day: date, minute: int = 0) -> int:
    """Return the instant at which clocks first show a time of a day: `minute` from 0 to 1440, that is 24:00.

    A time that is shown twice counts once, the first time (as in RFC 5545, 3.3.5). One that is skipped is the moment of the
    jump, so that a span never ends before it begins: what opens at 02:30 when 02:00 becomes 03:00 opens then.
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
