"""Headers of messages in Graph, in the form that the shared classification reads.

Graph returns the headers of received messages (`internetMessageHeaders`), but not those of sent messages. Missing headers are
derived from the message's properties, and from extended properties of Outlook ([MS-OXPROPS]) for the references to earlier
messages. Headers that are not requested are dropped here: the subject, unless a rule for reasons for contact needs it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from connectors.sdk.mail.headers import FIELDS, LIMIT_BYTES

IN_REPLY_TO: Final = "String 0x1042"
"""PidTagInReplyToId."""
REFERENCES: Final = "String 0x1039"
"""PidTagInternetReferences."""
MESSAGE_CLASS: Final = "String 0x001A"
"""PidTagMessageClass: reports and automatic replies have their own classes."""
AUTO_SUBMITTED: Final = "String {00020386-0000-0000-c000-000000000046} Name Auto-Submitted"
"""Header `Auto-Submitted`, where Outlook keeps it as a named property (PS_INTERNET_HEADERS)."""
EXTENDED: Final = (IN_REPLY_TO, REFERENCES, MESSAGE_CLASS, AUTO_SUBMITTED)
SELECT: Final = ",".join(
    (
        *("internetMessageId", "internetMessageHeaders", "receivedDateTime", "sentDateTime", "isDraft"),
        *("from", "sender", "replyTo", "toRecipients", "ccRecipients", "bccRecipients"),
    )
)
"""Requested properties: neither subject, text nor attachments. `internetMessageHeaders` contains the subject nevertheless."""
SELECT_SUBJECT: Final = f"{SELECT},subject"
"""`SELECT` with the subject."""
_ANY_EXTENDED: Final = " or ".join(f"id eq '{name}'" for name in EXTENDED)
EXPAND: Final = f"singleValueExtendedProperties($filter={_ANY_EXTENDED})"
_LINE_ENDS: Final = re.compile(r"[\r\n]+")
_HEX_ID: Final = re.compile(r"(?<= 0x)0*")


class _Address(msgspec.Struct):
    address: str | None = None


class _Recipient(msgspec.Struct, rename="camel"):
    email_address: _Address | None = None


class _Named(msgspec.Struct):
    name: str
    value: str | None = None


class _Property(msgspec.Struct):
    id: str
    value: str | None = None


class _Message(msgspec.Struct, rename={"from_": "from", "removed": "@removed"}):
    id: str
    removed: Any = None
    isDraft: bool | None = None  # noqa: N815 - names of Graph
    internetMessageId: str | None = None  # noqa: N815
    receivedDateTime: Annotated[datetime, msgspec.Meta(tz=True)] | None = None  # noqa: N815
    sentDateTime: Annotated[datetime, msgspec.Meta(tz=True)] | None = None  # noqa: N815
    subject: str | None = None
    from_: _Recipient | None = None
    sender: _Recipient | None = None
    replyTo: list[_Recipient] | None = None  # noqa: N815
    toRecipients: list[_Recipient] | None = None  # noqa: N815
    ccRecipients: list[_Recipient] | None = None  # noqa: N815
    bccRecipients: list[_Recipient] | None = None  # noqa: N815
    internetMessageHeaders: list[_Named] | None = None  # noqa: N815
    singleValueExtendedProperties: list[_Property] | None = None  # noqa: N815


class _Id(msgspec.Struct):
    id: str = ""


class GraphMessage(NamedTuple):
    """Message of a delta response."""

    uid: str
    """Id of the message in its folder; another one after a move."""
    received_at: datetime | None
    headers: tuple[bytes, ...]
    """Raw headers, one item per requested group; empty if the entry cannot be read."""


def read_message(entry: bytes, fields: Sequence[Sequence[str]] = FIELDS) -> GraphMessage | None:
    """Return the message in an entry of a delta response, with the groups `fields` of its headers.

    Return None for a draft, or for an entry that brings no new message.
    Such an entry reports a removal, or the changed properties of a message that was returned before.
    """
    try:
        message = msgspec.json.decode(entry, type=_Message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return GraphMessage(_read_id(entry), None, ())
    if message.removed is not None or message.isDraft or message.receivedDateTime is None:
        return None
    headers = _Headers(message)
    groups = tuple(b"".join(map(headers.lines, names))[:LIMIT_BYTES] for names in fields)
    return GraphMessage(message.id, _in_utc(message.receivedDateTime), groups)


def _read_id(entry: bytes) -> str:
    try:
        return msgspec.json.decode(entry, type=_Id).id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


class _Headers:
    """Headers of one message, from its own headers or else from its properties."""

    def __init__(self, message: _Message) -> None:
        self._own: dict[str, list[str]] = {}
        for header in message.internetMessageHeaders or ():
            self._own.setdefault(header.name.lower(), []).append(header.value or "")
        if dates := self._own.get("date"):
            self._own["date"] = [_normalise_date(dates[0])]
        self._derived = {name.lower(): [value] for name, value in _derive(message) if value}

    def lines(self, name: str) -> bytes:
        """Return the lines of the header `name`; empty without one."""
        values = self._own.get(name.lower()) or self._derived.get(name.lower(), [])
        return "".join(f"{name}: {_LINE_ENDS.sub(' ', value)}\r\n" for value in values).encode("utf-8", "replace")


def _derive(message: _Message) -> Iterator[tuple[str, str]]:
    extended = {_normalise_id(found.id): found.value or "" for found in message.singleValueExtendedProperties or ()}
    message_class = extended.get(_normalise_id(MESSAGE_CLASS), "").upper()
    yield "Message-ID", message.internetMessageId or ""
    yield "In-Reply-To", extended.get(_normalise_id(IN_REPLY_TO), "")
    yield "References", extended.get(_normalise_id(REFERENCES), "")
    yield "Date", _format(message.sentDateTime)
    yield "Subject", message.subject or ""
    yield "From", _join([message.from_])
    yield "Sender", _join([message.sender])
    yield "Reply-To", _join(message.replyTo or ())
    yield "To", _join(message.toRecipients or ())
    yield "Cc", _join(message.ccRecipients or ())
    yield "Bcc", _join(message.bccRecipients or ())
    yield "Content-Type", "multipart/report" if message_class.startswith("REPORT.") else ""
    automatic = "auto-replied" if message_class.startswith("IPM.NOTE.RULES.") else ""
    yield "Auto-Submitted", extended.get(_normalise_id(AUTO_SUBMITTED), "") or automatic


def _normalise_id(name: str) -> str:
    """Return an extended property's id for comparison: Graph returns `String 0x1a` for `String 0x001A`."""
    return _HEX_ID.sub("", name).lower()


def _join(recipients: Iterable[_Recipient | None] | Sequence[_Recipient]) -> str:
    addresses = (found.email_address for found in recipients if found is not None)
    return ", ".join(f"<{found.address}>" for found in addresses if found is not None and found.address)


def _normalise_date(text: str) -> str:
    """Return a `Date` header in UTC, as `sentDateTime` gives it: the same message may be read with headers and without them.

    An unreadable date is returned unchanged.
    """
    try:
        return _format(parsedate_to_datetime(text)) or text
    except (ValueError, OverflowError):
        return text


def _format(at: datetime | None) -> str:
    utc = _in_utc(at) if at is not None and at.tzinfo is not None else None
    return format_datetime(utc) if utc else ""


def _in_utc(at: datetime) -> datetime | None:
    try:
        return at.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        return None
