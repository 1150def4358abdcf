"""Queue of planned actions, ordered by time."""

import heapq
from collections.abc import Callable
from itertools import count
from typing import Any


class Scheduler:
    """Runs planned actions in order; each may plan further ones. Times are seconds since 1970."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pace = 1.0
        """Factor applied to planned durations."""
        self._plan: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = count()

    @property
    def next_at(self) -> float:
        """Time of the next action; infinite if none is planned."""
        return self._plan[0][0] if self._plan else float("inf")

    def run_until(self, at: float) -> None:
        """Run all actions due until `at`."""
        while self._plan and self.next_at <= at:
            self.now, _, action, arguments = heapq.heappop(self._plan)
            action(*arguments)

    def at(self, at: float, action: Callable[..., None], *arguments: Any) -> None:
        """Plan an action for the time `at`."""
        heapq.heappush(self._plan, (at, next(self._order), action, arguments))

    def after(self, seconds: float, action: Callable[..., None], *arguments: Any) -> None:
        """Plan an action `seconds` from now."""
        self.at(self.now + seconds * self.pace, action, *arguments)

    def clear(self) -> None:
        """Cancel all planned actions."""
        self._plan.clear()
