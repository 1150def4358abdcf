"""What becomes of an event on its way: a record of Kafka, and, while that is away, bytes in the spool."""

import struct
from typing import Final, NamedTuple

from models.codec import encode
from models.events import Event
from models.topics import SOURCES

_SHAPE: Final = struct.Struct("<QHH")


class Record(NamedTuple):
    """What Kafka gets of one event, and when that happened, milliseconds since 1970."""

    topic: str
    key: bytes
    value: bytes
    happened_ms: int


def to_record(event: Event) -> Record:
    """Return the record of `event`: to the topic of its channel, keyed by its subject."""
    return Record(
        SOURCES[event.channel].name, event.subject.encode(), encode(event), int(event.time.timestamp() * 1000)
    )


def pack(record: Record) -> bytes:
    """Return `record` as the bytes that the spool keeps."""
    topic = record.topic.encode()
    return _SHAPE.pack(record.happened_ms, len(topic), len(record.key)) + topic + record.key + record.value


def unpack(payload: bytes) -> Record:
    """Return the record that `pack` made `payload` of."""
    happened_ms, topic, key = _SHAPE.unpack_from(payload)
    key_at = _SHAPE.size + topic
    value_at = key_at + key
    return Record(payload[_SHAPE.size : key_at].decode(), payload[key_at:value_at], payload[value_at:], happened_ms)
