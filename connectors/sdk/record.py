"""What becomes of an event on its way: a record of Kafka, and, while that is away, bytes in the spool."""

import struct
from typing import Final

import msgspec

from models.codec import encode
from models.envelope import CONTENT_TYPE
from models.events import Event
from models.instants import milliseconds
from models.topics import REPLAYED_FROM, SOURCES

Headers = tuple[tuple[str, bytes], ...]
"""Of a record of Kafka."""

_HEADERS: Final = (("content-type", CONTENT_TYPE),)
_REPLAYED_HEADERS: Final = (*_HEADERS, (REPLAYED_FROM, b"rejects"))
_SHAPE: Final = struct.Struct("<QHH")
_REPLAYED: Final = 1 << 15
"""Added to the length of the topic's name, which Kafka limits to 249 bytes."""


class Record(msgspec.Struct, frozen=True):
    """What Kafka gets of one event; when that happened, milliseconds since 1970; and whether it was rejected at first."""

    topic: str
    key: bytes
    value: bytes
    happened_ms: int
    replayed: bool = False

    @property
    def headers(self) -> Headers:
        """Kafka's headers."""
        return _REPLAYED_HEADERS if self.replayed else _HEADERS


def to_record(event: Event) -> Record:
    """Return the record of `event`: to the topic of its channel, keyed by its subject."""
    return Record(SOURCES[event.channel].name, event.subject.encode(), encode(event), milliseconds(event.time))


def pack(record: Record) -> bytes:
    """Return `record` as the bytes that the spool keeps."""
    topic = record.topic.encode()
    named = len(topic) | (_REPLAYED if record.replayed else 0)
    return _SHAPE.pack(record.happened_ms, named, len(record.key)) + topic + record.key + record.value


def unpack(payload: bytes) -> Record:
    """Return the record that `pack` made `payload` of."""
    happened_ms, named, key = _SHAPE.unpack_from(payload)
    key_at = _SHAPE.size + (named & ~_REPLAYED)
    value_at = key_at + key
    topic = payload[_SHAPE.size : key_at].decode()
    return Record(topic, payload[key_at:value_at], payload[value_at:], happened_ms, bool(named & _REPLAYED))
