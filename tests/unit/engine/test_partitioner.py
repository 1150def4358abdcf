"""Agreement of the partitioner with Kafka's own clients."""

from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.partitioner import partition_of


@given(st.binary(max_size=70), st.integers(1, 100))
def test_key_has_the_same_partition_as_with_other_clients(key: bytes, partitions: int) -> None:
    assert partition_of(key, partitions) == (murmur2(key) & 0x7FFFFFFF) % partitions
