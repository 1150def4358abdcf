"""The merged state of all figures: what the board and the metrics are both made from."""

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
    """What the reader is doing."""

    NO_BROKER = "no_broker"
    """No broker answers (any more)."""
    REFUSED = "refused"
    """Kafka refuses the login, or the reading of the topic."""
    NO_TOPIC = "no_topic"
    """The topic of figures does not exist."""
    LOADING = "loading"
    """Reading what was written before."""
    FOLLOWING = "following"
    """All that was written before is read; what is new comes as it is committed."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All figures at one moment. Shared between threads: nobody may change it."""

    taken_at: datetime
    reader_state: ReaderState
    day: Day
    partitions: tuple[int, ...]
    """All that the topic has; none until it was read to its end once."""
    progress: Mapping[int, Progress]
    """Per partition; one that was never written to is missing."""
    written_at: Mapping[int, int]
    """Partition → when its latest row was written, milliseconds since 1970: a worker that has not caught up writes too."""
    totals: Mapping[Dimensions, Figure]
    """Everything since the beginning, and the stocks of now."""
    today: Mapping[Dimensions, Figure]
    """Counts since midnight."""
    recent: Mapping[Dimensions, Figure]
    """Counts of the last half hour."""
    curve: Mapping[str, Mapping[int, Figure]]
    """Today's counts of each channel: start of the five minutes → counts."""
    latest: Mapping[Dimensions, int]
    """Start of the latest five minutes in which a contact came, seconds since 1970; missing if none came today."""
    due: Mapping[Dimensions, Mapping[int, int]]
    """Where clocks are counted → start of five minutes, seconds since 1970 → how many open clocks have their deadline then: all
    that are to come, and those of today and of the last half hour. Those that stand still have none."""
    feedback: Mapping[str, Mapping[Dimensions, Figure]]
    """Window (`opinions.WINDOWS`) → place → what was said in these civil days, of which today is the last."""
    policies: Policies
    """What is promised, by the SLA file as it was at that moment."""
    unreadable: int
    """How often a row could not be read: a defect, or a newer version's. One that stays is met again with each change."""
    past_days: Sequence[PastDay] = ()
    """Calls by hour, of each of the days before today (`PastDays`)."""

    @property
    def loaded(self) -> bool:
        """Whether these are figures: before the first reading is complete there are none, which is not the same as zero."""
        return bool(self.partitions)

    @property
    def as_of(self) -> int | None:
        """As of when the figures are, milliseconds since 1970: when the slowest partition last said it was up to date.

        None until every partition has said so.
        """
        parts = [self.progress.get(number) for number in self.partitions]
        return min((part.step_at if part else 0 for part in parts), default=0) or None

    @property
    def history(self) -> dict[str, int]:
        """Channels of which history is being read → as of when the slowest partition's is, milliseconds since 1970."""
        told = [part.history for part in self.progress.values()]
        channels = sorted({channel for history in told for channel in history})
        return {channel: min(history[channel] for history in told if channel in history) for channel in channels}

    @property
    def event_at(self) -> int | None:
        """When the latest event happened that is counted, milliseconds since 1970; None before the first."""
        return max((part.event_at for part in self.progress.values()), default=0) or None


class FiguresView:
    """Rows of figures in, snapshots out; any thread may call either.

    A reading of the topic from its beginning is shown when it is complete, and what was shown before until then: counts never
    fall because somebody starts anew.
    """

    def __init__(self, zone: ZoneInfo, now: datetime, policies: Callable[[], Policies] = lambda: NO_POLICIES) -> None:
        """`policies` says what is promised, each time that it is asked."""
        self.on_change: Callable[[], None] = lambda: None
        """Called after anything changed, by the thread that changed it."""
        self._zone = zone
        self._policies = policies
        self._lock = threading.Lock()
        self._source = ReaderState.NO_BROKER
        self._unreadable = 0
        self._shown = MergedRows((), zone, now, self._report_unreadable)
        self._filled: MergedRows | None = None

    @property
    def reader_state(self) -> ReaderState:
        """What the reader is doing."""
        return self._source

    def set_state(self, reader_state: ReaderState) -> None:
        """Take note of what the reader is doing now; when it follows, what it read since `begin` is what is shown."""
        with self._lock:
            self._source = reader_state
            if reader_state is ReaderState.FOLLOWING and self._filled is not None:
                self._shown, self._filled = self._filled, None
        self.on_change()

    def begin(self, partitions: Iterable[int]) -> None:
        """Read anew, from the beginning of a topic of these partitions: what comes now is shown when it is complete."""
        with self._lock:
            self._filled = MergedRows(partitions, self._zone, self._shown.now, self._report_unreadable)

    def apply(self, partition: int, key: bytes | None, value: bytes | None, written_at: int = 0) -> None:
        """Take in one row; None removes it. Never raises: what cannot be read is counted."""
        self.apply_all(partition, [(key, value)], written_at)

    def apply_all(self, partition: int, rows: Iterable[tuple[bytes | None, bytes | None]], written_at: int = 0) -> None:
        """Take in rows of one partition, the last one written at `written_at` (milliseconds since 1970, 0 if not known).

        No snapshot sees some of them without the others.
        """
        with self._lock:
            into = self._shown if self._filled is None else self._filled
            into.put_all(partition, rows, written_at)
        self.on_change()

    def snapshot(self, now: datetime) -> Snapshot:
        """Return all figures as of `now`."""
        policies = self._policies()
        with self._lock:
            shown = self._shown
            shown.advance_to(now)
            return Snapshot(
                taken_at=now,
                reader_state=self._source,
                day=shown.day,
                partitions=shown.partitions,
                progress=dict(shown.progress),
                written_at=dict(shown.written_at),
                totals=dict(shown.totals),
                today=dict(shown.today),
                recent=shown.add_up_recent(),
                curve={channel: dict(curve) for channel, curve in shown.curve.items()},
                latest=dict(shown.latest),
                due={
                    dimensions: {at: number for at, number in due.items() if number}
                    for dimensions, due in shown.due.items()
                },
                feedback={window: dict(sums) for window, sums in shown.feedback.items()},
                past_days=shown.past_days,
                policies=policies,
                unreadable=self._unreadable,
            )

    def _report_unreadable(self, error: Exception) -> None:
        self._unreadable += 1
        log.warning("a row of figures cannot be read: %s", type(error).__name__)
