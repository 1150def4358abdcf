"""Keys go where Kafka's own clients send them."""

from aiokafka.partitioner import murmur2 as reference
from hypothesis import given
from hypothesis import strategies as st

from streams.engine.partitioner import murmur2, partition_of


@given(st.binary(max_size=70))
def test_hash_is_that_of_other_clients(data: bytes) -> None:
    assert murmur2(data) == reference(data) & 0xFFFFFFFF


def test_partition_of_a_known_key() -> None:
    # As Java's Utils.murmur2 has it in Kafka's own UtilsTest: murmur2("21") = -973932308.
    assert murmur2(b"21") == -973932308 & 0xFFFFFFFF
    assert partition_of(b"21", 4) == (-973932308 & 0x7FFFFFFF) % 4
