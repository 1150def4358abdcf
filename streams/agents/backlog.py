"""Detection of channels whose history is being read, such as an old mailbox or a mail register of years.

The figures of these channels are incomplete until all of the history is read.
"""

from typing import Final, NamedTuple

from models.topics import Channel

_HOUR_MS: Final = 3_600_000
LATEST_MS: Final = {Channel.MAIL: 5 * 24 * _HOUR_MS, Channel.FEEDBACK: 2 * 24 * _HOUR_MS}
"""Channel → usual delay from a contact's arrival to its first event, in milliseconds. Letters are registered after the weekend,
and opinions are exported daily. The default is one hour. Contacts from before the partition's first count are always old."""
MIN_OLD_EVENTS: Final = 10
"""Number of successive old contacts that counts as history. Fewer are late registrations by hand."""
SILENCE_MS: Final = 30_000
"""A channel's history counts as read when this time passes without old contacts, in milliseconds."""


class _Reading(NamedTuple):
    number: int
    noticed_at: int
    as_of: int


class BacklogDetector:
    """Old contacts of one partition, by channel."""

    def __init__(self) -> None:
        self._readings: Final[dict[str, _Reading]] = {}

    def add(self, channel: Channel, at: int, taken_at: int, now: int, began_at: int = 0) -> None:
        """Count an unknown contact that arrived at `at`, if it is old; else do nothing.

        It is old if its event reached the broker late for its channel, or if it arrived before the partition's first count.
        `taken_at` is the broker's time of the event, `now` the worker's clock, and `began_at` the time of the first count, 0 if
        unknown. All are in milliseconds since 1970.
        """
        if taken_at - at > LATEST_MS.get(channel, _HOUR_MS) or at < began_at <= taken_at:
            before = self._readings.get(channel)
            number = before.number if before and abs(now - before.noticed_at) < SILENCE_MS else 0
            self._readings[channel] = _Reading(number + 1, now, at)

    def as_of(self, now: int) -> dict[str, int]:
        """Return channel → arrival of its last added old contact, in milliseconds since 1970.

        Only channels whose history is being read at `now` are included.
        """
        return {
            channel: reading.as_of
            for channel, reading in self._readings.items()
            if reading.number >= MIN_OLD_EVENTS and abs(now - reading.noticed_at) < SILENCE_MS
        }
