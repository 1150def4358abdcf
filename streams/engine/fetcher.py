"""aiokafka's consumer without a wrapper object per record, and without the one record that would stop it.

A fetch hands out the records as the C parser made them, and a batch of them at once: nothing is done for each. That parser
insists on header names in UTF-8, while Kafka takes any bytes: a batch that it gives up on is read by aiokafka's Python parser,
and broken names are escaped. Three names of aiokafka.consumer.fetcher are replaced, for the whole process; a test pins their
source.
"""

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy


class MemoryRecords(_MemoryRecordsPy):
    """The batches of one fetch of one partition, one after the other."""

    def next_batch(self, *args: Any) -> Any:
        """Return the next batch, whose records come all at once."""
        raw = self._next_slice
        return _Whole(super().next_batch(*args), raw)


class _Whole:
    """A batch of records as its one record: aiokafka looks at offsets, and hands the rest on."""

    def __init__(self, batch: Any, raw: memoryview | None) -> None:
        self._batch = batch
        self._raw = raw
        self.records: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator["_Whole"]:
        try:
            self.records = [*self._batch]
        except UnicodeDecodeError:
            self.records = [*_TolerantBatch(bytes(self._raw or b""))]
        if self.records:
            yield self

    @property
    def offset(self) -> int:
        """Offset of the last record."""
        offset: int = self.records[-1].offset
        return offset


class PartitionRecords(fetcher.PartitionRecords):
    """The records of one fetch of one partition."""

    next_fetch_offset: int
    _records_iterator: Iterator[list[Any]]
    _rest: list[Any] | None = None
    """Of a batch that was handed out in part."""

    def _consumer_record(self, tp: Any, whole: _Whole) -> list[Any]:  # noqa: ARG002 - aiokafka's signature
        begin, records = self.next_fetch_offset, whole.records
        return records if records[0].offset >= begin else [record for record in records if record.offset >= begin]

    def take(self, limit: int | None) -> tuple[list[Any], bool]:
        """Return the next records, at most `limit` of them, and whether there may be more."""
        taken: list[Any] = []
        while (records := self._next()) is not None:
            room = len(records) if limit is None else limit - len(taken)
            taken += records[:room]
            if room < len(records):
                self._rest = records[room:]
                self.next_fetch_offset = self._rest[0].offset
            if len(taken) == limit:
                return taken, True
        return taken, False

    def _next(self) -> list[Any] | None:
        rest, self._rest = self._rest, None
        if rest is None:
            return next(self._records_iterator, None)
        self.next_fetch_offset = rest[-1].offset + 1
        return rest


class FetchResult(fetcher.FetchResult):
    """What one fetch of one partition brought, until it is handed out."""

    _partition_records: PartitionRecords | None

    def getall(self, max_records: int | None = None) -> list[Any]:
        """Return the next records, at most `max_records` of them."""
        if not self.check_assignment(self._topic_partition) or self._partition_records is None:
            return []
        records, more = self._partition_records.take(max_records)
        self._update_position()
        if not more:
            self._partition_records = None
        return records

    def getone(self) -> Any:
        """Return the next record, or None."""
        return next(iter(self.getall(1)), None)


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
    """Make every consumer of this process hand out such records from now on."""
    fetcher.FetchResult = FetchResult
    fetcher.PartitionRecords = PartitionRecords
    fetcher.MemoryRecords = MemoryRecords
