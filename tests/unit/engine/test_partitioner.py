"""Keys go where Kafka's own clients send them."""

from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.partitioner import partition_of


@given(st.binary(max_size=70), st.integers(1, 100))
def test_key_goes_where_other_clients_send_it(key: bytes, partitions: int) -> None:
    assert partition_of(key, partitions) == (murmur2(key) & 0x7FFFFFFF) % partitions


def test_partition_of_a_known_key() -> None:
    # As Java's Utils.murmur2 has it in Kafka's own UtilsTest: murmur2("21") = -973932308.
    assert partition_of(b"21", 4) == (-973932308 & 0x7FFFFFFF) % 4
