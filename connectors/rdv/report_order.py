"""Order of reports about one participation that have the same second: kinds of reports, and offsets in microseconds."""

from typing import Final

DESTROYED: Final = "destroyed"
FOUND: Final = "found"
GONE: Final = "gone"
RANKS: Final = {FOUND: 0, GONE: 0, "created": 10, "updated": 20, DESTROYED: 30}
"""Order of facts of the same second, as an offset in microseconds. API facts come first: they hold the state at the start of the
second, and a webhook of that second may report a later change."""
WEIGHTS: Final = {"unknown": 0, "waiting": 1}
"""Order of two webhooks of the same kind and second, as an offset in microseconds, because the server may send them in any order.
Open statuses come first; all others have `CLOSED_WEIGHT`."""
CLOSED_WEIGHT: Final = 2
"""Offset of statuses that are not in `WEIGHTS`, in microseconds."""
