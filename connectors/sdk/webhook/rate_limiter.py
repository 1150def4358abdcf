"""How fast each client may come."""

from typing import Final

BURST_SECONDS: Final = 1.0
MANY_CLIENTS: Final = 10_000


class RateLimiter:
    """A rate per client, in requests per second, by the generic cell rate algorithm: one number for each client."""

    def __init__(self, rate: float) -> None:
        self._interval_seconds = 1 / rate
        self._due_at: dict[str, float] = {}

    def admits(self, client: str, now: float) -> bool:
        """Return whether `client` may come at `now`, by a clock that never goes back; if so, it has."""
        due_at = max(self._due_at.get(client, now), now)
        if due_at - now > BURST_SECONDS:
            return False
        if len(self._due_at) >= MANY_CLIENTS:
            self._due_at = {other: at for other, at in self._due_at.items() if at > now}
        self._due_at[client] = due_at + self._interval_seconds
        return True
