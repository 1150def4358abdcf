"""What happens often is told of now and then, in one line."""

import time
from collections import Counter
from typing import Final, TypedDict

GATHER_SECONDS: Final = 5.0
"""How long what happens is counted, before it is told of."""
TELL_SECONDS: Final = 300.0
"""How often it is told of at most."""


class Told(TypedDict, total=False):
    """What a log record carries of it."""

    count: int
    reason: str
    """The reasons there were, in order, with a comma between."""


class LogThrottle:
    """Counts what happens, by reasons of a closed list, until it is time to tell of it."""

    def __init__(self) -> None:
        self._counts = Counter[str]()
        self._due_at = float("inf")
        self._next_at = 0.0

    def count(self, reason: str, number: int = 1) -> None:
        """Note `number` more."""
        if not self._counts:
            self._due_at = max(time.monotonic() + GATHER_SECONDS, self._next_at)
        self._counts[reason] += number

    def take(self) -> Told:
        """Return what is to be told now; nothing if nothing happened, or it is not time to."""
        now = time.monotonic()
        if now < self._due_at:
            return {}
        told = Told(count=self._counts.total(), reason=", ".join(sorted(self._counts)))
        self._counts, self._due_at, self._next_at = Counter(), float("inf"), now + TELL_SECONDS
        return told
