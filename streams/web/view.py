"""Merged state of all figures, and its snapshots for the board and the metrics."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from models.policies import Policies
from streams.core.figures.figure import Dimensions, Figure, Progress
from streams.core.forecast.arrivals import PastDay
from streams.web.merged_rows import Day, MergedRows

log = logging.getLogger(__name__)

NO_POLICIES: Final = Policies()


class ReaderState(StrEnum):
    """State of the thread that reads the topic of figures."""

    NO_BROKER = "no_broker"
    """No broker answers."""
    REFUSED = "refused"
    """Kafka refuses the login, or read access to the topic."""
    NO_TOPIC = "no_topic"
    """The topic of figures does not exist."""
    LOADING = "loading"
    """Reading the existing rows."""
    FOLLOWING = "following"
    """All existing rows are read; new rows follow after each commit."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All figures at one moment. Shared between threads, therefore read-only."""

    taken_at: datetime
    reader_state: ReaderState
    day: Day
    partitions: tuple[int, ...]
    """All partitions of the topic; empty until it has been read to its end once."""
    progress: Mapping[int, Progress]
    """Partition → progress that its worker recorded last; partitions without any are missing."""
    written_at: Mapping[int, int]
    """Partition → write time of its latest row, milliseconds since 1970. A worker that is catching up writes too."""
    totals: Mapping[Dimensions, Figure]
    """Counts since the beginning, and current stocks."""
    today: Mapping[Dimensions, Figure]
    """Counts since midnight."""
    recent: Mapping[Dimensions, Figure]
    """Counts of the recent window (`merged_rows.RECENT_SECONDS`)."""
    curve: Mapping[str, Mapping[int, Figure]]
    """Channel → start of a five-minute bucket of today → counts."""
    latest: Mapping[Dimensions, int]
    """Dimensions → start of the latest five minutes of today with an arrival, seconds since 1970."""
    due: Mapping[Dimensions, Mapping[int, int]]
    """Dimensions of SLA targets → start of a five-minute bucket, seconds since 1970 → open clocks with a deadline in it.

    Contains all future buckets, those of today and those of the recent window. Paused clocks have no deadline."""
    feedback: Mapping[str, Mapping[Dimensions, Figure]]
    """Window (`feedback_windows.WINDOWS`) → dimensions → survey answers of these civil days, today included."""
    policies: Policies
    """Policies of the SLA file at that moment."""
    unreadable: int
    """Number of failed attempts to decode a row, due to a defect or a newer release. A bad row fails again at each change."""
    past_days: Sequence[PastDay] = ()
    """Calls by hour for each complete day before today (`typical_day.PastDays`)."""

    @property
    def loaded(self) -> bool:
        """True once the topic has been read completely. Before that, figures are unknown, not zero."""
        return bool(self.partitions)

    @property
    def as_of(self) -> int | None:
        """Time of the figures: the progress of the slowest partition, in milliseconds since 1970.

        None until each partition has recorded progress.
        """
        parts = [self.progress.get(number) for number in self.partitions]
        return min((part.step_at if part else 0 for part in parts), default=0) or None

    @property
    def history(self) -> dict[str, int]:
        """Channels whose history is being read → progress of the slowest partition, milliseconds since 1970."""
        histories = [part.history for part in self.progress.values()]
        channels = sorted({channel for history in histories for channel in history})
        return {channel: min(history[channel] for history in histories if channel in history) for channel in channels}

    @property
    def event_at(self) -> int | None:
        """Time of the latest counted event, milliseconds since 1970; None before the first."""
        return max((part.event_at for part in self.progress.values()), default=0) or None


class FiguresView:
    """Thread-safe view that applies rows of figures and returns snapshots.

    A new reading of the topic replaces the previous one only when it is complete. Restarting the reader therefore never
    lowers the counts.
    """

    def __init__(self, zone: ZoneInfo, now: datetime, policies: Callable[[], Policies] = lambda: NO_POLICIES) -> None:
        """Create an empty view; `policies` returns the SLA policies at each call."""
        self.on_change: Callable[[], None] = lambda: None
        """Called after each change, by the thread that made it."""
        self._zone = zone
        self._policies = policies
        self._lock = threading.Lock()
        self._reader_state = ReaderState.NO_BROKER
        self._unreadable = 0
        self._current = MergedRows((), zone, now, self._report_unreadable)
        self._loading: MergedRows | None = None

    @property
    def reader_state(self) -> ReaderState:
        """State of the reader that feeds this view."""
        return self._reader_state

    def set_state(self, reader_state: ReaderState) -> None:
        """Record the state of the reader; at `FOLLOWING`, the rows read since `begin` replace those shown before."""
        with self._lock:
            self._reader_state = reader_state
            if reader_state is ReaderState.FOLLOWING and self._loading is not None:
                self._current, self._loading = self._loading, None
        self.on_change()

    def begin(self, partitions: Iterable[int]) -> None:
        """Start a new reading, from the beginning of a topic with these partitions."""
        with self._lock:
            self._loading = MergedRows(partitions, self._zone, self._current.now, self._report_unreadable)

    def apply(self, partition: int, key: bytes | None, value: bytes | None, written_at: int = 0) -> None:
        """Apply one row; a value of None removes it. Unreadable rows are counted, not raised."""
        self.apply_all(partition, [(key, value)], written_at)

    def apply_all(self, partition: int, rows: Iterable[tuple[bytes | None, bytes | None]], written_at: int = 0) -> None:
        """Apply rows of one partition; the last one was written at `written_at` (milliseconds since 1970, 0 if unknown).

        Snapshots contain all of these rows or none.
        """
        with self._lock:
            target = self._current if self._loading is None else self._loading
            target.put_all(partition, rows, written_at)
        self.on_change()

    def snapshot(self, now: datetime) -> Snapshot:
        """Return all figures as of `now`. Drop rows from memory that are not needed at or after `now`."""
        policies = self._policies()
        with self._lock:
            current = self._current
            current.advance_to(now)
            return Snapshot(
                taken_at=now,
                reader_state=self._reader_state,
                day=current.day,
                partitions=current.partitions,
                progress=dict(current.progress),
                written_at=dict(current.written_at),
                totals=dict(current.totals),
                today=dict(current.today),
                recent=current.add_up_recent(),
                curve={channel: dict(curve) for channel, curve in current.curve.items()},
                latest=dict(current.latest),
                due={
                    dimensions: {at: number for at, number in due.items() if number}
                    for dimensions, due in current.due.items()
                },
                feedback={window: dict(sums) for window, sums in current.feedback.items()},
                past_days=current.past_days,
                policies=policies,
                unreadable=self._unreadable,
            )

    def _report_unreadable(self, error: Exception) -> None:
        self._unreadable += 1
        log.warning("a row of figures cannot be read: %s", type(error).__name__)
