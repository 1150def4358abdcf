"""What is kept of a review: when, from which button, and what its question about satisfaction was answered.

Everything else, what citizens wrote first of all, is let go of before anything else is done with it.
"""

import hashlib
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec

Time = Annotated[datetime, msgspec.Meta(tz=True)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
SATISFACTION: Final = "satisfaction"
"""The code of the question that every form of JeDonneMonAvis asks first (`field_code`)."""


class Review(msgspec.Struct):
    """One review."""

    form: int
    read_at: Time
    id: Positive
    created_at: Time
    button_id: int
    intentions: list[str | None]
    """What was answered to that question: `good`, `medium` or `bad`; several if the server kept several."""


decode: Final = msgspec.json.Decoder(Review).decode
"""Raises `msgspec.DecodeError` and `UnicodeDecodeError`, whose texts hold no values."""
encode: Final = msgspec.json.encode


def read_review(raw: msgspec.Raw) -> dict[str, Any]:
    """Return what is kept of a review as it came; of one that cannot be read or written, a digest."""
    try:
        about = strip(msgspec.json.decode(raw))
        encode(about)
    except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError):
        return {"unreadable": hashlib.sha256(raw).hexdigest()[:20]}
    return about


def strip(node: Any) -> dict[str, Any]:
    """Return what is kept of a review as it came, whatever it is."""
    if not isinstance(node, dict):
        return {}
    about = {name: node[name] for name in ("id", "created_at", "button_id") if name in node}
    match node.get("answers"):
        case list(answers):
            asked = (one for one in answers if isinstance(one, dict) and one.get("field_code") == SATISFACTION)
            about["intentions"] = [one.get("intention") for one in asked]
    return about


def time_of(about: dict[str, Any]) -> datetime | None:
    """Return when a review was created, None if it does not say so."""
    try:
        return msgspec.convert(about["created_at"], Time)
    except (msgspec.ValidationError, KeyError):
        return None
