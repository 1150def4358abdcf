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


class DeadlineIndex:
    """Contacts by the time of their next clock change.

    Changes up to the end of the current slot are in a heap of (time, key). Later ones are in one list of keys per slot, which
    needs only 8 bytes per contact. Entries become stale when a contact changes, and are dropped when their time comes. `lag`
    returns the delay of a contact's reports after they are due, in milliseconds.
    """

    def __init__(self, lag: Callable[[Contact], int] = lambda _: 0) -> None:
        self._lag = lag
        self.rebuild({})

    def rebuild(self, rows: Mapping[bytes, Contact]) -> None:
        """Replace the content by an index of `rows`, without stale entries."""
        self._slot = 0
        self._near: list[tuple[int, bytes]] = []
        self._later: dict[int, list[bytes]] = {}
        self._overdue: dict[Dimensions, list[tuple[int, bytes]]] = {}
        """Dimensions of SLA figures → heap of (passed deadline, key), including stale entries."""
        for key, row in rows.items():
            self.restore(key, row)

    def update(self, key: bytes, before: Contact | None, after: Contact) -> None:
        """Replace the row `before` of `key`, None for a new contact, by `after`. The former entry becomes stale."""
        known = before.clocks if before is not None else ()
        self._add_overdue(key, known, after.clocks)
        old = self._report_at(before) if before is not None else None
        if (at := self._report_at(after)) != old:
            self._add(key, at)

    def restore(self, key: bytes, row: Contact | None) -> None:
        """Add entries for `row`, the row of `key` again after a failed step was undone. None means no row."""
        if row is not None and row.clocks:
            self._add_overdue(key, (), row.clocks)
            self._add(key, self._report_at(row))

    def postpone(self, key: bytes, at: int) -> None:
        """Add an entry for a contact that `due` yielded, so that it is yielded again at `at` or later."""
        heappush(self._near, (at - 1, key))

    @property
    def next_at(self) -> int | None:
        """Return the time of the next check, in milliseconds since 1970; None if it is not in the current slot."""
        return self._near[0][0] + 1 if self._near else None

    def _report_at(self, row: Contact) -> int | None:
        due = due_at(row.clocks)
        return None if due is None else due + self._lag(row)

    def _add(self, key: bytes, at: int | None) -> None:
        if at is None:
            return
        if at // SLOT_MS <= self._slot:
            heappush(self._near, (at, key))
        else:
            self._later.setdefault(at // SLOT_MS, []).append(key)

    def due(self, now: int, rows: Mapping[bytes, Contact], limit: int) -> Iterator[bytes]:
        """Yield at most `limit` keys of contacts with a change to report before `now`, earliest first, each once.

        A yielded contact leaves the index: the caller must `update` or `postpone` it.
        """
        self._begin_slot(now // SLOT_MS, rows)
        near = self._near
        seen: set[bytes] = set()
        while near and near[0][0] < now and len(seen) < limit:
            _, key = heappop(near)
            row = rows.get(key)
            if row is None or key in seen:
                continue
            at = self._report_at(row)
            if at is not None and at < now:
                seen.add(key)
                yield key

    def _begin_slot(self, slot: int, rows: Mapping[bytes, Contact]) -> None:
        if slot <= self._slot:
            return
        if sum(map(len, self._later.values())) > 2 * len(rows):  # most entries are stale
            self.rebuild(rows)
        self._slot = slot
        for begun in [known for known in self._later if known <= slot]:
            for key in dict.fromkeys(self._later.pop(begun)):
                if (row := rows.get(key)) is not None:
                    self._add(key, self._report_at(row))

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
