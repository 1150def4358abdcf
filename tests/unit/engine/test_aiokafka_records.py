"""Records returned by a fetch, including those with invalid header names."""

import pytest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.structs import TopicPartition

from streams.engine.aiokafka_records import MemoryRecords, PartitionRecords
from tests.support.bad_records import RawName


def batch(first: int, compression: int, *, broken: bool) -> bytes:
    """Return three records from offset `first` on; with `broken`, the header name of the second is invalid UTF-8."""
    builder = _DefaultRecordBatchBuilderPy(
        magic=2, compression_type=compression, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=1 << 20,
    )  # fmt: skip
    for number in range(3):
        name = RawName("name") if broken and number == 1 else "name"
        builder.append(number, timestamp=1000, key=b"k", value=b"v%d" % (first + number), headers=[(name, b"x")])
    built = builder.build()
    return first.to_bytes(8, "big") + bytes(built[8:])


def fetched(compression: int, position: int) -> PartitionRecords:
    """Return a fetch of three batches from the offset `position` on; the second batch has an invalid header name."""
    raw = b"".join(batch(first, compression, broken=first == 3) for first in (0, 3, 6))
    return PartitionRecords(
        TopicPartition("t", 0), MemoryRecords(raw), [], position, None, None, check_crcs=True, isolation_level=0
    )


@pytest.mark.parametrize("compression", range(5), ids=["none", "gzip", "snappy", "lz4", "zstd"])
def test_header_name_in_invalid_utf8_is_escaped(compression: int) -> None:
    records = fetched(compression, 1)
    found, more = records.take(None)
    assert not more
    assert [record.value for record in found] == [b"v%d" % number for number in range(1, 9)]
    assert [name for record in found for name, _ in record.headers] == [*["name"] * 3, "na\\xffme", *["name"] * 4]
    assert records.next_fetch_offset == 9


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
def test_fetch_is_returned_in_parts_of_the_given_limit(limit: int) -> None:
    records = fetched(4, 2)
    found: list[int] = []
    more = True
    while more:
        part, more = records.take(limit)
        assert len(part) <= limit
        found += [record.offset for record in part]
        assert records.next_fetch_offset == (found[-1] + 1)
    assert found == [*range(2, 9)]
