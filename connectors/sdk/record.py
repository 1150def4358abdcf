"""Records of events: their form in Kafka and in the spool."""

import struct
from typing import Final

import msgspec

from models.codec import encode
from models.envelope import CONTENT_TYPE
from models.events import Event
from models.timestamps import milliseconds
from models.topics import REPLAYED_FROM_HEADER, REREAD_HEADER, SOURCES

Headers = tuple[tuple[str, bytes], ...]
"""Headers of a Kafka record."""

_HEADERS: Final = (("content-type", CONTENT_TYPE),)
_REPLAYED_HEADERS: Final = (*_HEADERS, (REPLAYED_FROM_HEADER, b"rejects"))
_REREAD_HEADERS: Final = (*_HEADERS, (REREAD_HEADER, b"1"))
_HEAD: Final = struct.Struct("<QHH")
_REPLAYED: Final = 1 << 15
"""Flag in the field with the length of the topic's name, which Kafka limits to 249 bytes."""
_REREAD: Final = 1 << 14
"""Flag in the same field."""


class Record(msgspec.Struct, frozen=True):
    """The Kafka record of one event.

    `happened_ms` is the time of the event in milliseconds since 1970. `replayed`: the connector had first rejected the source's
    record. `reread`: the source is read again, and the event is older than the start of this.
    """

    topic: str
    key: bytes
    value: bytes
    happened_ms: int
    replayed: bool = False
    reread: bool = False

    @property
    def headers(self) -> Headers:
        """Headers of the Kafka record: the content type, and a mark if it is replayed or, if it is not, reread."""
        if self.replayed:
            return _REPLAYED_HEADERS
        return _REREAD_HEADERS if self.reread else _HEADERS


def to_record(event: Event, reread_until_ms: int = 0) -> Record:
    """Return the record of `event`: topic of its channel, keyed by its subject.

    It is marked as reread if the event's time is before `reread_until_ms`, in milliseconds since 1970.
    """
    at = milliseconds(event.time)
    topic = SOURCES[event.channel].name
    return Record(topic, event.subject.encode(), encode(event), at, reread=at < reread_until_ms)


def pack(record: Record) -> bytes:
    """Return `record` in the spool's binary format."""
    topic = record.topic.encode()
    named = len(topic) | (_REPLAYED if record.replayed else 0) | (_REREAD if record.reread else 0)
    return _HEAD.pack(record.happened_ms, named, len(record.key)) + topic + record.key + record.value


def unpack(payload: bytes) -> Record:
    """Return the record that `pack` encoded as `payload`."""
    happened_ms, named, key = _HEAD.unpack_from(payload)
    key_at = _HEAD.size + (named & ~(_REPLAYED | _REREAD))
    value_at = key_at + key
    topic, replayed, reread = payload[_HEAD.size : key_at].decode(), bool(named & _REPLAYED), bool(named & _REREAD)
    return Record(topic, payload[key_at:value_at], payload[value_at:], happened_ms, replayed, reread)
