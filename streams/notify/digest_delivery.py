"""Delivery of messages and digests of messages, one after the other. Each is repeated until it is accepted.

A digest whose content the receiver refuses is halved.
"""

from typing import Final, NamedTuple, Protocol

import structlog

from connectors.sdk.errors import ConnectorError
from models.ids import event_id
from streams.notify.store import Message, Notice, Store

MAX_DIGEST: Final = 2000
"""Maximum number of messages joined to one digest."""
IDLE_SECONDS: Final = 3600.0
AGAIN_MS: Final = 3_600_000
"""Pause before refused messages are sent again, in milliseconds: the receiver may have been repaired."""

log = structlog.get_logger(__name__)


class RefusedError(ConnectorError):
    """The receiver refuses the message permanently.

    `wholly`: the refusal does not depend on the content, so parts of the message are not tried.
    """

    def __init__(self, message: str, *, wholly: bool = False) -> None:
        super().__init__(message)
        self.wholly = wholly


class OutgoingMessage(NamedTuple):
    """Message to send."""

    id: str
    """Does not change when the message is repeated, so that receivers recognise duplicates."""
    at: int
    """Time at which the message, or the first one of a digest, was queued, in milliseconds since 1970."""
    notices: tuple[Notice, ...]
    """Several for a digest, none for a test."""


class MessageTransport(Protocol):
    """Transport of messages to one receiver."""

    def send(self, outgoing: OutgoingMessage) -> None:
        """Send a message. Raises `RefusedError` if the refusal is permanent, else `ConnectorError`."""

    def close(self) -> None:
        """Close the connections."""


class MessageDelivery:
    """A delivery (`streams.notify.delivery_thread.Delivery`) by messages."""

    def __init__(self, name: str, transport: MessageTransport, digest_above: int) -> None:
        self.name = name
        self.sent = 0
        self._transport = transport
        self._digest_above = digest_above
        self._after_outage = False
        self._limit = MAX_DIGEST
        """Current maximum of notices in a message. It is reduced when a digest is refused, perhaps for its size or one part."""

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def deliver(self, store: Store, now: int) -> float:
        """Send all waiting messages; return the seconds until the next call. Raises `ConnectorError` during an outage.

        More than `digest_above` messages, or several after an outage, are sent as one digest. Refused messages are set aside, so
        that they do not block the others, and sent again after `AGAIN_MS`.
        """
        store.requeue_refused(self.name, now - AGAIN_MS)
        while message := store.next_message(self.name, self._digest_above, MAX_DIGEST, after_outage=self._after_outage):
            message = message._replace(notices=message.notices[: self._limit])
            try:
                self._transport.send(self._write(message))
            except RefusedError as error:
                self._refuse(store, message, error, now)
            except ConnectorError:
                self._after_outage = True
                raise
            else:
                store.mark_delivered(message)
                self.sent += 1
                self._limit = min(2 * self._limit, MAX_DIGEST)
        self._after_outage = False
        return IDLE_SECONDS

    def _refuse(self, store: Store, message: Message, error: RefusedError, now: int) -> None:
        if len(message.notices) > 1 and not error.wholly:
            self._limit = len(message.notices) // 2
            return
        store.set_aside(message, str(error), now)
        log.warning("message_refused", receiver=self.name, reason=str(error))

    def _write(self, message: Message) -> OutgoingMessage:
        content = " ".join(f"{notice.incident.id} {notice.what}" for notice in message.notices)
        return OutgoingMessage(event_id(f"accueil/notify/{self.name}", content), message.queued_at, message.notices)
