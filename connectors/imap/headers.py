"""What the headers of one message say, as far as it is asked for: RFC 5322, and RFC 3834 on automatic messages.

Whatever they hold can be read: what is malformed is taken for not there. Nothing that a person wrote is asked for.
"""

import re
from email.message import Message
from email.parser import HeaderParser
from email.utils import getaddresses
from itertools import accumulate
from typing import Final, NamedTuple

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
"""The headers that are asked for: those that tell what a message is, and those that may be long, which must not hide them."""
LIMIT_BYTES: Final = 32_768
"""As much is read of each group."""
MOST_REFERENCES: Final = 50
MOST_RECIPIENTS: Final = 200

_ID: Final = re.compile(r"<([^<>\s]{1,998})>")
_BETWEEN_WORDS: Final = re.compile(r"[\s<>()\[\],;:\"\\]+")
MOST_NESTED: Final = 50
"""Deepest nesting of comments, and most groups, that are parsed: `getaddresses` calls itself for each."""
_BULK: Final = frozenset({"bulk", "junk", "auto_reply", "auto-reply"})
"""Values of `Precedence`. A `list` is none of them: what citizens write may come to a service by a list of its own."""
_SUPPRESSED: Final = frozenset({"all", "oof", "autoreply"})
"""Values of `X-Auto-Response-Suppress` ([MS-OXCMAIL] 2.1.3.2.20): no automatic reply is wanted, as to one."""


class Headers(NamedTuple):
    """The headers of one message; addresses are in lower case."""

    message_id: str
    """Without its brackets; empty if there is none."""
    date: str
    """`Date` as it is written, but for white space."""
    references: tuple[str, ...]
    """The messages that it follows, the nearest first, and last the one that all began with."""
    sender: str
    reply_to: str
    delivered_to: tuple[str, ...]
    """The addresses that the servers say it was delivered to."""
    recipients: tuple[str, ...]
    """Those it was written to."""
    automatic: bool
    """Whether a program wrote it."""
    report: bool
    """Whether it tells what became of another message: not delivered, read …"""


def parse(groups: tuple[bytes, ...]) -> Headers:
    """Return what the headers say, given as the server has them, by the groups of `FIELDS`."""
    message = HeaderParser().parsestr("".join(map(_text, groups)))
    sender = next(iter([*_addresses(message, "From"), *_addresses(message, "Sender")]), "")
    local_part = sender.partition("@")[0]
    return_path = _value(message, "Return-Path")
    report = (
        message.get_content_type() == "multipart/report"
        or "X-Failed-Recipients" in message
        or local_part == "mailer-daemon"
    )
    return Headers(
        message_id=_id(_value(message, "Message-ID")),
        date=_value(message, "Date"),
        references=_references(message),
        sender=sender,
        reply_to=next(iter(_addresses(message, "Reply-To")), ""),
        delivered_to=_addresses(message, "Delivered-To", "X-Original-To", "Envelope-To"),
        recipients=_addresses(message, "To", "Cc", "Bcc"),
        automatic=report or return_path == "<>" or _is_automatic(message),
        report=report,
    )


def _text(group: bytes) -> str:
    """Return a group of headers as text, without the empty line after them, and what was cut off at the end."""
    if len(group) >= LIMIT_BYTES:
        group = group[: max(group.rfind(separator) for separator in (b" ", b",", b"\n"))]
    try:
        text = group.decode()
    except UnicodeDecodeError:
        text = group.decode("latin-1")
    return text.strip("\r\n") + "\r\n" if text.strip() else ""


def _value(message: Message, name: str) -> str:
    return " ".join(str(message.get(name, "")).split())


def _id(text: str) -> str:
    """Return a message id, whether it has the brackets that it should have or not."""
    found = _ID.search(text)
    return found[1] if found else "".join(text.split())[:998]


def _references(message: Message) -> tuple[str, ...]:
    replied_to = _ID.findall(_value(message, "In-Reply-To"))
    before = [*reversed(_ID.findall(_value(message, "References")))]
    chain = [*dict.fromkeys([*replied_to, *before])]
    return tuple(chain if len(chain) <= MOST_REFERENCES else [*chain[: MOST_REFERENCES - 1], chain[-1]])


def _addresses(message: Message, *names: str) -> tuple[str, ...]:
    """Return the addresses in these headers, each once, in order."""
    texts = [str(text) for name in names for text in message.get_all(name, [])]
    found = [address for _, address in getaddresses(texts)] if _is_flat(", ".join(texts)) else []
    if not any(found):  # a newer getaddresses refuses all of what is ambiguous
        words = (word for text in texts for word in _BETWEEN_WORDS.split(text))
        found = [word for word in words if "@" in word[1:-1]]
    usable = filter(None, map(normalise_email, found))
    return tuple(dict.fromkeys(usable))[:MOST_RECIPIENTS]


def _is_flat(text: str) -> bool:
    """Return whether `text` nests so little that it can be parsed by recursion."""
    depths = accumulate((letter == "(") - (letter == ")") for letter in text)
    return text.count(":") <= MOST_NESTED and max(depths, default=0) <= MOST_NESTED


def _is_automatic(message: Message) -> bool:
    submitted = _value(message, "Auto-Submitted").partition(";")[0].strip().lower()
    suppressed = {word.strip().lower() for word in _value(message, "X-Auto-Response-Suppress").split(",")}
    return (
        submitted not in {"", "no"}
        or _value(message, "Precedence").lower() in _BULK
        or not _SUPPRESSED.isdisjoint(suppressed)
        or any(_value(message, name).lower() not in {"", "no"} for name in ("X-Autoreply", "X-Autorespond"))
    )
