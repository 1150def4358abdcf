"""Sums of figures over the last days: feedback, as a day has too few answers, and post, which is counted once a day."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from streams.core.figures.figure import Dimensions, Figure, decode_figure, local_time, merge, new_figure
from streams.core.figures.figure_schemas import FigureSchema

WINDOWS: Final = {"7d": 7, "28d": 28}
"""Name of a window of feedback → its length in civil days, today included."""
POST_WINDOW: Final = "7d"
"""Window of counted post."""

_Row = tuple[int, str, int, int]
"""Civil day (`date.toordinal`), kind and start of the row as in `DayWindows.put`, partition."""


class DayWindows:
    """Sums the rows of one figure schema by window; not thread-safe. Rows of buckets and of days do not overlap."""

    def __init__(
        self, zone: ZoneInfo, now: datetime, figure_schema: FigureSchema, windows: Mapping[str, int] = WINDOWS
    ) -> None:
        self.sums: dict[str, dict[Dimensions, Figure]] = {window: {} for window in windows}
        """Window → dimensions → sum. The figures in it are replaced, never changed."""
        self._zone = zone
        self._schema = figure_schema
        self._windows = windows
        self._days = max(windows.values())
        self._today = _day_of(now, zone)
        self._rows: dict[Dimensions, dict[_Row, Figure]] = {}
        self._touched: set[Dimensions] = set()

    def put(self, kind: str, start: int, dimensions: Dimensions, partition: int, value: bytes | None) -> None:
        """Apply the row of a bucket or a day; None removes it. `advance_to` then updates the sums.

        `kind` is `bucket` or `day`; `start` is in seconds since 1970, or for a day its `date.toordinal`. Rows older than all
        windows are ignored. Raise `msgspec.DecodeError` if the row cannot be decoded.
        """
        day = start if kind == "day" else local_time(start, self._zone).toordinal()
        rows, row = self._rows.setdefault(dimensions, {}), (day, kind, start, partition)
        self._touched.add(dimensions)
        rows.pop(row, None)
        if value is not None and day > self._today - self._days:
            rows[row] = decode_figure(value, self._schema)

    def advance_to(self, now: datetime) -> None:
        """Recompute the changed sums as of `now`, and drop rows older than all windows."""
        today = _day_of(now, self._zone)
        if today != self._today:
            self._today = today
            self._touched.update(self._rows)
            for dimensions, rows in self._rows.items():
                self._rows[dimensions] = {row: figure for row, figure in rows.items() if row[0] > today - self._days}
        for dimensions in self._touched:
            for window, days in self._windows.items():
                total = new_figure(self._schema)
                for (day, *_), figure in self._rows[dimensions].items():
                    if today - days < day <= today:
                        merge(total, figure)
                self.sums[window][dimensions] = total
        self._touched.clear()


def _day_of(now: datetime, zone: ZoneInfo) -> int:
    return now.astimezone(zone).toordinal()
