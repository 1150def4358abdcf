"""Why an input could not be used: one closed list for dead letters, rejects, metrics labels and documents."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a record became a dead letter, or a source's record was rejected.

    The value is used verbatim as a metric label and in the ``reason`` header of a dead letter.
    """

    NULL_VALUE = "null_value"
    """The record has no value: an event topic is not compacted, a tombstone means nothing there."""
    MISSING_KEY = "missing_key"
    """The record has no key, so it cannot be tied to a contact's partition."""
    KEY_MISMATCH = "key_mismatch"
    """The key is not the event's subject, or the record lies in another partition than Kafka's own partitioner (murmur2) gives
    its key: one contact would get two rows."""
    OVERSIZED = "oversized"
    """The value is longer than the limit for one event."""
    INVALID_UTF8 = "invalid_utf8"
    """The value is not UTF-8 text."""
    INVALID_JSON = "invalid_json"
    """The value is not JSON."""
    MISSING_FIELD = "missing_field"
    """A required attribute or data field is not there."""
    INVALID_FIELD = "invalid_field"
    """An attribute or data field has a value of the wrong type or form."""
    UNKNOWN_TYPE = "unknown_type"
    """The event type is not in the vocabulary."""
    UNKNOWN_VERSION = "unknown_version"
    """The event type is known, this version of its data is not."""
    UNKNOWN_ENUM = "unknown_enum"
    """A field that takes one of a closed list of values has another one."""
    TOO_MANY_DIMENSIONS = "too_many_places"
    """A site, service, queue, sector or source too many: of closed sets, in which nothing belongs that tells contacts apart."""
    TIME_IN_FUTURE = "time_in_future"
    """The event claims to have happened later than clocks may differ."""
    TIME_IN_PAST = "time_in_past"
    """The event claims to be older than any contact kept."""
    DUPLICATE = "told_again"
    """The event is of an unknown call or visit, or an unanswered ring, and long before what its source told already: most likely
    it was counted, and its contact or agent dropped since."""
    UNREADABLE_LINE = "unreadable_line"
    """A line or record of a source system has not the form that the source's format promises."""
    UNKNOWN_RECORD = "unknown_record"
    """A line or record of a source system is of a kind that neither the format nor the configuration names."""
    INTERNAL_ERROR = "internal_error"
    """A defect of Accueil's own: the event is kept for replay after the fix."""
