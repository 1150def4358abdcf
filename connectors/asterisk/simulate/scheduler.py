"""What is to happen, in the order of its time."""

import heapq
from collections.abc import Callable
from itertools import count
from typing import Any


class Scheduler:
    """Things that happen one after the other; each may plan further ones. Times are seconds since 1970."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pace = 1.0
        """Everything takes so many times as long as it would."""
        self._plan: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = count()

    @property
    def next_at(self) -> float:
        """When something happens next; infinite if nothing does any more."""
        return self._plan[0][0] if self._plan else float("inf")

    def run_until(self, at: float) -> None:
        """Let all happen that is due until `at`."""
        while self._plan and self.next_at <= at:
            self.now, _, happen, about = heapq.heappop(self._plan)
            happen(*about)

    def at(self, at: float, happen: Callable[..., None], *about: Any) -> None:
        """Plan something for the time `at`."""
        heapq.heappush(self._plan, (at, next(self._order), happen, about))

    def after(self, seconds: float, happen: Callable[..., None], *about: Any) -> None:
        """Plan something for `seconds` after now."""
        self.at(self.now + seconds * self.pace, happen, *about)

    def clear(self) -> None:
        """Forget all that was planned."""
        self._plan.clear()
