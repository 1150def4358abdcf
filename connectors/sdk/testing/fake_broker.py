"""What stands in for Kafka where none is: it keeps what it is sent, in order, and may be away."""

from collections.abc import Sequence
from typing import Final

from connectors.sdk.broker_connection import Producer
from connectors.sdk.record import Headers, Record
from connectors.sdk.testing.kill_injector import kill_point
from models.codec import decode
from models.events import Event


class FakeBroker:
    """For `SpooledPublisher(…, broker.open_producer)`. What it has, it has whoever is killed."""

    def __init__(self, *, away: bool = False) -> None:
        self.away = away
        """If so, no connection to it can be made."""
        self._sent: list[tuple[bytes, Headers]] = []

    @property
    def events(self) -> list[Event]:
        """What it was sent, in order; what was sent twice is there twice."""
        return [decode(value) for value, _ in self._sent]

    @property
    def headers(self) -> list[Headers]:
        """The headers of each."""
        return [headers for _, headers in self._sent]

    def open_producer(self) -> Producer:
        """Connect. Raises `ConnectionRefusedError` while it is away."""
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
        """Nothing is on its way."""


class _Acknowledged:
    """The future of what is there already."""

    is_done = True
    exception = None

    def failed(self) -> bool:
        return False


_ACKNOWLEDGED: Final = _Acknowledged()
