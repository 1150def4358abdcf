"""Rate limit of each token, as a token bucket.

The library `limits` has windows only. A fixed window allows twice the rate at its edge; a moving window stores each request.
"""

from typing import Final, NamedTuple


class Bucket(NamedTuple):
    """Requests that may still be made, and the time of that count."""

    level: float
    at_seconds: float


def take(bucket: Bucket | None, now_seconds: float, rate_per_minute: int) -> tuple[Bucket, float]:
    """Take one request; return the new bucket and the wait in seconds before the next attempt, 0 if the request is allowed.

    A bucket holds the requests of one minute and is full at first (None). A refused request takes nothing.
    """
    per_second = rate_per_minute / 60
    level = float(rate_per_minute)
    if bucket is not None:
        level = min(level, bucket.level + max(0.0, now_seconds - bucket.at_seconds) * per_second)
    if level < 1:
        return Bucket(level, now_seconds), (1 - level) / per_second
    return Bucket(level - 1, now_seconds), 0.0


class Limiter:
    """Buckets of one process, by name of the token."""

    def __init__(self) -> None:
        self._buckets: Final[dict[str, Bucket]] = {}

    def take(self, name: str, now_seconds: float, rate_per_minute: int) -> float:
        """Take one request for `name`; return 0, or the seconds to wait (`Retry-After`)."""
        self._buckets[name], wait = take(self._buckets.get(name), now_seconds, rate_per_minute)
        return wait
