"""One message as it is mapped: what it is, which contact it is of, and whose."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

import msgspec

Time = Annotated[datetime, msgspec.Meta(tz=True)]


class MailKind(StrEnum):
    """What a message is."""

    RECEIVED = "received"
    """A citizen wrote."""
    ANSWERED = "answered"
    """A person of the service wrote to who had asked."""
    ACKNOWLEDGED = "acknowledged"
    """A program of the service did."""
    AUTOMATIC = "automatic"
    """A program of somebody else's wrote, or a server that could not deliver."""
    OTHER = "other"
    """The service wrote to somebody else, or of its own accord."""
    UNIDENTIFIED = "nameless"
    """Nothing tells which message it is."""
    UNREADABLE = "unreadable"
    """The server cannot read it."""
    UNPARSABLE = "unparsable"
    """Its headers cannot be parsed."""


class Mail(msgspec.Struct, frozen=True):
    """One message."""

    folder: str
    uid: int
    received_at: Time | None
    """When the server received it (INTERNALDATE); None if it does not say so."""
    read_at: Time
    kind: MailKind
    message: str = ""
    """What tells it from all others: a keyed digest of its id and date."""
    contact: str = ""
    """The same of its conversation."""
    place: str = ""
    """The address, of those configured, that was asked; empty for another."""
    people: tuple[str, ...] = ()
    """The addresses of those whose contact it is."""


encode: Final = msgspec.json.encode
decode: Final = msgspec.json.Decoder(Mail).decode
"""Raises `msgspec.DecodeError`."""
