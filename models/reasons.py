"""Closed list of reasons for which a record cannot be used."""

from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """Reason for a dead letter, or for the rejection of a source's record.

    The value is the metric label and the ``reason`` header of a dead letter.
    """

    NULL_VALUE = "null_value"
    """The record has no value. Event topics are not compacted, so a tombstone has no meaning there."""
    MISSING_KEY = "missing_key"
    """The record has no key, so it cannot be tied to a contact's partition."""
    KEY_MISMATCH = "key_mismatch"
    """The key is not the event's subject, or names an agent for a contact's event (or the reverse). Also: Kafka's
    partitioner (murmur2) gives the key another partition, so that one contact would get two rows."""
    OVERSIZED = "oversized"
    """The value is longer than the maximum for one event, or a record of a source system exceeds a limit of the connector."""
    INVALID_UTF8 = "invalid_utf8"
    """The value is not UTF-8 text."""
    INVALID_JSON = "invalid_json"
    """The value is not JSON."""
    MISSING_FIELD = "missing_field"
    """A required attribute or data field is missing."""
    INVALID_FIELD = "invalid_field"
    """An attribute or data field has a value of the wrong type or form."""
    UNKNOWN_TYPE = "unknown_type"
    """The event type is unknown."""
    UNKNOWN_VERSION = "unknown_version"
    """The event type is known, but not this version of its data."""
    UNKNOWN_ENUM = "unknown_enum"
    """A field with a closed list of values has a value outside the list."""
    TOO_MANY_DIMENSIONS = "too_many_places"
    """The number of sites, services, queues, sectors or sources exceeds its limit. These are closed sets: a value that differs
    per contact does not belong in them."""
    TIME_IN_FUTURE = "time_in_future"
    """The event's time is further ahead of the local clock than clocks may differ."""
    TIME_IN_PAST = "time_in_past"
    """The event's time is further in the past than the longest history that can be replayed."""
    DUPLICATE = "duplicate"
    """The event is not later than the latest deleted row of its source. It is an unanswered ring, or its contact has no row or
    only one that begins later. Most likely it was counted in a deleted row. Checked for calls and visits, and for all events of a
    source that is read again."""
    UNREADABLE_LINE = "unreadable_line"
    """A line or record of a source system does not follow the source's format."""
    UNKNOWN_RECORD = "unknown_record"
    """A line or record of a source system has an unknown kind, or concerns an object that is unknown or not configured."""
    INTERNAL_ERROR = "internal_error"
    """A defect in Accueil. The record is stored and can be replayed after the fix."""

    @classmethod
    def _missing_(cls, value: object) -> "Reason | None":
        return _FORMER.get(value)


_FORMER: Final[dict[object, Reason]] = {"told_again": Reason.DUPLICATE}
"""Values that earlier releases stored in dead letters and rows of progress."""


def read_stored_reason(value: str) -> str:
    """Return the current value of a stored reason; an unknown reason, for example of a later release, is unchanged."""
    try:
        return Reason(value).value
    except ValueError:
        return value
