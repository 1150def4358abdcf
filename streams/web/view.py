"""Merged state of all figures, and its snapshots for the board and the metrics."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from models.policies import Policies
from streams.core.figures.figure import Dimensions, Figure, Progress
from streams.core.forecast.arrivals import PastDay
from streams.web.merged_rows import Day, MergedRows, complete_until
from streams.web.topic_view import ReaderState, TopicView

log = logging.getLogger(__name__)

NO_POLICIES: Final = Policies()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All figures at one moment. Shared between threads, therefore read-only."""

    taken_at: datetime
    reader_state: ReaderState
    day: Day
    """Civil day of `taken_at` in the time zone of the view."""
    partitions: tuple[int, ...]
    """All partitions of the topic; empty until it has been read to its end once."""
    progress: Mapping[int, Progress]
    """Partition → progress that its worker recorded last; partitions without any are missing."""
    written_at: Mapping[int, int]
    """Partition → write time of its latest row, milliseconds since 1970. A worker that is catching up writes too."""
    totals: Mapping[Dimensions, Figure]
    """Dimensions → counts since the beginning, and current stocks."""
    today: Mapping[Dimensions, Figure]
    """Dimensions → counts since midnight; stocks are 0. Dimensions without a row of today are missing."""
    recent: Mapping[Dimensions, Figure]
    """Dimensions → counts of the recent window (`merged_rows.RECENT_SECONDS`), like `today`."""
    curve: Mapping[str, Mapping[int, Figure]]
    """Channel → start of a five-minute bucket of today, seconds since 1970 → counts."""
    latest: Mapping[Dimensions, int]
    """Dimensions → start of the latest five minutes of today or the recent window with an arrival, seconds since 1970."""
    due: Mapping[Dimensions, Mapping[int, int]]
    """Dimensions of SLA targets → start of a five-minute bucket, seconds since 1970 → open clocks with a deadline in it.

    Contains all future buckets, those of today and those of the recent window. Paused clocks have no deadline."""
    feedback: Mapping[str, Mapping[Dimensions, Figure]]
    """Window (`day_windows.WINDOWS`) → dimensions → survey invitations and answers of these civil days, today included."""
    policies: Policies
    """Policies of the SLA file at that moment."""
    unreadable: int
    """Failed attempts to decode a row since the process started, due to a defect or a newer release. A bad row may fail again."""
    past_days: Sequence[PastDay] = ()
    """Calls by hour for the complete days of the last `typical_day.WEEKS` weeks, the latest first.

    A day without calls has zeros. Days that may be incomplete are missing.
    """
    post: Mapping[Dimensions, Figure] = field(default_factory=dict)
    """Dimensions → counted post of the civil days of `day_windows.POST_WINDOW`, today included."""

    @property
    def loaded(self) -> bool:
        """True once the topic has been read completely. Before that, figures are unknown, not zero."""
        return bool(self.partitions)

    @property
    def as_of(self) -> int | None:
        """Time of the figures: the progress of the slowest partition, in milliseconds since 1970.

        None until each partition has recorded progress.
        """
        return complete_until(self.partitions, self.progress) or None

    @property
    def history(self) -> dict[str, int]:
        """Channels, except calls, whose history is being read → progress of the slowest partition, milliseconds since 1970.

        For calls, `as_of` is this progress.
        """
        histories = [part.history for part in self.progress.values()]
        channels = sorted({channel for history in histories for channel in history})
        return {channel: min(history[channel] for history in histories if channel in history) for channel in channels}

    @property
    def event_at(self) -> int | None:
        """Time of the latest counted event, milliseconds since 1970; None before the first."""
        return max((part.event_at for part in self.progress.values()), default=0) or None


class FiguresView(TopicView[MergedRows]):
    """Thread-safe view that applies rows of figures and returns snapshots."""

    def __init__(self, zone: ZoneInfo, now: datetime, policies: Callable[[], Policies] = lambda: NO_POLICIES) -> None:
        """Create an empty view; `policies` returns the SLA policies at each call."""
        self._zone = zone
        self._policies = policies
        self._unreadable = 0
        super().__init__(MergedRows((), zone, now, self._report_unreadable))

    def snapshot(self, now: datetime) -> Snapshot:
        """Return all figures as of `now`. Drop rows from memory that are not needed for a snapshot at `now` or later."""
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
                post=dict(current.post),
                policies=policies,
                unreadable=self._unreadable,
            )

    def _new_reading(self, partitions: Iterable[int]) -> MergedRows:
        return MergedRows(partitions, self._zone, self._current.now, self._report_unreadable)

    def _report_unreadable(self, error: Exception) -> None:
        self._unreadable += 1
        log.warning("ignored an unreadable row of figures: %s", type(error).__name__)
