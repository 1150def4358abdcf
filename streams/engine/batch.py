"""Batches of records, as the consumer passes them to the partition tasks."""

from operator import attrgetter
from typing import Final

from aiokafka.structs import TopicPartition

from streams.kafka.record import Record

_value: Final = attrgetter("value")
FETCH_WAIT_MS: Final = 100
"""Longest wait of a broker for new records, in milliseconds. The wait of an idle partition delays all fetches from its broker."""


class Batch:
    """The records of one fetch of one partition, which covers the offsets from `start` up to but excluding `next`.

    The range includes transaction markers. The batch is empty if the range holds only markers and records of aborted
    transactions.
    """

    __slots__ = ("next", "records", "size", "start", "tp")

    def __init__(self, tp: TopicPartition, records: list[Record], start: int | None, next_: int) -> None:
        self.tp = tp
        self.records = records
        self.start = start
        """End of the previous batch, or offset of the last seek; None without either, or if the first record is before it."""
        self.next = next_
        self.size = sum(map(len, filter(None, map(_value, records))))
        """Bytes of the values, an estimate of the memory in use."""

    def split(self, count: int) -> "tuple[Batch, Batch]":
        """Return the first `count` records and the remaining ones as two batches. At least one record must remain."""
        middle = self.records[count].offset
        return Batch(self.tp, self.records[:count], self.start, middle), Batch(
            self.tp, self.records[count:], middle, self.next
        )
