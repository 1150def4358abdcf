"""Tells a receiver in messages what it has to know, one after the other, each until it is taken."""

from typing import Final, NamedTuple, Protocol

from connectors.sdk.errors import ConnectorError
from models.ids import event_id
from streams.notify.store import Message, Store, Telling

MOST: Final = 2000
"""So many messages are made one at most."""
IDLE_SECONDS: Final = 3600.0


class Letter(NamedTuple):
    """What is sent."""

    id: str
    """The same however often it is sent: who gets it twice may know that."""
    at: int
    """Milliseconds since 1970."""
    tellings: tuple[Telling, ...]
    """Several for a digest, none for a test."""


class Courier(Protocol):
    """Brings letters."""

    def send(self, letter: Letter) -> None:
        """Return once it is safe with the receiver. Raises `ConnectorError`: send it again."""

    def close(self) -> None:
        """Close the connections."""


class Queueing:
    """A speaker (`streams.notify.telling.Speaker`) by messages."""

    def __init__(self, name: str, courier: Courier, digest_above: int) -> None:
        self.name = name
        self.sent = 0
        self._courier = courier
        self._digest_above = digest_above
        self._after_outage = False

    def close(self) -> None:
        """Close the connections."""
        self._courier.close()

    def speak(self, store: Store, now: int) -> float:  # noqa: ARG002 - what waits, waits for no time
        """Send all that waits."""
        while message := store.next_message(self.name, self._digest_above, MOST, after_outage=self._after_outage):
            try:
                self._courier.send(self._write(message))
            except ConnectorError:
                self._after_outage = True
                raise
            store.mark_told(message)
            self.sent += 1
        self._after_outage = False
        return IDLE_SECONDS

    def _write(self, message: Message) -> Letter:
        content = " ".join(f"{one.incident.id} {one.what}" for one in message.tellings)
        return Letter(event_id(f"accueil/notify/{self.name}", content), message.queued_at, message.tellings)
