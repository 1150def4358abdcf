"""Sums of the figure rows of one reading of the topic."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from models.topics import Channel
from streams.core.figures.figure import (
    ARRIVALS_INDEX,
    BUCKET_SECONDS,
    Dimensions,
    Figure,
    Progress,
    decode_figure,
    decode_progress,
    merge,
    new_figure,
    parse_key,
)
from streams.core.figures.figure_schemas import (
    FEEDBACK,
    FIGURE_SCHEMAS,
    POST_CHANNEL,
    POST_SCHEMA,
    SLA_SCHEMA,
    FigureSchema,
)
from streams.core.forecast.arrivals import PastDay
from streams.web.board import typical_day
from streams.web.board.day_windows import POST_WINDOW, WINDOWS, DayWindows
from streams.web.topic_view import RawRows

RECENT_SECONDS: Final = 1800
"""Length of the recent window in seconds. A bucket that began before the window is left out; the current bucket counts."""

_Key = tuple[int, Dimensions]
"""Start of a bucket (or `_TOTAL`), dimensions."""
_TOTAL: Final = 0
_DUE: Final = SLA_SCHEMA.index["due"]
_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, TypeError, LookupError)


@dataclass(frozen=True, slots=True)
class Day:
    """Start and exclusive end of a civil day of 23, 24 or 25 hours, in seconds since 1970."""

    start: int
    end: int

    @classmethod
    def of(cls, now: datetime, zone: ZoneInfo) -> "Day":
        """Return the civil day of `now` in `zone`."""
        midnight = datetime.combine(now.astimezone(zone).date(), datetime.min.time(), zone)
        return cls(int(midnight.timestamp()), int((midnight + timedelta(days=1)).timestamp()))


class MergedRows:
    """Merges the rows of one reading into sums; not thread-safe.

    Rows are stored encoded, and most are decoded only in `advance_to`: a row that changed a hundred times is decoded once.
    `advance_to` also drops buckets that are no longer needed, so it must be called regularly to limit memory.
    """

    def __init__(
        self, partitions: Iterable[int], zone: ZoneInfo, now: datetime, report: Callable[[Exception], None]
    ) -> None:
        self.partitions = tuple(partitions)
        self.now = now
        """Time of the last `advance_to`, which `day` and the recent window contain."""
        self.day = Day.of(now, zone)
        self.progress: dict[int, Progress] = {}
        self.written_at: dict[int, int] = {}
        """Partition → when its latest row was written, milliseconds since 1970."""
        self.totals: dict[Dimensions, Figure] = {}
        self.latest: dict[Dimensions, int] = {}
        """Dimensions → start of the latest retained five minutes in which a contact arrived, seconds since 1970."""
        self.due: dict[Dimensions, dict[int, int]] = {}
        """Dimensions of SLA targets → start of a retained five-minute bucket → open clocks with a deadline in it, or 0."""
        self._feedback = DayWindows(zone, now, FEEDBACK)
        self._post = DayWindows(zone, now, POST_SCHEMA, {POST_WINDOW: WINDOWS[POST_WINDOW]})
        self._past = typical_day.PastDays(zone, now)
        self._zone = zone
        self._report = report
        self._retained_from = min(self.day.start, recent_span(now)[0])
        self._rows: dict[_Key, dict[int, bytes]] = {}
        self._touched: set[_Key] = set()
        self._buckets: dict[_Key, Figure] = {}
        self._add_up_today()

    def put_all(self, partition: int, rows: RawRows, written_at: int) -> None:
        """Apply rows of one partition; a value of None removes a row. An unreadable row is skipped, and its error reported.

        Most values are decoded later, by `advance_to`, which reports their errors in the same way.
        """
        self.written_at[partition] = written_at
        for key, value in rows:
            try:
                self._put(partition, key or b"", value)
            except _UNREADABLE as error:
                self._report(error)

    def advance_to(self, now: datetime) -> None:
        """Merge the changed rows, and move on to the day and the recent window of `now`. Drop buckets that are before both."""
        day = Day.of(now, self._zone)
        retained_from = min(day.start, recent_span(now)[0])
        self.now = now
        if retained_from != self._retained_from:
            self._retained_from = retained_from
            for key in [key for key in self._rows if _TOTAL < key[0] < retained_from]:
                self._forget(key)
                self._touched.discard(key)
            self.latest = {dimensions: start for dimensions, start in self.latest.items() if start >= retained_from}
        if day != self.day:
            self.day = day
            self._add_up_today()
        self._merge_touched()
        self._feedback.advance_to(now)
        self._post.advance_to(now)
        self._past.advance_to(now)

    @property
    def feedback(self) -> Mapping[str, Mapping[Dimensions, Figure]]:
        """Window (`day_windows.WINDOWS`) → dimensions → sum of the survey invitations and answers of its days."""
        return self._feedback.sums

    @property
    def post(self) -> Mapping[Dimensions, Figure]:
        """Dimensions → sum of the counted post of the days of `day_windows.POST_WINDOW`."""
        return self._post.sums[POST_WINDOW]

    @property
    def past_days(self) -> Sequence[PastDay]:
        """Calls by hour for the days of the last `typical_day.WEEKS` weeks, the latest first.

        Days that may be incomplete are missing.
        """
        return self._past.whole_days(complete_until(self.partitions, self.progress))

    def add_up_recent(self) -> dict[Dimensions, Figure]:
        """Return dimensions → counts of the recent window. Dimensions without a row in it, or without a total, are missing."""
        sums: dict[Dimensions, Figure] = {}
        starts = range(*recent_span(self.now), BUCKET_SECONDS)
        for dimensions in self.totals:
            for start in starts:
                if figure := self._buckets.get((start, dimensions)):
                    sums[dimensions] = _exchange(sums.get(dimensions), figure, None)
        return sums

    def _put(self, partition: int, key: bytes, value: bytes | None) -> None:
        kind, start, dimensions = parse_key(key)
        if dimensions is None:
            self.progress[partition] = decode_progress(value or b"")
            return
        if dimensions.channel not in FIGURE_SCHEMAS:
            raise LookupError("unknown channel, perhaps of a newer release")
        if kind != "total" and dimensions.channel == Channel.FEEDBACK:
            self._feedback.put(kind, start, dimensions, partition, value)
        if kind != "total" and dimensions.channel == POST_CHANNEL:
            self._post.put(kind, start, dimensions, partition, value)
        if kind != "total" and dimensions.channel == typical_day.CHANNEL:
            self._past.put(kind, start, dimensions, partition, value)
        if kind == "day":
            return  # past days are needed for feedback, counted post and the typical day only
        if kind == "total" or start >= self._retained_from:
            rows = self._rows.setdefault((start, dimensions), {})
            if value is None:
                rows.pop(partition, None)
            else:
                rows[partition] = value
            self._touched.add((start, dimensions))

    def _merge_touched(self) -> None:
        for key in self._touched:
            start, dimensions = key
            figure_schema = FIGURE_SCHEMAS[dimensions.channel]
            merged = new_figure(figure_schema)
            for figure in self._decode(self._rows[key].values(), figure_schema):
                merge(merged, figure)
            if start == _TOTAL:
                self.totals[dimensions] = merged
            else:
                self._count_today(key, merged, self._buckets.get(key))
                self._buckets[key] = merged
                if figure_schema is SLA_SCHEMA:
                    self.due.setdefault(dimensions, {})[start] = merged.counts[_DUE]
                if merged.counts[ARRIVALS_INDEX]:
                    self.latest[dimensions] = max(start, self.latest.get(dimensions, 0))
            if not self._rows[key]:
                self._forget(key)
        self._touched.clear()

    def _forget(self, key: _Key) -> None:
        start, dimensions = key
        del self._rows[key]
        if start == _TOTAL:
            del self.totals[dimensions]
        else:
            self._buckets.pop(key, None)
            self.due.get(dimensions, {}).pop(start, None)

    def _decode(self, values: Iterable[bytes], figure_schema: FigureSchema) -> Iterator[Figure]:
        for value in values:
            try:
                yield decode_figure(value, figure_schema)
            except _UNREADABLE as error:
                self._report(error)

    def _add_up_today(self) -> None:
        """Recompute the counts of `day`: `today` by dimensions, and `curve` by channel and start of the bucket."""
        self.today: dict[Dimensions, Figure] = {}
        self.curve: dict[str, dict[int, Figure]] = {}
        for key, figure in self._buckets.items():
            self._count_today(key, figure, None)

    def _count_today(self, key: _Key, new: Figure, old: Figure | None) -> None:
        start, dimensions = key
        if self.day.start <= start < self.day.end:
            self.today[dimensions] = _exchange(self.today.get(dimensions), new, old)
            curve = self.curve.setdefault(dimensions.channel, {})
            curve[start] = _exchange(curve.get(start), new, old)


def complete_until(partitions: Iterable[int], progress: Mapping[int, Progress]) -> int:
    """Return the progress of the slowest of `partitions`, in milliseconds since 1970; 0 until each has recorded progress."""
    return min((progress[number].step_at if number in progress else 0 for number in partitions), default=0)


def recent_span(now: datetime) -> tuple[int, int]:
    """Return the start of the first bucket wholly within `RECENT_SECONDS` before `now`, and the end of the current bucket.

    Both are in seconds since 1970.
    """
    at = int(now.timestamp())
    return -((RECENT_SECONDS - at) // BUCKET_SECONDS) * BUCKET_SECONDS, (at // BUCKET_SECONDS + 1) * BUCKET_SECONDS


def _exchange(sum_: Figure | None, new: Figure, old: Figure | None) -> Figure:
    """Return a new figure: the counts of `sum_` plus `new` minus `old` (None: 0). Snapshots share `sum_`: it must not change."""
    zeros = [0] * len(new.counts)
    rows = (row.counts if row else zeros for row in (sum_, new, old))
    return Figure([total + plus - minus for total, plus, minus in zip(*rows, strict=True)], [0] * len(new.stocks), {})
