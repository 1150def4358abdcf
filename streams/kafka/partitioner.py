"""Kafka's default partitioner: MurmurHash2 of the key, 32 bits, as in org.apache.kafka.common.utils.Utils.murmur2."""

from typing import Final

from murmurhash2 import murmurhash2

_SEED: Final = 0x9747B28C


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of `key` by Kafka's default partitioner, in a topic with `partitions` partitions."""
    return (murmurhash2(key, _SEED) & 0x7FFFFFFF) % partitions
