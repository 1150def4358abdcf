"""Limits of the times of events: how far ahead of the clock, and how old."""

from datetime import datetime, timedelta
from typing import Final

from models.codec import UnusableRecord
from models.reasons import Reason

MAX_AHEAD: Final = timedelta(minutes=5)
"""Maximum time by which an event may be ahead of the clock that checks it."""
MAX_AGE: Final = timedelta(days=3653)
"""Maximum age of an event: ten years, the longest history that can be replayed."""


def check_event_time(happened_at: datetime, now: datetime) -> None:
    """Raise `UnusableRecord` if `happened_at` is more than `MAX_AHEAD` after `now`, or more than `MAX_AGE` before it.

    `now` is the time at which the event was read or stored.
    """
    ahead = happened_at - now
    if ahead > MAX_AHEAD:
        raise UnusableRecord(Reason.TIME_IN_FUTURE, f"more than {MAX_AHEAD} ahead of the clock")
    if ahead < -MAX_AGE:
        raise UnusableRecord(Reason.TIME_IN_PAST, f"more than {MAX_AGE.days} days old")
