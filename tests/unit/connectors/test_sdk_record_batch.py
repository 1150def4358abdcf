"""Batches have the same bytes as those of kafka-python."""

from hypothesis import given
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatchBuilder

from connectors.sdk.record_batch import BatchBuilder

NOW = 1_773_651_600_250
RECORDS = st.lists(
    st.tuples(
        st.integers(NOW - 10_000, NOW + 10_000_000),
        st.binary(max_size=200) | st.binary(min_size=8200, max_size=9000),
        st.binary(max_size=20_000),
        st.lists(st.tuples(st.text(max_size=90), st.binary(max_size=90)), max_size=3),
    ),
    min_size=1,
    max_size=30,
)


@given(RECORDS, st.sampled_from([0, 3]), st.integers(200, 60_000))
def test_batches_equal_those_of_kafka_python(
    records: list[tuple[int, bytes, bytes, list[tuple[str, bytes]]]], codec: int, size: int
) -> None:
    theirs, ours = (kind(2, codec, 0, 7, 1, 40, size) for kind in (DefaultRecordBatchBuilder, BatchBuilder))
    offset = 0
    for *record, headers in records:
        appended = theirs.append(offset, *record, headers) is not None
        assert (ours.append(offset, *record, tuple(headers)) is not None) is appended
        assert ours.size() == theirs.size()
        offset += appended
    assert ours.build() == theirs.build()
