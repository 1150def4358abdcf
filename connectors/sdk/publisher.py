"""Deliver events to Kafka: they are safe when all in-sync replicas have them.

Kafka's own timestamp is left to be the time of sending. Were it the time of the event, retention would delete what an old log
holds before anyone has read it, and one clock an hour ahead would have its records refused.
"""

import contextlib
import gc
import logging
import socket
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError
from kafka.partitioner.default import DefaultPartitioner, murmur2

from connectors.sdk.delivery import SpooledPublisher
from connectors.sdk.metrics import Meter
from connectors.sdk.spool import Spool

ABANDON_SECONDS: Final = 5.0
PRODUCER: Final = {
    "acks": "all",
    "enable_idempotence": True,
    "compression_type": "lz4",
    "linger_ms": 2,
    "batch_size": 256 << 10,
    "bootstrap_timeout_ms": 3_000,
    "delivery_timeout_ms": 24 * 3_600_000,  # never reached: it fails one batch and sends the next, out of order
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
}


class KafkaPublisher(SpooledPublisher):
    """The `Publisher` of operation.

    `brokers` is `host:port,…`; `options` go to kafka-python (security). Only the first event for a topic waits for the broker,
    for `patience_seconds` at most.
    """

    def __init__(
        self,
        brokers: str,
        spool: Spool,
        meter: Meter,
        *,
        client_id: str,
        options: Mapping[str, Any] | None = None,
        patience_seconds: float = 10.0,
    ) -> None:
        settings = {"client_id": client_id, "max_block_ms": int(patience_seconds * 1000), **PRODUCER, **(options or {})}
        super().__init__(
            spool,
            meter,
            partial(_open_producer, brokers.split(","), settings),
            failures=(KafkaError, OSError),
            patience_seconds=patience_seconds,
        )


class _Partitioner(DefaultPartitioner):
    """Places a key as Kafka's own client does, but hashes each one once: a contact has several events."""

    def partition(
        self, topic: str, _key: Any, serialized_key: bytes, _value: Any, _serialized_value: Any, cluster: Any
    ) -> int:
        return _hash(serialized_key) % len(cluster.partitions_for_topic(topic))


@lru_cache(65_536)
def _hash(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF


class _Producer(KafkaProducer):
    def abandon(self) -> None:
        """Stop at once: what was not sent will not be. `close` would first wait for it."""
        self._sender.force_close()
        self._sender.join(ABANDON_SECONDS)
        with contextlib.suppress(KafkaError):
            self.close(timeout=0)
        gc.collect()  # kafka-python leaves the sockets of vain attempts to connect in reference cycles


def _open_producer(brokers: Sequence[str], options: Mapping[str, Any]) -> _Producer:
    logging.getLogger("kafka").setLevel(logging.WARNING)  # at DEBUG it prints whole frames
    _knock(brokers)
    try:
        return _Producer(bootstrap_servers=brokers, partitioner=_Partitioner(), **options)
    except KafkaError:
        gc.collect()  # as in abandon
        raise


def _knock(brokers: Sequence[str]) -> None:
    """Raise OSError if no broker listens: cheaper, and clearer, than to let a producer try."""
    for broker in brokers:
        host, _, port = broker.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
        except OSError as error:
            refusal = error
        else:
            return
    raise refusal
