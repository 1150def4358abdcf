"""Fake Kafka broker that stores records in order and can be made unreachable."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from connectors.sdk.broker_connection import Producer
from connectors.sdk.record import Headers, Record
from connectors.sdk.testing.kill_injector import kill_point
from models.codec import decode
from models.events import Event


class FakeBroker:
    """For `SpooledPublisher(…, broker.open_producer)`. Its records survive an injected kill."""

    def __init__(self, *, away: bool = False) -> None:
        self.away = away
        """If True, connections fail."""
        self._sent: list[tuple[bytes, Headers]] = []

    @property
    def events(self) -> list[Event]:
        """All events received, in order, with duplicates."""
        return [decode(value) for value, _ in self._sent]

    @property
    def headers(self) -> list[Headers]:
        """Headers of each record received, in order, with duplicates."""
        return [headers for _, headers in self._sent]

    def open_producer(self) -> Producer:
        """Connect. Raises `ConnectionRefusedError` while the broker is away."""
        if self.away:
            raise ConnectionRefusedError
        return self

    def send_all(self, records: Sequence[Record]) -> Sequence[Any]:
        """Store records, and return one future that is done: all are acknowledged."""
        for record in records:
            kill_point("send")
            self._sent.append((record.value, record.headers))
        return [SimpleNamespace(is_done=True, exception=None, failed=lambda: False)]

    def abandon(self) -> None:
        """Do nothing: no record is in flight."""
