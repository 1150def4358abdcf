"""Fake Kafka broker that stores records in order and can be made unreachable."""

from collections.abc import Sequence
from typing import Final

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
        """Headers of each record."""
        return [headers for _, headers in self._sent]

    def open_producer(self) -> Producer:
        """Connect. Raises `ConnectionRefusedError` while the broker is away."""
        if self.away:
            raise ConnectionRefusedError
        return _Connection(self._sent)


class _Connection:
    def __init__(self, sent: list[tuple[bytes, Headers]]) -> None:
        self._sent = sent

    def send_all(self, records: Sequence[Record]) -> "list[_Acknowledged]":
        for record in records:
            kill_point("send")
            self._sent.append((record.value, record.headers))
        return [_ACKNOWLEDGED]

    def abandon(self) -> None:
        """Do nothing: no record is in flight."""


class _Acknowledged:
    """Future of a record that is already stored."""

    is_done = True
    exception = None

    def failed(self) -> bool:
        return False


_ACKNOWLEDGED: Final = _Acknowledged()
