"""Rate limit per client."""

from typing import Final

BURST_SECONDS: Final = 1.0
"""Length of a burst that the rate allows."""
MANY_CLIENTS: Final = 10_000
"""Idle clients are removed above this number of clients."""


class RateLimiter:
    """Rate limit per client in requests per second. The generic cell rate algorithm stores one number per client."""

    def __init__(self, rate: float) -> None:
        self._interval_seconds = 1 / rate
        self._due_at: dict[str, float] = {}

    def admits(self, client: str, now: float) -> bool:
        """Return whether `client` may send a request at `now` (monotonic), and count the request if so."""
        due_at = max(self._due_at.get(client, now), now)
        if due_at - now > BURST_SECONDS:
            return False
        if len(self._due_at) >= MANY_CLIENTS:
            self._due_at = {other: at for other, at in self._due_at.items() if at > now}
        self._due_at[client] = due_at + self._interval_seconds
        return True
