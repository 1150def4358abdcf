"""Classified messages, and their mapping to events."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec

from connectors.sdk.contact_reasons import NO_REASONS, ContactReasons
from connectors.sdk.contract import Outcome, Reject
from connectors.sdk.mail.config import MailboxConfig, Routing
from connectors.sdk.pseudonyms import join
from models.events import EmailAcknowledged, EmailAnswered, EmailReceived, EmailReceivedData
from models.identities import IdentityKind, PseudonymKey
from models.ids import contact_id, event_id
from models.locale import _
from models.reasons import Reason
from models.topics import Channel

MAX_IDENTITIES: Final = 8
"""Most citizens whose pseudonyms one event contains."""
_NO_ROUTING: Final = Routing()
Time = Annotated[datetime, msgspec.Meta(tz=True)]


class MailKind(StrEnum):
    """Kind of a message."""

    RECEIVED = "received"
    """A citizen wrote, perhaps through a contact form."""
    ANSWERED = "answered"
    """An agent wrote to a citizen of the conversation."""
    ACKNOWLEDGED = "acknowledged"
    """A program of the service wrote to a citizen of the conversation."""
    AUTOMATIC = "automatic"
    """An external program other than a contact form wrote, or the message is a delivery report or a read receipt."""
    OTHER = "other"
    """The service wrote to another recipient, or outside any conversation."""
    UNIDENTIFIED = "nameless"
    """The message has neither `Message-ID` nor `Date`."""
    UNREADABLE = "unreadable"
    """The server cannot read the message."""
    UNPARSABLE = "unparsable"
    """The headers cannot be parsed."""


class Mail(msgspec.Struct, frozen=True):
    """Classified message."""

    folder: str
    uid: int | str
    received_at: Time | None
    """Time of receipt by the server; None if unknown."""
    read_at: Time
    kind: MailKind
    message: str = ""
    """Keyed digest that identifies the message, in hexadecimal; empty if no conversation was found for it."""
    contact: str = ""
    """Keyed digest that identifies the conversation, in hexadecimal; empty if none was found."""
    place: str = ""
    """Configured address of the service that the citizen wrote to; empty for another address, or without a conversation."""
    people: tuple[str, ...] = ()
    """Addresses of those citizens of the contact who wrote or received the message."""
    is_first: bool = True
    """True if the message begins its conversation. Only such a message sets the reason for contact."""
    reason_by_subject: str = ""
    """Reason for contact found by the words of the subject; empty if there is none."""


encode: Final = msgspec.json.encode
decode: Final = msgspec.json.Decoder(Mail).decode
"""Decode a message from the JSON of `encode`. Raises `msgspec.DecodeError`."""


class MailMapping:
    """Map messages to events; each message is mapped on its own."""

    def __init__(
        self,
        source: str,
        config: MailboxConfig,
        pseudonym_key: Callable[[str], PseudonymKey],
        contact_reasons: ContactReasons = NO_REASONS,
    ) -> None:
        self._source = source
        self._contact_reasons = contact_reasons
        self._config = config
        sectors = {config.sector, *(routing.sector for routing in config.addresses.values() if routing.sector)}
        self._keys = {sector: pseudonym_key(sector) for sector in sorted(sectors)}

    def map(self, mail: Mail) -> Outcome:
        """Return the events of a message, or its rejection; none for the kinds `AUTOMATIC` and `OTHER`. Never raises.

        The first message of a conversation may also set the reason for contact.
        """
        if mail.kind in {MailKind.AUTOMATIC, MailKind.OTHER}:
            return ()
        if mail.kind is MailKind.UNIDENTIFIED:
            return _reject(mail, _("neither Message-ID nor Date"))
        if mail.kind is MailKind.UNREADABLE:
            return _reject(mail, _("the server cannot read this message"))
        if mail.kind is MailKind.UNPARSABLE:
            detail = _("its headers cannot be parsed")
            return Reject(Reason.INTERNAL_ERROR, encode(mail), detail)
        if mail.received_at is None:
            return _reject(mail, _("no time of receipt"))
        routing = self._config.addresses.get(mail.place, _NO_ROUTING)
        sector = routing.sector or self._config.sector
        attributes: dict[str, Any] = {
            "id": event_id(self._source, f"{mail.kind.value}|{mail.message}"),
            "source": self._source,
            "subject": contact_id(Channel.EMAIL, self._source, mail.contact),
            "time": mail.received_at,
            "recordedtime": mail.read_at,
            "sector": sector,
            "site": routing.site or self._config.site,
            "service": routing.service or self._config.service,
            "identities": self._identities(mail, sector),
        }
        if mail.kind is MailKind.RECEIVED:
            received = EmailReceived(**attributes, data=EmailReceivedData(queue=routing.queue))
            reason = self._contact_reasons.make_event(received, mail.reason_by_subject) if mail.is_first else None
            return (received, reason) if reason else (received,)
        return (EmailAnswered(**attributes) if mail.kind is MailKind.ANSWERED else EmailAcknowledged(**attributes),)

    def _identities(self, mail: Mail, sector: str) -> str:
        key = self._keys[sector]
        return join(key.pseudonym(IdentityKind.EMAIL, address) for address in mail.people[:MAX_IDENTITIES])


def _reject(mail: Mail, detail: str) -> Reject:
    return Reject(Reason.UNREADABLE_LINE, encode(mail), detail)
