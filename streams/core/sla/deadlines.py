"""Index of the next change of each contact's SLA clocks, to avoid scans of all rows; decides nothing.

The index is a cache of the rows. An entry only says when to check a row; the row says what is due.
"""

from collections.abc import Callable, Iterator, Mapping
from heapq import heapify, heappop, heappush
from typing import Final

from streams.core.contacts.contact import Contact
from streams.core.figures.facts import clock_dimensions
from streams.core.figures.figure import Dimensions
from streams.core.sla.clock import SlaClock, due_at

_SLACK: Final = 1024
"""Number of entries, beyond twice the contacts with a deadline, that triggers a rebuild."""


class DeadlineIndex:
    """Contacts by the time of their next clock change, in a heap of (time, key).

    Entries become stale when a contact changes. They are dropped at the top of the heap, or all at the same time when their
    number exceeds a limit. `lag` returns the delay of a contact's reports after they are due, in milliseconds.
    """

    def __init__(self, lag: Callable[[Contact], int] = lambda _: 0) -> None:
        self._lag = lag
        self._heap: list[tuple[int, bytes]] = []
        self._live = 0
        """Number of contacts with a next change."""
        self._overdue: dict[Dimensions, list[tuple[int, bytes]]] = {}
        """Dimensions of SLA figures → heap of (passed deadline, key), including stale entries."""

    def rebuild(self, rows: Mapping[bytes, Contact]) -> None:
        """Replace the content by an index of `rows`, without stale entries."""
        self._heap, self._overdue = [], {}
        for key, row in rows.items():
            if row.clocks:
                self._add_overdue(key, (), row.clocks)
                if (at := self._report_at(row)) is not None:
                    self._heap.append((at, key))
        heapify(self._heap)
        self._live = len(self._heap)

    def update(self, key: bytes, before: Contact | None, after: Contact | None) -> None:
        """Replace the row `before` of `key` by `after`, where None means no row. The former entry becomes stale."""
        old = None if before is None or not before.clocks else self._report_at(before)
        new = None if after is None or not after.clocks else self._report_at(after)
        if after is not None and after.clocks:
            self._add_overdue(key, before.clocks if before is not None else (), after.clocks)
        if old == new:
            return
        self._live += (new is not None) - (old is not None)
        if new is not None:
            heappush(self._heap, (new, key))

    def restore(self, key: bytes, row: Contact | None) -> None:
        """Add entries for `row`, the row of `key` again after a failed step was undone. None means no row."""
        if row is not None and row.clocks:
            self._add_overdue(key, (), row.clocks)
            if (at := self._report_at(row)) is not None:
                heappush(self._heap, (at, key))

    def postpone(self, key: bytes, at: int) -> None:
        """Add an entry for a contact that `due` yielded, so that it is yielded again at `at` or later."""
        heappush(self._heap, (at - 1, key))

    @property
    def next_at(self) -> int | None:
        """Return the time of the next check, in milliseconds since 1970; None without one."""
        return self._heap[0][0] + 1 if self._heap else None

    def _report_at(self, row: Contact) -> int | None:
        due = due_at(row.clocks)
        return None if due is None else due + self._lag(row)

    def due(self, now: int, rows: Mapping[bytes, Contact], limit: int) -> Iterator[bytes]:
        """Yield at most `limit` keys of contacts with a change to report before `now`, earliest first, each once.

        A yielded contact leaves the index: the caller must `update` or `postpone` it.
        """
        if len(self._heap) > 2 * self._live + _SLACK:
            self.rebuild(rows)
        heap = self._heap
        seen: set[bytes] = set()
        while heap and heap[0][0] < now and len(seen) < limit:
            _, key = heappop(heap)
            row = rows.get(key)
            if row is None or key in seen:
                continue
            at = self._report_at(row)
            if at is not None and at < now:
                seen.add(key)
                yield key

    def oldest_overdue(self, dimensions: Dimensions, rows: Mapping[bytes, Contact]) -> int | None:
        """Return the earliest passed deadline, in milliseconds since 1970, of the overdue clocks counted in these dimensions.

        Returns None without an overdue clock.
        """
        heap = self._overdue.get(dimensions, [])
        while heap:
            deadline_at, key = heap[0]
            row = rows.get(key)
            if row is not None and any(
                clock.is_overdue and clock.deadline_at == deadline_at and clock_dimensions(clock) == dimensions
                for clock in row.clocks
            ):
                return deadline_at
            heappop(heap)
        return None

    def _add_overdue(self, key: bytes, before: tuple[SlaClock, ...], after: tuple[SlaClock, ...]) -> None:
        for clock in after:
            if clock.is_overdue and clock not in before:
                assert clock.deadline_at is not None  # it passed
                heappush(self._overdue.setdefault(clock_dimensions(clock), []), (clock.deadline_at, key))
