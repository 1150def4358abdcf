"""What a fetch yields: every record, whatever bytes its headers are named by."""

import pytest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.structs import TopicPartition

from streams.engine.fetcher import MemoryRecords, PartitionRecords
from tests.support.bad_records import RawName


def batch(first: int, compression: int, *, broken: bool) -> bytes:
    """Return three records from offset `first` on; the second has a broken header name, if asked."""
    builder = _DefaultRecordBatchBuilderPy(
        magic=2, compression_type=compression, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=1 << 20,
    )  # fmt: skip
    for number in range(3):
        name = RawName("name") if broken and number == 1 else "name"
        builder.append(number, timestamp=1000, key=b"k", value=b"v%d" % (first + number), headers=[(name, b"x")])
    built = builder.build()
    return first.to_bytes(8, "big") + bytes(built[8:])


@pytest.mark.parametrize("compression", range(5), ids=["none", "gzip", "snappy", "lz4", "zstd"])
def test_a_header_with_a_broken_name_stops_nothing(compression: int) -> None:
    raw = b"".join(batch(first, compression, broken=first == 3) for first in (0, 3, 6))
    records = PartitionRecords(
        TopicPartition("t", 0), MemoryRecords(raw), [], 1, None, None, check_crcs=True, isolation_level=0
    )
    found, more = records.take(None)
    assert not more
    assert [record.value for record in found] == [b"v%d" % number for number in range(1, 9)]
    assert [name for record in found for name, _ in record.headers] == [*["name"] * 3, "na\\xffme", *["name"] * 4]
    assert records.next_fetch_offset == 9


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
def test_a_fetch_is_handed_out_in_parts(limit: int) -> None:
    raw = b"".join(batch(first, 4, broken=first == 3) for first in (0, 3, 6))
    records = PartitionRecords(
        TopicPartition("t", 0), MemoryRecords(raw), [], 2, None, None, check_crcs=True, isolation_level=0
    )
    found: list[int] = []
    more = True
    while more:
        part, more = records.take(limit)
        assert len(part) <= limit
        found += [record.offset for record in part]
        assert records.next_fetch_offset == (found[-1] + 1)
    assert found == [*range(2, 9)]
