"""Batches of records of one source, as the consumer passes them to the engine."""

from types import SimpleNamespace
from typing import Any

from aiokafka.structs import TopicPartition

from streams.engine.batch import Batch

SOURCE = TopicPartition("calls", 0)


def batch(start: int, count: int, size: int = 1) -> Batch:
    """Return a batch of `count` records from the offset `start` on, with a transaction marker at its end."""
    records: list[Any] = [SimpleNamespace(offset=start + nth, value=b"x" * size, timestamp=0) for nth in range(count)]
    return Batch(SOURCE, records, start, start + count + 1)
