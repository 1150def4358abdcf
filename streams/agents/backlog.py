"""Which channels are told what was long ago: an old mailbox is being read, or a register of years.

Until that is done, figures of these channels lack what came since.
"""

from typing import Final, NamedTuple

from models.topics import Channel

_HOUR_MS: Final = 3_600_000
LATEST_MS: Final = {Channel.MAIL: 5 * 24 * _HOUR_MS, Channel.FEEDBACK: 2 * 24 * _HOUR_MS}
"""How long after a contact came it is told as a matter of course: a letter is registered after the weekend, opinions are handed
out by the day. Elsewhere within an hour. But what came before anything was counted is history."""
MIN_OLD_EVENTS: Final = 10
"""Fewer old contacts in succession are late, and no history: somebody has registered some by hand."""
SILENCE_MS: Final = 30_000
"""A channel that was told no old contact for so long has come to the present."""


class _Reading(NamedTuple):
    number: int
    told_at: int
    as_of: int


class BacklogDetector:
    """The old contacts that one partition is told, by channel."""

    def __init__(self) -> None:
        self._readings: Final[dict[str, _Reading]] = {}

    def note(self, channel: Channel, at: int, taken_at: int, now: int, began_at: int = 0) -> None:
        """Take note of an unknown contact that came at `at` and was told at `taken_at`, by the worker's clock at `now`.

        `began_at` is when the partition was first counted, 0 if that is not known. All in milliseconds since 1970.
        """
        if taken_at - at > LATEST_MS.get(channel, _HOUR_MS) or at < began_at <= taken_at:
            before = self._readings.get(channel)
            number = before.number if before and abs(now - before.told_at) < SILENCE_MS else 0
            self._readings[channel] = _Reading(number + 1, now, at)

    def as_of(self, now: int) -> dict[str, int]:
        """Return the channels whose history is being read, and as of when each is, milliseconds since 1970."""
        return {
            channel: reading.as_of
            for channel, reading in self._readings.items()
            if reading.number >= MIN_OLD_EVENTS and abs(now - reading.told_at) < SILENCE_MS
        }
