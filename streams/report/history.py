"""What the topic of figures holds of days that are over: read once, from its beginning to its end."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
    local_time,
    merge,
    merge_into_day,
    new_day,
    new_figure,
    parse_key,
)
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS
from streams.web.figures_reader import FiguresReader
from streams.web.view import ReaderState

_UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, LookupError)
_decode_progress = msgspec.json.Decoder(Progress).decode


class HistoryError(Exception):
    """The figures could not be read; `source` says what was missing."""

    def __init__(self, reader_state: ReaderState) -> None:
        super().__init__(reader_state.value)
        self.reader_state = reader_state


@dataclass(frozen=True, slots=True)
class History:
    """Figures by civil day, of all partitions together."""

    zone: ZoneInfo
    days: Mapping[tuple[date, Dimensions], Figure]
    """Of the days that were asked for; with `by_hour`."""
    totals: Mapping[Dimensions, Figure]
    """Everything since the beginning, and the stocks of the moment `as_of`."""
    began_on: Mapping[str, date]
    """Channel → the first day of which a contact is kept, whatever days were asked for."""
    as_of: datetime | None
    """Up to when all is counted; None if some partition never told."""
    history_read_until: Mapping[str, datetime]
    """Channels of which history is being read → as of when: figures since then are not complete."""
    unreadable: int = 0
    """Rows that a newer release wrote, or that are none."""


@dataclass(slots=True)
class HistoryView:
    """Rows in, as `FiguresReader` brings them; of the days from `first` to `last` they are kept."""

    zone: ZoneInfo
    first: date
    last: date
    reader_state: ReaderState = ReaderState.NO_BROKER
    ended: threading.Event = field(default_factory=threading.Event)
    """Set when all that was written is read, or it is clear that there is nothing to read."""
    _partitions: tuple[int, ...] = ()
    _rows: dict[tuple[int, bytes], bytes] = field(default_factory=dict)

    def set_state(self, reader_state: ReaderState) -> None:
        """Take note of what the reader is doing now."""
        if self.ended.is_set():
            return
        self.reader_state = reader_state
        if reader_state in {ReaderState.FOLLOWING, ReaderState.NO_TOPIC, ReaderState.REFUSED}:
            self.ended.set()

    def begin(self, partitions: Iterable[int]) -> None:
        """Read anew."""
        self._partitions = tuple(partitions)
        self._rows.clear()

    def apply_all(
        self,
        partition: int,
        rows: Iterable[tuple[bytes | None, bytes | None]],
        written_at: int = 0,  # noqa: ARG002 - as told
    ) -> None:
        """Take in rows of one partition; None removes one."""
        if self.ended.is_set():
            return  # what comes later is of another moment
        for key, value in rows:
            if key is None:
                continue
            if value is None:
                self._rows.pop((partition, key), None)
            else:
                self._rows[partition, key] = value

    def history(self) -> History:
        """Return what was read."""
        days: dict[tuple[date, Dimensions], Figure] = {}
        totals: dict[Dimensions, Figure] = {}
        began_on: dict[str, date] = {}
        progress: dict[int, Progress] = {}
        unreadable = 0
        for (partition, key), value in self._rows.items():
            try:
                kind, start, dimensions = parse_key(key)
                if dimensions is None:
                    progress[partition] = _decode_progress(value)
                    continue
                figure_schema = FIGURE_SCHEMAS[dimensions.channel]
                figure = decode_figure(value, figure_schema)
                if kind == "total":
                    merge(totals.setdefault(dimensions, new_figure(figure_schema)), figure)
                    continue
                begins_at = local_time(start, self.zone) if kind == "bucket" else None
                day = begins_at.date() if begins_at else date.fromordinal(start)
                if figure.counts[ARRIVALS_INDEX]:
                    began_on[dimensions.channel] = min(day, began_on.get(dimensions.channel, day))
                if not self.first <= day <= self.last:
                    continue
                into = days.setdefault((day, dimensions), new_day(figure_schema))
                if begins_at:
                    merge_into_day(into, figure, begins_at.hour)
                else:
                    merge(into, figure)
            except _UNREADABLE:
                unreadable += 1
        told = [progress[number].step_at if number in progress else 0 for number in self._partitions]
        as_of = min(told, default=0)
        history_read_until: dict[str, int] = {}
        for part in progress.values():
            for channel, at in part.history.items():
                history_read_until[channel] = min(at, history_read_until.get(channel, at))
        return History(
            zone=self.zone,
            days=days,
            totals=totals,
            began_on=began_on,
            as_of=_moment(as_of, self.zone) if as_of else None,
            history_read_until={channel: _moment(at, self.zone) for channel, at in history_read_until.items()},
            unreadable=unreadable,
        )


def read_history(
    brokers: str, client: Mapping[str, Any], zone: ZoneInfo, first: date, last: date, timeout_seconds: float
) -> History:
    """Return the figures of the days from `first` to `last`, as they were committed last.

    Raises `HistoryError` if the topic does not exist, or was not read to its end within `timeout_seconds`.
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
