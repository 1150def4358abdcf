"""The merged state of all figures: what the board and the metrics are both made from."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from streams.core.figures import (
    BUCKET_SECONDS,
    COUNTS,
    STOCKS,
    Dimensions,
    Figure,
    Progress,
    decode_figure,
    merge,
    new_figure,
    parse_key,
)

log = logging.getLogger(__name__)

RECENT_SECONDS: Final = 1800
"""What "recent" means: the buckets that lie wholly within this many seconds."""

_Key = tuple[int, Dimensions]
"""Start of a bucket, or `_TOTAL`, and what it is about."""
_TOTAL: Final = 0
_ZEROS: Final = [0] * len(COUNTS)
_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, TypeError, IndexError)
_decode_progress = msgspec.json.Decoder(Progress).decode


class Source(StrEnum):
    """What the reader is doing."""

    NO_BROKER = "no_broker"
    """No broker answers (any more)."""
    NO_TOPIC = "no_topic"
    """The topic of figures does not exist."""
    LOADING = "loading"
    """Reading what was written before."""
    FOLLOWING = "following"
    """All that was written before is read; what is new comes as it is committed."""


@dataclass(frozen=True, slots=True)
class Day:
    """A civil day, in seconds since 1970: 23, 24 or 25 hours long."""

    start: int
    end: int

    @classmethod
    def of(cls, now: datetime, zone: ZoneInfo) -> "Day":
        """Return the day of `zone` that `now` lies in."""
        midnight = datetime.combine(now.astimezone(zone).date(), datetime.min.time(), zone)
        return cls(int(midnight.timestamp()), int((midnight + timedelta(days=1)).timestamp()))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All figures at one moment. Shared between threads: nobody may change it."""

    taken_at: datetime
    source: Source
    day: Day
    partitions: tuple[int, ...]
    """All that the topic has."""
    progress: Mapping[int, Progress]
    """Per partition; one that was never written to is missing."""
    totals: Mapping[Dimensions, Figure]
    """Everything since the beginning, and the stocks of now."""
    today: Mapping[Dimensions, Figure]
    """Counts since midnight."""
    recent: Mapping[Dimensions, Figure]
    """Counts of the last half hour."""
    curve: Mapping[int, Figure]
    """Today's counts of all queues together: start of the five minutes → counts."""
    unreadable: int
    """Rows that could not be read: a defect, or a newer version's."""

    @property
    def as_of(self) -> int | None:
        """As of when the figures are, milliseconds since 1970: when the slowest partition last said it was up to date.

        None until every partition has said so.
        """
        if not self.partitions or any(number not in self.progress for number in self.partitions):
            return None
        return min(self.progress[number].step_at for number in self.partitions)


class FiguresView:
    """Rows of figures in, snapshots out; any thread may call either.

    Rows are kept as they were written and read only when a snapshot needs them: one that changes a hundred times between
    two snapshots costs one. Buckets that no snapshot will need are dropped, so memory is bounded by the queues of a day.
    """

    def __init__(self, zone: ZoneInfo, now: datetime) -> None:
        self._source = Source.NO_BROKER
        self.on_change: Callable[[], None] = lambda: None
        """Called after anything changed, by the thread that changed it."""
        self._zone = zone
        self._lock = threading.Lock()
        self._unreadable = 0
        self._day = Day.of(now, zone)
        self._keep_from = min(self._day.start, _recent_start(now))
        self.begin(())

    @property
    def source(self) -> Source:
        """What the reader is doing."""
        return self._source

    def tell(self, source: Source) -> None:
        """Take note of what the reader is doing now."""
        self._source = source
        self.on_change()

    def begin(self, partitions: Iterable[int]) -> None:
        """Forget everything: the topic is read from its beginning, and has these partitions."""
        with self._lock:
            self._partitions = tuple(partitions)
            self._progress: dict[int, Progress] = {}
            self._rows: dict[_Key, dict[int, bytes]] = {}
            self._touched: set[_Key] = set()
            self._totals: dict[Dimensions, Figure] = {}
            self._buckets: dict[_Key, Figure] = {}
            self._add_up_today()

    def apply(self, partition: int, key: bytes | None, value: bytes | None) -> None:
        """Take in one row; None removes it. Never raises: what cannot be read is counted."""
        self.apply_all(partition, [(key, value)])

    def apply_all(self, partition: int, rows: Iterable[tuple[bytes | None, bytes | None]]) -> None:
        """Take in rows of one partition; no snapshot sees some of them without the others."""
        with self._lock:
            for key, value in rows:
                try:
                    self._put(partition, key or b"", value)
                except _UNREADABLE as error:
                    self._report_unreadable(error)
        self.on_change()

    def snapshot(self, now: datetime) -> Snapshot:
        """Return all figures as of `now`."""
        with self._lock:
            self._turn_to(now)
            self._merge_touched()
            return Snapshot(
                taken_at=now,
                source=self._source,
                day=self._day,
                partitions=self._partitions,
                progress=dict(self._progress),
                totals=dict(self._totals),
                today=dict(self._today),
                recent=self._add_up_recent(now),
                curve=dict(self._curve),
                unreadable=self._unreadable,
            )

    def _put(self, partition: int, key: bytes, value: bytes | None) -> None:
        kind, start, dimensions = parse_key(key)
        if dimensions is None:
            self._progress[partition] = _decode_progress(value or b"")
        elif kind == "total" or start >= self._keep_from:
            rows = self._rows.setdefault((start, dimensions), {})
            if value is None:
                rows.pop(partition, None)
            else:
                rows[partition] = value
            self._touched.add((start, dimensions))

    def _merge_touched(self) -> None:
        for key in self._touched:
            start, dimensions = key
            merged = new_figure()
            for figure in self._decode(self._rows[key].values()):
                merge(merged, figure)
            if start == _TOTAL:
                self._totals[dimensions] = merged
            else:
                self._count_today(key, merged, self._buckets.get(key))
                self._buckets[key] = merged
            if not self._rows[key]:
                self._forget(key)
        self._touched.clear()

    def _forget(self, key: _Key) -> None:
        start, dimensions = key
        del self._rows[key]
        if start == _TOTAL:
            del self._totals[dimensions]
        else:
            self._buckets.pop(key, None)

    def _decode(self, values: Iterable[bytes]) -> Iterator[Figure]:
        for value in values:
            try:
                yield decode_figure(value)
            except _UNREADABLE as error:
                self._report_unreadable(error)

    def _report_unreadable(self, error: Exception) -> None:
        self._unreadable += 1
        log.warning("a row of figures cannot be read: %s", type(error).__name__)

    def _turn_to(self, now: datetime) -> None:
        """Go on to the day of `now`, and drop what it needs no more."""
        day = Day.of(now, self._zone)
        keep_from = min(day.start, _recent_start(now))
        if keep_from != self._keep_from:
            self._keep_from = keep_from
            for key in [key for key in self._rows if _TOTAL < key[0] < keep_from]:
                self._forget(key)
                self._touched.discard(key)
        if day != self._day:
            self._day = day
            self._add_up_today()

    def _add_up_today(self) -> None:
        self._today: dict[Dimensions, Figure] = {}
        self._curve: dict[int, Figure] = {}
        for key, figure in self._buckets.items():
            self._count_today(key, figure, None)

    def _count_today(self, key: _Key, new: Figure, old: Figure | None) -> None:
        start, dimensions = key
        if self._day.start <= start < self._day.end:
            self._today[dimensions] = _exchange(self._today.get(dimensions), new, old)
            self._curve[start] = _exchange(self._curve.get(start), new, old)

    def _add_up_recent(self, now: datetime) -> dict[Dimensions, Figure]:
        sums: dict[Dimensions, Figure] = {}
        starts = range(_recent_start(now), int(now.timestamp()) + 1, BUCKET_SECONDS)
        for dimensions in self._totals:
            for start in starts:
                if figure := self._buckets.get((start, dimensions)):
                    sums[dimensions] = _exchange(sums.get(dimensions), figure, None)
        return sums


def _recent_start(now: datetime) -> int:
    """Return the start of the first bucket that lies wholly in the recent time before `now`."""
    return -(-(int(now.timestamp()) - RECENT_SECONDS) // BUCKET_SECONDS) * BUCKET_SECONDS


def _exchange(sum_: Figure | None, new: Figure, old: Figure | None) -> Figure:
    """Return `sum_` with `new` counted in place of `old`; a new row, since snapshots share the ones they were given."""
    rows = (row.counts if row else _ZEROS for row in (sum_, new, old))
    return Figure([total + plus - minus for total, plus, minus in zip(*rows, strict=True)], [0] * len(STOCKS), {})
