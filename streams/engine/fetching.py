"""aiokafka's consumer without a wrapper object per record, and without the one record that would stop it.

A fetch yields the records as the C parser made them. That parser insists on header names in UTF-8, while Kafka takes any bytes:
a batch that it gives up on is read again by aiokafka's Python parser, and broken names are escaped. Two names of
aiokafka.consumer.fetcher are replaced, for the whole process; a test pins their source.
"""

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy


class MemoryRecords(_MemoryRecordsPy):
    """The batches of one fetch of one partition, one after the other."""

    current: memoryview | None = None
    """The bytes of the batch that was handed out last."""

    def next_batch(self, *args: Any) -> Any:
        """Return the next batch."""
        self.current = self._next_slice
        return super().next_batch(*args)


class PartitionRecords(fetcher.PartitionRecords):
    """The records of one fetch of one partition."""

    next_fetch_offset: int
    _records: MemoryRecords
    _records_iterator: Iterator[Any]

    def _consumer_record(self, tp: Any, record: Any) -> Any:  # noqa: ARG002 - aiokafka's signature
        return record

    def __iter__(self) -> Iterator[Any]:
        return self._records_iterator

    def _unpack_records(self) -> Iterator[Any]:
        try:
            yield from super()._unpack_records()
        except UnicodeDecodeError:
            yield from self._read_again()

    def _read_again(self) -> Iterator[Any]:
        """Yield what was not yielded yet of the batch in hand, then go on as ever."""
        batch = _TolerantBatch(bytes(self._records.current or b""))
        for record in batch:
            if record.offset >= self.next_fetch_offset:
                self.next_fetch_offset = record.offset + 1
                yield record
        self.next_fetch_offset = batch.next_offset
        yield from self._unpack_records()


class _TolerantBatch(_DefaultRecordBatchPy):
    _buffer: bytearray

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        if not isinstance(self._buffer, _TolerantBytes):
            self._buffer = _TolerantBytes(self._buffer)


class _TolerantBytes(bytearray):
    """Bytes that are text whatever they hold."""

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return _TolerantBytes(found) if isinstance(found, bytearray) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


def install() -> None:
    """Make every consumer of this process yield such records from now on."""
    fetcher.PartitionRecords = PartitionRecords
    fetcher.MemoryRecords = MemoryRecords
