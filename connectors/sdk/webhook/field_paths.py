"""Configured paths of values in JSON messages."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, StringConstraints

from connectors.sdk.config import check_zone
from models.codec import UnusableRecord
from models.event_time import MAX_AGE
from models.reasons import Reason

MILLISECONDS: Final = 1e11
"""Numbers from here on are times in milliseconds; as seconds they would be in the year 5138."""
Value = str | int | float | bool
Kind = TypeVar("Kind")


FieldPath = Annotated[str, StringConstraints(pattern=r"^[^.\s]+(\.[^.\s]+)*$")]
"""Path of a value in a body: names, and indexes in lists, from the outside in, such as `data.tickets.0.id`."""
MaybeZone = Annotated[str, AfterValidator(lambda name: name and check_zone(name))]
"""Option type: a time zone, or empty."""


def read_type(body: Any, path: str, types: Mapping[str, Kind], ignored: Collection[str]) -> Kind | None:
    """Return the entry in `types` for the type of a message, which is at `path`; None for an ignored type.

    Raises `UnusableRecord` if the type is missing, or neither in `types` nor ignored.
    """
    name = str(require_value(body, path))
    if name in ignored:
        return None
    if name not in types:
        raise UnusableRecord(Reason.UNKNOWN_RECORD, "its type is not in `types`")
    return types[name]


def find_value(body: Any, path: str | None) -> Value | None:
    """Return the value at `path` in `body`; None if it is missing, null or an empty text, or without a `path`.

    Raises `UnusableRecord` if it is a list or an object.
    """
    if path is None:
        return None
    for name in path.split("."):
        match body:
            case dict():
                body = body.get(name)
            case list() if name.isdecimal() and int(name) < len(body):
                body = body[int(name)]
            case _:
                return None
    if isinstance(body, dict | list):
        raise UnusableRecord(Reason.INVALID_FIELD, f"{path}: not a single value")
    return None if body == "" else body


def require_value(body: Any, path: str) -> Value:
    """Return the value at `path` in `body`. Raises `UnusableRecord` if `find_value` finds none or raises."""
    value = find_value(body, path)
    if value is None:
        raise UnusableRecord(Reason.MISSING_FIELD, path)
    return value


def read_time(value: Value, path: str, zone: ZoneInfo | None, received_at: datetime) -> datetime:
    """Return the time `value` in UTC: ISO 8601, in `zone` if it has no offset, or seconds or milliseconds since 1970.

    Raises `UnusableRecord` if it is no time, or has neither an offset nor a `zone`. It also raises this for a time more than
    `MAX_AGE` from `received_at`, which may be a telephone number.
    """
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value)
            if at.tzinfo is None and zone is not None:
                at = at.replace(tzinfo=zone)
        else:
            at = datetime.fromtimestamp(value / 1000 if value >= MILLISECONDS else value, UTC)
        if at.tzinfo is not None and abs(at - received_at) <= MAX_AGE:
            return at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise UnusableRecord(Reason.INVALID_FIELD, f"{path}: not a time with a zone, or ten years away")
