"""Rate limit per client."""

from typing import Final

MANY_CLIENTS: Final = 10_000
"""Idle clients are removed above this number of clients."""


class RateLimiter:
    """Rate limit per client. The generic cell rate algorithm stores one number per client."""

    def __init__(self) -> None:
        self._due_at: dict[str, float] = {}

    def take(self, client: str, now: float, interval_seconds: float, burst_seconds: float) -> float:
        """Count a request of `client` at `now` (monotonic) and return 0, or return the seconds until the next one is admitted.

        Requests are admitted every `interval_seconds`; `burst_seconds` of them may come at once.
        """
        due_at = max(self._due_at.get(client, now), now)
        wait = due_at - now - burst_seconds
        if wait > 0:
            return wait
        if len(self._due_at) >= MANY_CLIENTS:
            self._due_at = {other: at for other, at in self._due_at.items() if at > now}
        self._due_at[client] = due_at + interval_seconds
        return 0
