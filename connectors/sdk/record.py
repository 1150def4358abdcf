"""What becomes of an event on its way: a record of Kafka, and, while that is away, bytes in the spool."""

import struct
from typing import Final

import msgspec

from models.codec import encode
from models.envelope import CONTENT_TYPE
from models.events import Event
from models.timestamps import milliseconds
from models.topics import REPLAYED_FROM_HEADER, REREAD_HEADER, SOURCES

Headers = tuple[tuple[str, bytes], ...]
"""Of a record of Kafka."""

_HEADERS: Final = (("content-type", CONTENT_TYPE),)
_REPLAYED_HEADERS: Final = (*_HEADERS, (REPLAYED_FROM_HEADER, b"rejects"))
_REREAD_HEADERS: Final = (*_HEADERS, (REREAD_HEADER, b"1"))
_SHAPE: Final = struct.Struct("<QHH")
_REPLAYED: Final = 1 << 15
"""Added to the length of the topic's name, which Kafka limits to 249 bytes."""
_REREAD: Final = 1 << 14
"""Added likewise."""


class Record(msgspec.Struct, frozen=True):
    """What Kafka gets of one event.

    `happened_ms` is the time of the event, milliseconds since 1970. `replayed`: a connector had rejected it at first.
    `reread`: its source is read a second time.
    """

    topic: str
    key: bytes
    value: bytes
    happened_ms: int
    replayed: bool = False
    reread: bool = False

    @property
    def headers(self) -> Headers:
        """Kafka's headers."""
        if self.replayed:
            return _REPLAYED_HEADERS
        return _REREAD_HEADERS if self.reread else _HEADERS


def to_record(event: Event, reread_until_ms: int = 0) -> Record:
    """Return the record of `event`: to the topic of its channel, keyed by its subject; marked if it is older than the time."""
    at = milliseconds(event.time)
    topic = SOURCES[event.channel].name
    return Record(topic, event.subject.encode(), encode(event), at, reread=at < reread_until_ms)


def pack(record: Record) -> bytes:
    """Return `record` as the bytes that the spool keeps."""
    topic = record.topic.encode()
    named = len(topic) | (_REPLAYED if record.replayed else 0) | (_REREAD if record.reread else 0)
    return _SHAPE.pack(record.happened_ms, named, len(record.key)) + topic + record.key + record.value


def unpack(payload: bytes) -> Record:
    """Return the record that `pack` made `payload` of."""
    happened_ms, named, key = _SHAPE.unpack_from(payload)
    key_at = _SHAPE.size + (named & ~(_REPLAYED | _REREAD))
    value_at = key_at + key
    topic, replayed, reread = payload[_SHAPE.size : key_at].decode(), bool(named & _REPLAYED), bool(named & _REREAD)
    return Record(topic, payload[key_at:value_at], payload[value_at:], happened_ms, replayed, reread)
