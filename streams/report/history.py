"""Figures by civil day, read once from the beginning of the topic of figures to its end."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from streams.core.figures.figure import (
    ARRIVALS_INDEX,
    Dimensions,
    Figure,
    Progress,
    decode_figure,
    decode_progress,
    local_time,
    merge,
    merge_into_day,
    new_day,
    new_figure,
    parse_key,
)
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS
from streams.web.figures_reader import FiguresReader
from streams.web.merged_rows import complete_until
from streams.web.topic_view import RawRows, ReaderState, TopicView

_UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, LookupError)


class HistoryError(Exception):
    """The figures could not be read; `reader_state` gives the cause."""

    def __init__(self, reader_state: ReaderState) -> None:
        super().__init__(reader_state.value)
        self.reader_state = reader_state


@dataclass(frozen=True, slots=True)
class History:
    """Figures by civil day, merged over all partitions."""

    zone: ZoneInfo
    days: Mapping[tuple[date, Dimensions], Figure]
    """Figures of the requested days, with `by_hour`."""
    totals: Mapping[Dimensions, Figure]
    """Counts since the beginning, and stocks at `as_of`."""
    began_on: Mapping[str, date]
    """Channel → first day with a stored contact, which may be outside the requested days."""
    as_of: datetime | None
    """Time up to which the figures are complete; None if a partition has not recorded progress."""
    history_read_until: Mapping[str, datetime]
    """Channels, except calls, whose history is being read → time up to which it is read. Later figures are incomplete."""
    unreadable: int = 0
    """Number of rows that could not be decoded, due to a defect or a newer release."""


class _Rows:
    """The rows of one reading, by partition and key; not thread-safe."""

    def __init__(self, partitions: Iterable[int]) -> None:
        self.partitions = tuple(partitions)
        self.values: dict[tuple[int, bytes], bytes] = {}

    def put_all(self, partition: int, rows: RawRows, written_at: int) -> None:  # noqa: ARG002 - part of the protocol
        for key, value in rows:
            if key is None:
                continue
            if value is None:
                self.values.pop((partition, key), None)
            else:
                self.values[partition, key] = value


class HistoryView(TopicView[_Rows]):
    """View that collects all rows, then returns the figures of the civil days from `first` to `last` inclusive.

    `ended` is set at the end of the reading: all existing rows are read, the topic does not exist, or Kafka refuses access.
    Later states and rows are ignored: they would be newer than `History.as_of`.
    """

    def __init__(self, zone: ZoneInfo, first: date, last: date) -> None:
        super().__init__(_Rows(()))
        self.ended = threading.Event()
        self._zone = zone
        self._first = first
        self._last = last

    def set_state(self, reader_state: ReaderState) -> None:
        """Record the state of the reader, and set `ended` if the reading is over; ignored once that is set."""
        if not self.ended.is_set():
            super().set_state(reader_state)
            if reader_state in {ReaderState.FOLLOWING, ReaderState.NO_TOPIC, ReaderState.REFUSED}:
                self.ended.set()

    def apply_all(self, partition: int, rows: RawRows, written_at: int = 0) -> None:
        """Apply rows of one partition, or ignore them once `ended` is set."""
        if not self.ended.is_set():
            super().apply_all(partition, rows, written_at)

    def _new_reading(self, partitions: Iterable[int]) -> _Rows:
        return _Rows(partitions)

    def history(self) -> History:
        """Return the figures of the rows collected up to now, even if the reading is not over.

        Rows that cannot be decoded are only counted, in `unreadable`.
        """
        reading = self._current if self._loading is None else self._loading
        days: dict[tuple[date, Dimensions], Figure] = {}
        totals: dict[Dimensions, Figure] = {}
        began_on: dict[str, date] = {}
        progress: dict[int, Progress] = {}
        unreadable = 0
        for (partition, key), value in reading.values.items():
            try:
                kind, start, dimensions = parse_key(key)
                if dimensions is None:
                    progress[partition] = decode_progress(value)
                    continue
                figure_schema = FIGURE_SCHEMAS[dimensions.channel]
                figure = decode_figure(value, figure_schema)
                if kind == "total":
                    merge(totals.setdefault(dimensions, new_figure(figure_schema)), figure)
                    continue
                begins_at = local_time(start, self._zone) if kind == "bucket" else None
                day = begins_at.date() if begins_at else date.fromordinal(start)
                if figure.counts[ARRIVALS_INDEX]:
                    began_on[dimensions.channel] = min(day, began_on.get(dimensions.channel, day))
                if not self._first <= day <= self._last:
                    continue
                target = days.setdefault((day, dimensions), new_day(figure_schema))
                if begins_at:
                    merge_into_day(target, figure, begins_at.hour)
                else:
                    merge(target, figure)
            except _UNREADABLE:
                unreadable += 1
        as_of = complete_until(reading.partitions, progress)
        history_read_until: dict[str, int] = {}
        for part in progress.values():
            for channel, at in part.history.items():
                history_read_until[channel] = min(at, history_read_until.get(channel, at))
        return History(
            zone=self._zone,
            days=days,
            totals=totals,
            began_on=began_on,
            as_of=_moment(as_of, self._zone) if as_of else None,
            history_read_until={channel: _moment(at, self._zone) for channel, at in history_read_until.items()},
            unreadable=unreadable,
        )


def read_history(
    brokers: str, client: Mapping[str, Any], zone: ZoneInfo, first: date, last: date, timeout_seconds: float
) -> History:
    """Return the latest committed figures of the days from `first` to `last` inclusive.

    Raise `HistoryError` if the topic does not exist, Kafka refuses access, or the end is not reached in `timeout_seconds`.
    """
    view = HistoryView(zone, first, last)
    reader = FiguresReader(view, brokers, client)
    reader.start()
    try:
        view.ended.wait(timeout_seconds)
    finally:
        reader.stop()
    if view.reader_state is not ReaderState.FOLLOWING:
        raise HistoryError(view.reader_state)
    return view.history()


def _moment(milliseconds: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, zone)
