"""Clients of kafka-python that release all resources: 3.0.12 leaks a thread and sockets after a failed connection or `close`."""

import gc
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from kafka.net.compat import KafkaNetClient


@contextmanager
def open_client(kind: Any, config: Mapping[str, Any]) -> Iterator[Any]:
    """Open a client of the class `kind` for a `with` block. Raises its constructor's error after releasing all resources."""
    inner: list[KafkaNetClient] = []
    try:
        with closing(_make(kind, config, inner)) as client:
            yield client
    finally:
        for network_client in inner:
            network_client.close()
            for connection in network_client._manager._conns.values():
                if connection.transport:  # closed while a request, such as one for metadata, was being sent
                    connection.transport._sock.close()


def _make(kind: Any, config: Mapping[str, Any], inner: list[KafkaNetClient]) -> Any:
    def make(**config: Any) -> KafkaNetClient:
        inner.append(KafkaNetClient(**config))
        return inner[-1]

    try:
        return kind(kafka_client=make, **config)
    except Exception as error:
        traceback.clear_frames(error.__traceback__)  # the frames reference the sockets to collect
        for network_client in inner:
            network_client.close()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
        raise
