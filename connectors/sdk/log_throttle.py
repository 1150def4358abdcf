"""Rate-limited log messages for frequent events."""

import time
from collections import Counter
from typing import Final

import structlog

GATHER_SECONDS: Final = 5.0
"""Time from the first counted event to the log message, to count further ones."""
INTERVAL_SECONDS: Final = 300.0
"""Shortest interval between two log messages."""

log = structlog.get_logger(__name__)


class LogThrottle:
    """Counts events by reason, from a closed list of reasons, until the next log message is due."""

    def __init__(self) -> None:
        self._counts = Counter[str]()
        self._due_at = float("inf")
        self._next_at = 0.0

    def count(self, reason: str, number: int = 1) -> None:
        """Count `number` more events with `reason`."""
        if not self._counts:
            self._due_at = max(time.monotonic() + GATHER_SECONDS, self._next_at)
        self._counts[reason] += number

    def log_due(self, event: str) -> None:
        """Log a warning with the number of events and their reasons, and reset the counts, if a message is due."""
        now = time.monotonic()
        if now >= self._due_at:
            log.warning(event, count=self._counts.total(), reason=", ".join(sorted(self._counts)))
            self._counts, self._due_at, self._next_at = Counter(), float("inf"), now + INTERVAL_SECONDS
