"""Rate limit per client."""

from typing import Final

MANY_CLIENTS: Final = 10_000
"""From this number of clients on, idle ones are removed."""
ROUNDING_SECONDS: Final = 1e-6
"""Tolerance for sums of fractions."""


class RateLimiter:
    """Counts the requests of clients. The generic cell rate algorithm stores one number per client."""

    def __init__(self) -> None:
        self._due_at: dict[str, float] = {}

    def take(self, client: str, now: float, per_second: float, burst_seconds: float) -> float:
        """Count a request of `client` at `now` (monotonic) and return 0. If it comes too early, only return the seconds to wait.

        A client without earlier requests may send one request and those of `burst_seconds` at once.
        """
        due_at = max(self._due_at.get(client, now), now)
        wait_seconds = due_at - now - burst_seconds
        if wait_seconds > ROUNDING_SECONDS:
            return wait_seconds
        if len(self._due_at) >= MANY_CLIENTS:
            self._due_at = {other: at for other, at in self._due_at.items() if at > now}
        self._due_at[client] = due_at + 1 / per_second
        return 0.0
