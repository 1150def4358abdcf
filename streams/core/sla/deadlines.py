"""Index of the next change of each contact's SLA clocks, to avoid scans of all rows; decides nothing.

The index is a cache of the rows. An entry only says when to check a row; the row says what is due.
"""

from collections.abc import Callable, Iterator, Mapping
from heapq import heappop, heappush
from typing import Final

from streams.core.contacts.contact import Contact
from streams.core.figures.facts import clock_dimensions
from streams.core.figures.figure import Dimensions
from streams.core.sla.clock import SlaClock, due_at

SLOT_MS: Final = 600_000
"""Length of a time slot, in milliseconds."""
_SLACK: Final = 1024
"""Number of entries, beyond twice the contacts with a deadline, that triggers a rebuild."""


class DeadlineIndex:
    """Contacts by the time of their next clock change.

    Changes in the current time slot are in a heap of (time, key). Later ones are in one list of keys per slot, which needs only
    8 bytes per contact. `lag` returns the delay of a contact's reports after they are due, in milliseconds.
    """

    def __init__(self, lag: Callable[[Contact], int] = lambda _: 0) -> None:
        self._lag = lag
        self._near: list[tuple[int, bytes]] = []
        self._later: dict[int, list[bytes]] = {}
        self._slots: list[int] = []
        """A heap of the slots in `_later`."""
        self._slot = 0
        """The current slot: entries up to its end are in `_near`."""
        self._entries = self._live = 0
        self._overdue: dict[Dimensions, list[tuple[int, bytes]]] = {}
        """Dimensions of SLA figures → heap of (passed deadline, key), including stale entries."""

    def __len__(self) -> int:
        """Return the number of entries, including stale entries."""
        return self._entries

    def rebuild(self, rows: Mapping[bytes, Contact]) -> None:
        """Replace the content by an index of `rows`, without stale entries."""
        self._near, self._later, self._slots, self._overdue = [], {}, [], {}
        self._entries = 0
        for key, row in rows.items():
            self.restore(key, row)
        self._live = self._entries

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
            self._add(key, new)

    def restore(self, key: bytes, row: Contact | None) -> None:
        """Add entries for `row`, the row of `key` again after a failed step was undone. None means no row."""
        if row is not None and row.clocks:
            self._add_overdue(key, (), row.clocks)
            if (at := self._report_at(row)) is not None:
                self._add(key, at)

    def postpone(self, key: bytes, at: int) -> None:
        """Add an entry for a contact that `due` yielded, so that it is yielded again at `at` or later."""
        self._entries += 1
        heappush(self._near, (at - 1, key))

    @property
    def next_at(self) -> int | None:
        """Return the time of the next check, in milliseconds since 1970; None if it is not in the current slot."""
        return self._near[0][0] + 1 if self._near else None

    def _report_at(self, row: Contact) -> int | None:
        due = due_at(row.clocks)
        return None if due is None else due + self._lag(row)

    def _add(self, key: bytes, at: int) -> None:
        self._entries += 1
        slot = at // SLOT_MS
        if slot <= self._slot:
            heappush(self._near, (at, key))
        elif slot in self._later:
            self._later[slot].append(key)
        else:
            self._later[slot] = [key]
            heappush(self._slots, slot)

    def due(self, now: int, rows: Mapping[bytes, Contact], limit: int) -> Iterator[bytes]:
        """Yield at most `limit` keys of contacts with a change to report before `now`, earliest first, each once.

        A yielded contact leaves the index: the caller must `update` or `postpone` it.
        """
        if self._entries > 2 * self._live + _SLACK:
            self.rebuild(rows)
        self._advance_slot(now, rows)
        near = self._near
        seen: set[bytes] = set()
        while near and near[0][0] < now and len(seen) < limit:
            _, key = heappop(near)
            self._entries -= 1
            row = rows.get(key)
            if row is None or key in seen:
                continue
            at = self._report_at(row)
            if at is not None and at < now:
                seen.add(key)
                yield key

    def _advance_slot(self, now: int, rows: Mapping[bytes, Contact]) -> None:
        self._slot = max(self._slot, now // SLOT_MS)
        while self._slots and self._slots[0] <= self._slot:
            keys = self._later.pop(heappop(self._slots))
            self._entries -= len(keys)
            for key in keys:
                row = rows.get(key)
                if row is not None and (at := self._report_at(row)) is not None:
                    self._add(key, at)

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
