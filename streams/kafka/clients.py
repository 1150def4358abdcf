"""Clients of kafka-python that are closed wholly: where it cannot connect, 3.0.12 leaves a thread, and sockets in cycles."""

import gc
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from kafka.net.compat import KafkaNetClient


def make_client(kind: Any, config: Mapping[str, Any]) -> Any:
    """Return a client of this kind. Raises what its maker does, once nothing of it is left."""
    return _make(kind, config, [])


@contextmanager
def open_client(kind: Any, config: Mapping[str, Any]) -> Iterator[Any]:
    """Hand out a client, and close it."""
    inner: list[KafkaNetClient] = []
    try:
        with closing(_make(kind, config, inner)) as client:
            yield client
    finally:
        for one in inner:
            one.close()


def _make(kind: Any, config: Mapping[str, Any], inner: list[KafkaNetClient]) -> Any:
    def make(**config: Any) -> KafkaNetClient:
        inner.append(KafkaNetClient(**config))
        return inner[-1]

    try:
        return kind(kafka_client=make, **config)
    except Exception as error:
        traceback.clear_frames(error.__traceback__)  # else they hold what is to be collected
        for one in inner:
            one.close()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
        raise
