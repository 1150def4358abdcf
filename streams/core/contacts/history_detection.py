"""Decides whose history is being read: a source of calls with an old log, or another channel with old contacts.

Until the history is read, its figures are incomplete, calls of the source are not ended, and its SLA clocks wait. All times are
in milliseconds since 1970.
"""

from collections.abc import Container
from typing import Final, NamedTuple

from models.events import Event
from models.topics import Channel
from streams.core.contacts.contact import REMOVALS

_HOUR_MS: Final = 3_600_000
HISTORY_AGE_MS: Final = 5 * 60_000
"""Delay from a call event to its arrival at the broker, in milliseconds, beyond which the source is reading an old log."""
GRACE_MS: Final = 30_000
"""Time without old events after which the history of a source or channel counts as read, in milliseconds. Long enough for a
restart of its connector. A recent event ends the history of a source of calls immediately."""
LATEST_MS: Final = {Channel.MAIL: 5 * 24 * _HOUR_MS, Channel.FEEDBACK: 2 * 24 * _HOUR_MS}
"""Channel → usual delay from a contact's arrival to its first event, in milliseconds. Letters are registered after the weekend,
and opinions are exported daily. The default is one hour. Contacts from before the partition's first count are always old."""
MIN_OLD_EVENTS: Final = 10
"""Minimum number of old contacts, each less than `GRACE_MS` after the one before, that counts as history of a channel. Fewer are
late registrations by hand."""


class _Reading(NamedTuple):
    number: int
    noticed_at: int
    as_of: int


class HistoryDetector:
    """Old events that one partition has recently processed, by source of calls and by other channel."""

    def __init__(self) -> None:
        self.sources: Final[dict[str, tuple[int, int]]] = {}
        """Source of calls whose history is being read → worker's time of its last old event, and the event's time."""
        self.has_ended = False
        """True if the history of a source ended since the caller last set it to False."""
        self._channels: Final[dict[Channel, _Reading]] = {}
        self._ticking_since = self._ticked_at = 0

    def restart(self) -> None:
        """Make `tick` wait for `GRACE_MS` again, after a recovery. The histories known until then remain."""
        self._ticked_at = 0

    def note(self, event: Event, at: int, taken_at: int, now: int, began_at: int, *, is_known: bool) -> None:
        """Note an event of the time `at` that reached the broker at `taken_at`: an old one is history, unless it is an erasure.

        A call's event is old after `HISTORY_AGE_MS`; a more recent one ends the history of its source. On another channel, an
        event is old after its `LATEST_MS`, or if it happened before the partition's first count at `began_at` (0 if unknown).
        It is no history if `is_known`: the contact has a row. Callers leave out replayed dead letters, which may be old at any
        time.
        """
        delay = taken_at - at
        if delay <= HISTORY_AGE_MS:
            if self.sources.pop(event.source, None):
                self.has_ended = True
        elif event.type in REMOVALS:
            return
        elif event.channel is Channel.CALL:
            self.sources[event.source] = now, at
        elif not is_known and (delay > LATEST_MS.get(event.channel, _HOUR_MS) or at < began_at <= taken_at):
            before = self._channels.get(event.channel)
            number = before.number if before and abs(now - before.noticed_at) < GRACE_MS else 0
            self._channels[event.channel] = _Reading(number + 1, now, at)

    def tick(self, now: int) -> bool:
        """End the histories of sources of calls without recent old events. Return False while it is too early to know them.

        This holds for `GRACE_MS` after a start, and after a gap of that length between ticks, for example an outage of the
        broker. No history ends in this time.
        """
        if abs(now - self._ticked_at) >= GRACE_MS:
            self._ticking_since = now
        self._ticked_at = now
        if abs(now - self._ticking_since) < GRACE_MS:
            return False
        for source in [source for source, (noticed_at, _) in self.sources.items() if abs(now - noticed_at) >= GRACE_MS]:
            del self.sources[source]
            self.has_ended = True
        return True

    def channels(self, now: int) -> dict[str, int]:
        """Return channel, except calls, whose history is being read → event time of its last old event."""
        return {
            channel: reading.as_of
            for channel, reading in self._channels.items()
            if reading.number >= MIN_OLD_EVENTS and abs(now - reading.noticed_at) < GRACE_MS
        }

    def complete_until(self, now: int, as_of: int, former: int) -> int:
        """Return the time up to which the figures of calls are complete: `now`, or earlier while records or histories are read.

        While histories are read, it is the earliest of the last old events of their sources, and of `as_of`. `as_of` is that of
        the records (`Step.as_of`), 0 if unknown, and `former` the result of the previous step.
        """
        if self.sources:
            return min([*(at for _, at in self.sources.values()), *filter(None, [as_of])])
        # The clock, which may be set back, once all records are read; before, the time only increases.
        return now if as_of == now else max(former, as_of)

    def clear_at(self, now: int, source: str, channel: str, read: Container[str], *, is_late: bool) -> int | None:
        """Return the time until which a contact's clocks must wait; None if no history with this contact is being read.

        This is the history of its source of calls or, for a contact with late events, that of its channel, which is then in
        `read`, the channels whose history is being read.
        """
        return now + GRACE_MS if source in self.sources or (is_late and channel in read) else None
