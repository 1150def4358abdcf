"""Reduction of reviews to time, button and the answer about satisfaction.

All other fields, especially the citizens' texts, are dropped immediately after decoding.
"""

import hashlib
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec

Time = Annotated[datetime, msgspec.Meta(tz=True)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
SATISFACTION: Final = "satisfaction"
"""`field_code` of the first question of each JeDonneMonAvis form."""


class Review(msgspec.Struct):
    """Reduced review of one form."""

    form: int
    read_at: Time
    id: Positive
    created_at: Time
    button_id: int
    intentions: list[str | None]
    """Answers about satisfaction: `good`, `medium` or `bad`; empty without that question, several if so stored."""


decode: Final = msgspec.json.Decoder(Review).decode
"""Decode a review. Raises `msgspec.DecodeError`, whose text holds no values, `UnicodeDecodeError` and `RecursionError`."""
encode: Final = msgspec.json.encode


def read_review(raw: msgspec.Raw) -> dict[str, Any]:
    """Return the retained fields of a review; for an unreadable review, its digest as the field `unreadable`."""
    try:
        fields = strip(msgspec.json.decode(raw))
        encode(fields)
    except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError):
        return {"unreadable": hashlib.sha256(raw).hexdigest()[:20]}
    return fields


def strip(node: Any) -> dict[str, Any]:
    """Return the retained fields of a decoded review that exist; empty if it is not an object."""
    if not isinstance(node, dict):
        return {}
    fields = {name: node[name] for name in ("id", "created_at", "button_id") if name in node}
    match node.get("answers"):
        case list(answers):
            relevant = (
                answer for answer in answers if isinstance(answer, dict) and answer.get("field_code") == SATISFACTION
            )
            fields["intentions"] = [answer.get("intention") for answer in relevant]
    return fields


def time_of(fields: dict[str, Any]) -> datetime | None:
    """Return the time of creation of a review, or None if it is missing or unreadable."""
    try:
        return msgspec.convert(fields["created_at"], Time)
    except (msgspec.ValidationError, KeyError):
        return None
