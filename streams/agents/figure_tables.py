"""Figures of one partition: total rows, rows of five minutes, and rows of days, into which old five-minute rows are merged."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from models import topics
from streams.agents import codecs
from streams.agents.codecs import FigureKey
from streams.core.figures.figure import (
    Dimensions,
    Figure,
    Progress,
    count_numbers,
    local_time,
    merge_into_day,
    new_day,
    new_figure,
)
from streams.core.figures.figure_schemas import CASE_SCHEMA, FIGURE_SCHEMAS
from streams.engine.job import Table

LENGTHS: Final = {channel: len(figure_schema.counts) for channel, figure_schema in FIGURE_SCHEMAS.items()}
"""Channel, or name in its place → number of counts in its rows."""


class FigureTables:
    """Tables of figures. Call `begin` before the changes of a step, and `finish` after them.

    `keep_buckets` is the age in milliseconds at which a bucket is merged into the row of its day, a civil day in `zone`. Day rows
    are kept for `keep_days`. Totals have no limit.
    """

    def __init__(self, keep_buckets: int, keep_days: int, zone: ZoneInfo) -> None:
        self._keep_buckets, self._keep_days, self._zone = keep_buckets, keep_days, zone
        self.rows: Final = Table(topics.FIGURES.name, codecs.FIGURES._replace(load=self._load))
        self.days: Final = Table(topics.FIGURES.name, codecs.DAYS)
        self._lengths: Final[dict[str, int]] = {}
        """`LENGTHS` of the release that wrote the rows, by the longest loaded total row of each channel."""
        self._edited: Final = _Edited(self.rows)
        self.edit: Final = self._edited.__getitem__
        """Return the row of a key for changes in place during this step.

        For an expired bucket it is a temporary row, which `finish` merges into the row of its day."""
        self._ageless: list[FigureKey] = []
        """Keys of an earlier release's total rows of cases, which have no `open_since`."""

    def restore(self) -> None:
        """Find the loaded rows without `open_since`, for `edit_ageless`. Called after a recovery."""
        self._ageless = [
            key
            for key, row in self.rows.rows.items()
            if not key[0] and FIGURE_SCHEMAS[key[1].channel] is CASE_SCHEMA and row.open_since is None
        ]

    def begin(self, now: int) -> None:
        """Begin a step at `now` (milliseconds since 1970): forget the rows that the last step edited."""
        self._edited.begin(self._oldest_bucket(now))

    def finish(self, now: int) -> None:
        """Add the counts that the step made in expired buckets to the rows of their days."""
        for key, figure in self._edited.old.items():
            self._merge_into_day(now, key, figure)
        self._edited.old.clear()

    def set_oldest(
        self, oldest: Callable[[Dimensions], int | None], ages: Callable[[Dimensions], dict[int, int]]
    ) -> None:
        """Set `oldest_waiting_at` of each changed total row, and `open_since` of each changed total row of cases.

        `oldest` and `ages` return these values for the row's dimensions.
        """
        for start, dimensions in self.rows.before:
            if start == 0:
                row = self.rows.rows[start, dimensions]
                row.oldest_waiting_at = oldest(dimensions)
                if FIGURE_SCHEMAS[dimensions.channel] is CASE_SCHEMA:
                    row.open_since = ages(dimensions)

    def edit_ageless(self) -> None:
        """Edit the rows of an earlier release without `open_since`, so that `set_oldest` sets it."""
        for key in self._ageless:
            if self.rows.rows[key].open_since is None:
                self.edit(key)

    def drop_old(self, now: int) -> None:
        """Merge expired buckets into the rows of their days, and delete expired days."""
        oldest = self._oldest_bucket(now)
        for key in [key for key in self.rows.rows if 0 < key[0] < oldest]:
            self._merge_into_day(now, key, self.rows.rows[key])
            self.rows.delete(key)
        first_day = self._first_day(now)
        for day in [day for day in self.days.rows if day[0] < first_day]:
            self.days.delete(day)

    def record_added(self, progress: Progress, now: int) -> None:
        """Record for the counts that this release has added that they are counted from `now` on."""
        known = LENGTHS | self._lengths if progress.lengths is None else progress.lengths
        for channel, length in LENGTHS.items():
            if (before := known.get(channel, 0)) < length:
                progress.added.setdefault(channel, []).append((before, now))
        progress.lengths = LENGTHS

    def _oldest_bucket(self, now: int) -> int:
        return (now - self._keep_buckets) // 1000

    def _first_day(self, now: int) -> date:
        return local_time(now // 1000, self._zone).date() - timedelta(days=self._keep_days)

    def _merge_into_day(self, now: int, key: FigureKey, bucket: Figure) -> None:
        """Add an expired bucket to the row of its day, unless the day has expired too or the bucket is empty."""
        start, dimensions = key
        begins_at = local_time(start, self._zone)
        if begins_at.date() >= self._first_day(now) and any(bucket.counts):
            day = self.days.edit((begins_at.date(), dimensions), partial(new_day, FIGURE_SCHEMAS[dimensions.channel]))
            merge_into_day(day, bucket, begins_at.hour)

    def _load(self, key: FigureKey, value: bytes) -> Figure:
        if not key[0]:
            channel = key[1].channel
            self._lengths[channel] = max(self._lengths.get(channel, 0), count_numbers(value))
        return codecs.FIGURES.load(key, value)


class _Edited(dict[FigureKey, Figure]):
    """Mutable figures of a step, fetched once from the table; counts in expired buckets are collected in `old`."""

    def __init__(self, figures: Table[FigureKey, Figure]) -> None:
        super().__init__()
        self._figures = figures
        self._oldest = 0
        self.old: Final[dict[FigureKey, Figure]] = {}

    def begin(self, oldest: int) -> None:
        """Forget the figures of the last step. Buckets before `oldest`, in seconds since 1970, are expired."""
        self.clear()
        self._oldest = oldest
        self.old.clear()

    def __missing__(self, key: FigureKey) -> Figure:
        make = partial(new_figure, FIGURE_SCHEMAS[key[1].channel])
        if 0 < key[0] < self._oldest:
            figure = self.old[key] = make()
        else:
            figure = self._figures.edit(key, make)
        self[key] = figure
        return figure
