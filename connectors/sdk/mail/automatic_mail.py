"""Decides whether a program wrote a message, by its headers (RFC 3834)."""

from email.message import Message
from typing import Final

_BULK: Final = frozenset({"bulk", "junk", "auto_reply", "auto-reply"})
"""Values of `Precedence` of automatic mail. `list` is absent: citizens may write to a mailing list of the service."""
_SUPPRESSED: Final = frozenset({"all", "oof", "autoreply"})
"""Values of `X-Auto-Response-Suppress` that mark automatic mail ([MS-OXCMAIL] 2.1.3.2.20)."""


def header_value(message: Message, name: str) -> str:
    """Return the first header `name` with normalised white space; empty if absent."""
    return " ".join(str(message.get(name, "")).split())


def is_automatic(message: Message) -> bool:
    """Return whether a header says that a program wrote the message (RFC 3834 and the usual other ones).

    Signs of a delivery report, such as an empty `Return-Path`, are not checked.
    """
    submitted = header_value(message, "Auto-Submitted").partition(";")[0].strip().lower()
    suppressed = {word.strip().lower() for word in header_value(message, "X-Auto-Response-Suppress").split(",")}
    return (
        submitted not in {"", "no"}
        or header_value(message, "Precedence").lower() in _BULK
        or not _SUPPRESSED.isdisjoint(suppressed)
        or any(header_value(message, name).lower() not in {"", "no"} for name in ("X-Autoreply", "X-Autorespond"))
    )
