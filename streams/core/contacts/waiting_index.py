"""Index of a partition's open contacts by dimensions and start time, to avoid scans of all rows; decides nothing.

The index is a cache: `rebuild` makes the same index from the rows.
"""

from collections.abc import Mapping
from heapq import heappop, heappush
from typing import Final

from streams.core.contacts.contact import Contact
from streams.core.contacts.stay_outcome import TimesToLive, stay_result
from streams.core.figures.facts import open_since
from streams.core.figures.figure import Dimensions

_SLACK: Final = 1024
"""Number of heap entries, beyond twice the open contacts, that triggers a rebuild of the heaps."""
_Span = tuple[str, Dimensions, int]
"""Kind, dimensions and start of an open span. Kinds: `waiting` and `in_progress` of queue stays, and `case` for a case that waits
for the service, from `facts.open_since` on."""
_WAITS: Final = ("waiting", "case")
AGE_SECONDS: Final = 1800
"""Resolution of ages, in seconds. Half an hour divides all UTC offsets of French territories, so ages convert to civil days."""


class WaitingIndex:
    """Open contacts by dimensions and start time.

    One heap per kind and dimensions holds (start, key). Entries of ended spans become stale. They are removed when they reach
    the top of the heap, or all at the same time when their number exceeds a limit.
    """

    def __init__(self, rows: Mapping[bytes, Contact] | None = None) -> None:
        self.rebuild(rows or {})

    def __len__(self) -> int:
        """Return the number of heap entries, including stale entries."""
        return self._entries

    def rebuild(self, rows: Mapping[bytes, Contact]) -> None:
        """Replace the content by an index of `rows`."""
        self._open: dict[bytes, tuple[_Span, ...]] = {}
        self._heaps: dict[tuple[str, Dimensions], list[tuple[int, bytes]]] = {}
        self._ages: dict[Dimensions, dict[int, int]] = {}
        self._entries = 0
        for key, row in rows.items():
            self.update(key, None, row)

    def update(self, key: bytes, before: Contact | None, after: Contact | None) -> bool:
        """Replace the spans of the row `before` of `key` by those of `after`; None means no row. Return whether they changed."""
        if (
            before is not None
            and after is not None
            and before.stays is after.stays
            and before.case_events is after.case_events
        ):
            return False
        known = self._open.get(key, ())
        spans = _spans(after) if after is not None else ()
        if spans == known:
            return False
        if spans:
            self._open[key] = spans
        else:
            del self._open[key]
        for span in spans:
            if span not in known:
                self._push(span, key)
        for changed, by in ((known, -1), (spans, 1)):
            for kind, dimensions, since in changed:
                if kind == "case":
                    self._count_age(dimensions, since, by)
        if self._entries > 2 * len(self._open) + _SLACK:
            self._drop_stale()
        return True

    def oldest(self, dimensions: Dimensions) -> int | None:
        """Return the start of the longest wait of a queue stay or case with these dimensions, in milliseconds since 1970.

        Returns None without waits.
        """
        found = []
        for kind in _WAITS:
            heap = self._heaps.get((kind, dimensions), [])
            while heap and not self._is_open((kind, dimensions, heap[0][0]), heap[0][1]):
                heappop(heap)
                self._entries -= 1
            found += heap[:1]
        return min(found)[0] if found else None

    def ages(self, dimensions: Dimensions) -> dict[int, int]:
        """Return start of the half hour of receipt, in seconds since 1970 → number of waiting cases with these dimensions."""
        return dict(self._ages.get(dimensions, {}))

    def due(self, now_ms: int, ttl: TimesToLive) -> list[bytes]:
        """Return the keys of contacts with a wait or conversation that exceeds its time to live at `now_ms`, oldest first.

        They stay in the index until `update` removes them. Cases have no time to live.
        """
        found: list[tuple[int, bytes]] = []
        for (kind, dimensions), heap in self._heaps.items():
            if not heap or kind == "case":
                continue
            limit = now_ms - ttl.of(dimensions.channel, kind)
            passed = []
            while heap and heap[0][0] <= limit:
                passed.append(heappop(heap))
            still_open = [(since, key) for since, key in passed if self._is_open((kind, dimensions, since), key)]
            self._entries -= len(passed) - len(still_open)
            for entry in still_open:
                heappush(heap, entry)
            found += still_open
        return list(dict.fromkeys(key for _, key in sorted(found)))

    def _is_open(self, span: _Span, key: bytes) -> bool:
        return span in self._open.get(key, ())

    def _push(self, span: _Span, key: bytes) -> None:
        kind, dimensions, since = span
        heappush(self._heaps.setdefault((kind, dimensions), []), (since, key))
        self._entries += 1

    def _count_age(self, dimensions: Dimensions, since: int, by: int) -> None:
        ages, start = self._ages.setdefault(dimensions, {}), since // 1000 // AGE_SECONDS * AGE_SECONDS
        ages[start] = ages.get(start, 0) + by
        if not ages[start]:
            del ages[start]

    def _drop_stale(self) -> None:
        self._heaps = {}
        self._entries = 0
        for key, spans in self._open.items():
            for span in spans:
                self._push(span, key)


def _spans(row: Contact) -> tuple[_Span, ...]:
    if not row.stays:
        since = open_since(row)
        return () if since is None else (("case", row.dimensions, since),)
    spans: list[_Span] = []
    for stay in row.stays:
        result = stay_result(stay)
        if result.outcome == "waiting":
            spans.append(("waiting", stay.dimensions, result.outcome_at))
        elif result.finish == "in_progress":
            spans.append(("in_progress", stay.dimensions, result.finished_at))
    return tuple(spans)
