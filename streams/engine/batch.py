"""What is handed from the fetch to a lane."""

from operator import attrgetter
from typing import Final

from aiokafka.structs import TopicPartition

from streams.engine.job import Record

_value: Final = attrgetter("value")
FETCH_WAIT_MS: Final = 100
"""A long poll on an idle partition blocks its whole node."""


class Batch:
    """What one fetch brought for one partition: it covers the offsets from `start` up to `next`, markers included.

    It has no records if there was nothing but markers and records of aborted transactions.
    """

    __slots__ = ("next", "records", "size", "start", "tp")

    def __init__(self, tp: TopicPartition, records: list[Record], start: int | None, next_: int) -> None:
        self.tp = tp
        self.records = records
        self.start = start
        """None if somebody moved the position: the batch does not follow what came before."""
        self.next = next_
        self.size = sum(map(len, filter(None, map(_value, records))))
        """Bytes of the values, about what it takes in memory."""

    def split(self, count: int) -> "tuple[Batch, Batch]":
        """Return the first `count` records and the rest as two batches."""
        middle = self.records[count].offset
        return Batch(self.tp, self.records[:count], self.start, middle), Batch(
            self.tp, self.records[count:], middle, self.next
        )
