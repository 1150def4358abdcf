"""When something is to be told of a contact's clocks next: found without looking at every row.

A cache of the rows and nothing more. An entry says only when to look: what is due is what the row says then.
"""

from collections.abc import Callable, Iterator, Mapping
from heapq import heappop, heappush
from typing import Final

from streams.core.contacts.contact import Contact
from streams.core.figures.facts import clock_dimensions
from streams.core.figures.figure import Dimensions
from streams.core.sla.clock import SlaClock, due_at

SLOT_MS: Final = 600_000
_SLACK: Final = 1024
"""How many entries more than twice the contacts with a deadline there may be."""


class DeadlineIndex:
    """What is to be told in this slot of time lies in a heap of (when, key); what is later in a list per slot, at 8 bytes each.

    `lag` says how long after it was due it is told of a contact.
    """

    def __init__(self, lag: Callable[[Contact], int] = lambda _: 0) -> None:
        self._lag = lag
        self._near: list[tuple[int, bytes]] = []
        self._later: dict[int, list[bytes]] = {}
        self._slots: list[int] = []
        """A heap of the slots in `_later`."""
        self._slot = 0
        """What is due in this slot or before is in `_near`."""
        self._entries = self._live = 0
        self._overdue: dict[Dimensions, list[tuple[int, bytes]]] = {}
        """Where a clock is counted → a heap of the deadlines that passed there, stale ones included."""

    def __len__(self) -> int:
        """Return how many entries there are, stale ones included."""
        return self._entries

    def rebuild(self, rows: Mapping[bytes, Contact]) -> None:
        """Forget all, and index `rows`."""
        self._near, self._later, self._slots, self._overdue = [], {}, [], {}
        self._entries = 0
        for key, row in rows.items():
            self.restore(key, row)
        self._live = self._entries

    def update(self, key: bytes, before: Contact | None, after: Contact | None) -> None:
        """Take in that the row of `key` was `before`, and is `after` (None: there is none)."""
        was = None if before is None or not before.clocks else self._tell_at(before)
        now = None if after is None or not after.clocks else self._tell_at(after)
        if after is not None and after.clocks:
            self._note_overdue(key, before.clocks if before is not None else (), after.clocks)
        if was == now:
            return
        self._live += (now is not None) - (was is not None)
        if now is not None:
            self._look_at(key, now)

    def restore(self, key: bytes, row: Contact | None) -> None:
        """Take in that the row of `key` is `row` again, whatever it was since."""
        if row is not None and row.clocks:
            self._note_overdue(key, (), row.clocks)
            if (at := self._tell_at(row)) is not None:
                self._look_at(key, at)

    def postpone(self, key: bytes, at: int) -> None:
        """Look again at a contact of which something is due at that time, and not before."""
        self._entries += 1
        heappush(self._near, (at - 1, key))

    @property
    def next_at(self) -> int | None:
        """When to look next; None if not in this slot of time."""
        return self._near[0][0] + 1 if self._near else None

    def _tell_at(self, row: Contact) -> int | None:
        due = due_at(row.clocks)
        return None if due is None else due + self._lag(row)

    def _look_at(self, key: bytes, at: int) -> None:
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
        """Yield, once, at most `limit` contacts of which something is to be told that was due before `now`, earliest first."""
        if self._entries > 2 * self._live + _SLACK:
            self.rebuild(rows)
        self._come_near(now, rows)
        near = self._near
        seen: set[bytes] = set()
        while near and near[0][0] < now and len(seen) < limit:
            _, key = heappop(near)
            self._entries -= 1
            row = rows.get(key)
            if row is None or key in seen:
                continue
            at = self._tell_at(row)
            if at is not None and at < now:
                seen.add(key)
                yield key

    def _come_near(self, now: int, rows: Mapping[bytes, Contact]) -> None:
        self._slot = max(self._slot, now // SLOT_MS)
        while self._slots and self._slots[0] <= self._slot:
            keys = self._later.pop(heappop(self._slots))
            self._entries -= len(keys)
            for key in keys:
                row = rows.get(key)
                if row is not None and (at := self._tell_at(row)) is not None:
                    self._look_at(key, at)

    def oldest_overdue(self, dimensions: Dimensions, rows: Mapping[bytes, Contact]) -> int | None:
        """Return the earliest deadline that passed of the open clocks counted at `place`; None if none did."""
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

    def _note_overdue(self, key: bytes, before: tuple[SlaClock, ...], after: tuple[SlaClock, ...]) -> None:
        for clock in after:
            if clock.is_overdue and clock not in before:
                assert clock.deadline_at is not None  # it passed
                heappush(self._overdue.setdefault(clock_dimensions(clock), []), (clock.deadline_at, key))
