"""Tells a receiver in messages what it has to know, one after the other, each until it is taken."""

from typing import Final, NamedTuple, Protocol

import structlog

from connectors.sdk.errors import ConnectorError
from models.ids import event_id
from streams.notify.store import Message, Notice, Store

MOST: Final = 2000
"""So many messages are made one at most."""
IDLE_SECONDS: Final = 3600.0
AGAIN_MS: Final = 3_600_000
"""After this long, what a receiver refused is sent once more: it may have been mended there."""

log = structlog.get_logger(__name__)


class RefusedError(ConnectorError):
    """The receiver refuses the message, and would again; the text says why, for people.

    `wholly`: it refuses whatever the message says, so that parts of it are not tried.
    """

    def __init__(self, words: str, *, wholly: bool = False) -> None:
        super().__init__(words)
        self.wholly = wholly


class OutgoingMessage(NamedTuple):
    """What is sent."""

    id: str
    """The same however often it is sent: who gets it twice may know that."""
    at: int
    """Milliseconds since 1970."""
    notices: tuple[Notice, ...]
    """Several for a digest, none for a test."""


class MessageTransport(Protocol):
    """Brings letters."""

    def send(self, letter: OutgoingMessage) -> None:
        """Return once it is safe with the receiver. Raises `RefusedError`, or `ConnectorError`: send it again."""

    def close(self) -> None:
        """Close the connections."""


class MessageDelivery:
    """A speaker (`streams.notify.delivery.Speaker`) by messages."""

    def __init__(self, name: str, transport: MessageTransport, digest_above: int) -> None:
        self.name = name
        self.sent = 0
        self._courier = transport
        self._digest_above = digest_above
        self._after_outage = False
        self._most = MOST
        """So much is told at once: less when a digest is refused, which may be too long, or refused for a part of it."""

    def close(self) -> None:
        """Close the connections."""
        self._courier.close()

    def deliver(self, store: Store, now: int) -> float:
        """Send all that waits; what is refused is set aside, so that the others go on."""
        store.requeue_refused(self.name, now - AGAIN_MS)
        while message := store.next_message(self.name, self._digest_above, MOST, after_outage=self._after_outage):
            message = message._replace(notices=message.notices[: self._most])
            try:
                self._courier.send(self._write(message))
            except RefusedError as error:
                self._refuse(store, message, error, now)
            except ConnectorError:
                self._after_outage = True
                raise
            else:
                store.mark_delivered(message)
                self.sent += 1
                self._most = min(2 * self._most, MOST)
        self._after_outage = False
        return IDLE_SECONDS

    def _refuse(self, store: Store, message: Message, error: RefusedError, now: int) -> None:
        if len(message.notices) > 1 and not error.wholly:
            self._most = len(message.notices) // 2
            return
        store.set_aside(message, str(error), now)
        log.warning("message_refused", receiver=self.name, reason=str(error))

    def _write(self, message: Message) -> OutgoingMessage:
        content = " ".join(f"{one.incident.id} {one.what}" for one in message.notices)
        return OutgoingMessage(event_id(f"accueil/notify/{self.name}", content), message.queued_at, message.notices)
