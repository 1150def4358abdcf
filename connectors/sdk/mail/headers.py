"""Parser of the message headers that the mailbox connectors use (RFC 5322; automatic messages: RFC 3834).

Malformed headers are read as far as possible, and otherwise count as absent. The text is not among them. The subject is read
only for rules that set the reason for contact, and only to compare its words.
"""

import re
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import HeaderParser
from email.utils import getaddresses
from typing import Final, NamedTuple

from connectors.sdk.mail.automatic_mail import header_value, is_automatic
from models.identities import normalise_email

FIELDS: Final = (
    (
        *("Message-ID", "In-Reply-To", "Date", "From", "Sender", "Reply-To", "Return-Path", "Content-Type"),
        *(
            "Auto-Submitted",
            "Precedence",
            "X-Auto-Response-Suppress",
            "X-Autoreply",
            "X-Autorespond",
            "X-Failed-Recipients",
        ),
    ),
    ("References", "To", "Cc", "Bcc", "Delivered-To", "X-Original-To", "Envelope-To"),
)
"""Used headers in two groups, each with its own size limit, so that long reference or recipient lists cannot cut off the
headers of the first group."""
SUBJECT_FIELDS: Final = (*FIELDS, ("Subject",))
"""`FIELDS` with a third group, for rules that need the subject."""
LIMIT_BYTES: Final = 32_768
"""Largest part read of each header group, in bytes."""
MAX_REFERENCES: Final = 50
"""Most message ids kept from a reference chain; the oldest one is always among them."""
MAX_SUBJECT: Final = 2_000
"""Longest part of a subject that is read, in characters."""
MAX_RECIPIENTS: Final = 200
"""Most addresses kept from the delivery headers, and most from `To`, `Cc` and `Bcc` together."""

_ID: Final = re.compile(r"<([^<>\s]{1,998})>")
_BETWEEN_WORDS: Final = re.compile(r"[\s<>()\[\],;:\"\\]+")


class Headers(NamedTuple):
    """Parsed headers of one message; addresses are in lower case."""

    message_id: str
    """`Message-ID` without brackets; empty if absent."""
    date: str
    """`Date` as written, with white space normalised; empty if absent."""
    references: tuple[str, ...]
    """Ids of the preceding messages, nearest first; the last one started the conversation."""
    sender: str
    """First address in `From`, else in `Sender`; empty if there is none."""
    reply_to: str
    """First address in `Reply-To`; empty if there is none."""
    delivered_to: tuple[str, ...]
    """Addresses from the delivery headers of the mail servers."""
    recipients: tuple[str, ...]
    """Addresses from `To`, `Cc` and `Bcc`."""
    automatic: bool
    """Whether a program wrote the message, by its headers; always True for a `report`."""
    report: bool
    """Whether the message is a delivery report or a read receipt."""
    subject: str
    """Subject as text; empty if absent, or if it was not requested. It must not leave the connector."""


def parse(groups: tuple[bytes, ...]) -> Headers:
    """Return the parsed headers of one message. `groups` contains its raw headers, one item per group of `FIELDS`."""
    message = HeaderParser().parsestr("".join(map(_text, groups)))
    sender = next(iter([*_addresses(message, "From"), *_addresses(message, "Sender")]), "")
    local_part = sender.partition("@")[0]
    return_path = header_value(message, "Return-Path")
    report = (
        message.get_content_type() == "multipart/report"
        or "X-Failed-Recipients" in message
        or local_part == "mailer-daemon"
    )
    return Headers(
        message_id=_id(header_value(message, "Message-ID")),
        date=header_value(message, "Date"),
        references=_references(message),
        sender=sender,
        reply_to=next(iter(_addresses(message, "Reply-To")), ""),
        delivered_to=_addresses(message, "Delivered-To", "X-Original-To", "Envelope-To"),
        recipients=_addresses(message, "To", "Cc", "Bcc"),
        automatic=report or return_path == "<>" or is_automatic(message),
        report=report,
        subject=_decode_words(header_value(message, "Subject")[:MAX_SUBJECT]),
    )


def _text(group: bytes) -> str:
    """Return a header group as text: UTF-8, else ISO 8859-1. A blank group gives an empty text.

    The empty line at the end is removed, and the last item too if `LIMIT_BYTES` may have truncated it.
    """
    if len(group) >= LIMIT_BYTES:
        group = group[: max(group.rfind(separator) for separator in (b" ", b",", b"\n"))]
    try:
        text = group.decode()
    except UnicodeDecodeError:
        text = group.decode("latin-1")
    return text.strip("\r\n") + "\r\n" if text.strip() else ""


def _id(text: str) -> str:
    """Return the message id in a header value without its brackets; without brackets, the value without white space."""
    found = _ID.search(text)
    return found[1] if found else "".join(text.split())[:998]


def _decode_words(text: str) -> str:
    """Return a header value with its encoded words (RFC 2047) as text; unchanged if they cannot be decoded."""
    try:
        return "".join(
            part if isinstance(part, str) else part.decode(charset or "latin-1", "replace")
            for part, charset in decode_header(text)
        )
    except (ValueError, LookupError, HeaderParseError):
        return text


def _references(message: Message) -> tuple[str, ...]:
    replied_to = _ID.findall(header_value(message, "In-Reply-To"))
    before = [*reversed(_ID.findall(header_value(message, "References")))]
    chain = [*dict.fromkeys([*replied_to, *before])]
    return tuple(chain if len(chain) <= MAX_REFERENCES else [*chain[: MAX_REFERENCES - 1], chain[-1]])


def _addresses(message: Message, *names: str) -> tuple[str, ...]:
    """Return the distinct valid addresses in the headers `names`, in order, in lower case, and at most `MAX_RECIPIENTS`."""
    texts = [str(text) for name in names for text in message.get_all(name, [])]
    try:
        found = [address for _, address in getaddresses(texts)]
    except RecursionError:  # once for each nested comment, and for each group
        found = []
    if not any(found):  # newer versions of getaddresses reject ambiguous headers as a whole
        words = (word for text in texts for word in _BETWEEN_WORDS.split(text))
        found = [word for word in words if "@" in word[1:-1]]
    usable = filter(None, map(normalise_email, found))
    return tuple(dict.fromkeys(usable))[:MAX_RECIPIENTS]
