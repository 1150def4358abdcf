"""Opinions of the last days: of one day there are too few to say anything."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from streams.core.figures.figure import Dimensions, Figure, decode_figure, local_time, merge, new_figure
from streams.core.figures.figure_schemas import FEEDBACK

WINDOWS: Final = {"7d": 7, "28d": 28}
"""Name → civil days, today among them."""
_DAYS: Final = max(WINDOWS.values())

_Row = tuple[int, str, int, int]
"""Civil day (`date.toordinal`), kind and start of the row, partition."""


class FeedbackWindows:
    """Rows of opinions in, sums by window out; for one thread at a time. Rows of buckets and days are disjoint."""

    def __init__(self, zone: ZoneInfo, now: datetime) -> None:
        self.sums: dict[str, dict[Dimensions, Figure]] = {window: {} for window in WINDOWS}
        """Window → place → what was said in it. No row is changed once it is here."""
        self._zone = zone
        self._today = _day_of(now, zone)
        self._rows: dict[Dimensions, dict[_Row, Figure]] = {}
        self._touched: set[Dimensions] = set()

    def put(self, kind: str, start: int, dimensions: Dimensions, partition: int, value: bytes | None) -> None:
        """Take in the row of a bucket or a day; None removes it. Raises `msgspec.DecodeError` for what is no row."""
        day = start if kind == "day" else local_time(start, self._zone).toordinal()
        rows, row = self._rows.setdefault(dimensions, {}), (day, kind, start, partition)
        self._touched.add(dimensions)
        rows.pop(row, None)
        if value is not None and day > self._today - _DAYS:
            rows[row] = decode_figure(value, FEEDBACK)

    def advance_to(self, now: datetime) -> None:
        """Bring the sums up to `now`; what is older than all windows is dropped."""
        today = _day_of(now, self._zone)
        if today != self._today:
            self._today = today
            self._touched.update(self._rows)
            for dimensions, rows in self._rows.items():
                self._rows[dimensions] = {row: figure for row, figure in rows.items() if row[0] > today - _DAYS}
        for dimensions in self._touched:
            for window, days in WINDOWS.items():
                total = new_figure(FEEDBACK)
                for (day, *_), figure in self._rows[dimensions].items():
                    if today - days < day <= today:
                        merge(total, figure)
                self.sums[window][dimensions] = total
        self._touched.clear()


def _day_of(now: datetime, zone: ZoneInfo) -> int:
    return now.astimezone(zone).toordinal()
