"""How often a token may ask: a token bucket each.

`limits`, the library for this, has windows only: a fixed one lets twice the rate pass at its edge, a moving one keeps each
request.
"""

from typing import Final, NamedTuple


class Bucket(NamedTuple):
    """How much may still be taken, and as of when."""

    level: float
    at_seconds: float


def take(bucket: Bucket | None, now_seconds: float, rate_per_minute: int) -> tuple[Bucket, float]:
    """Take one; return the bucket after it, and 0, or for how many seconds to wait before anything can be taken.

    A bucket holds as much as flows in within a minute, and is full at first (None). What is refused takes nothing.
    """
    per_second = rate_per_minute / 60
    level = float(rate_per_minute)
    if bucket is not None:
        level = min(level, bucket.level + max(0.0, now_seconds - bucket.at_seconds) * per_second)
    if level < 1:
        return Bucket(level, now_seconds), (1 - level) / per_second
    return Bucket(level - 1, now_seconds), 0.0


class Limiter:
    """The buckets of one process, by the names of tokens."""

    def __init__(self) -> None:
        self._buckets: Final[dict[str, Bucket]] = {}

    def take(self, name: str, now_seconds: float, rate_per_minute: int) -> float:
        """Take one for `name`; return 0, or for how many seconds it has to wait (`Retry-After`)."""
        self._buckets[name], wait = take(self._buckets.get(name), now_seconds, rate_per_minute)
        return wait
