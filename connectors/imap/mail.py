"""Classified message, as passed to the mapping: kind, contact and citizens."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

import msgspec

Time = Annotated[datetime, msgspec.Meta(tz=True)]


class MailKind(StrEnum):
    """Kind of a message."""

    RECEIVED = "received"
    """A citizen wrote."""
    ANSWERED = "answered"
    """An agent wrote to the citizen of the conversation."""
    ACKNOWLEDGED = "acknowledged"
    """A program of the service wrote to the citizen of the conversation."""
    AUTOMATIC = "automatic"
    """An external program wrote, or a mail server reported a failed delivery."""
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
    uid: int
    received_at: Time | None
    """Time of receipt by the server (INTERNALDATE); None if unknown."""
    read_at: Time
    kind: MailKind
    message: str = ""
    """Keyed digest that identifies the message, in hexadecimal; empty if no conversation was found for it."""
    contact: str = ""
    """Keyed digest that identifies the conversation, in hexadecimal; empty if none was found."""
    place: str = ""
    """Configured address of the service that the citizen wrote to; empty for another address."""
    people: tuple[str, ...] = ()
    """Addresses of those citizens of the contact who wrote or received the message."""


encode: Final = msgspec.json.encode
decode: Final = msgspec.json.Decoder(Mail).decode
"""Decode a message from the JSON of `encode`. Raises `msgspec.DecodeError`."""
