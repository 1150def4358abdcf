"""Encoding and decoding of events as CloudEvents JSON."""

from collections.abc import Callable
from typing import Any, Final, cast, get_args

import msgspec
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from models.envelope import EventPart
from models.events import Event
from models.reasons import Reason
from models.structs import DECODE_ERRORS, Decoder

MAX_EVENT_BYTES: Final = 65_536
"""Maximum length of one encoded event, in bytes. Accueil's own connectors write about 500."""

# Caching string values would not help: ids and times do not repeat, and would evict each other.
_EVENT: Final[TypeAdapter[Event]] = TypeAdapter(Event, config=ConfigDict(cache_strings="keys"))
_validate = cast("Callable[[bytes | None], Event]", _EVENT.validator.validate_json)


def _present_fields(part: EventPart) -> dict[str, Any]:
    fields = part.__dict__
    return {name: value for name, value in fields.items() if value is not None} if None in fields.values() else fields


_read = cast("Callable[[bytes | None], Event]", Decoder(get_args(get_args(Event)[0])).decode)
_dump: Final = msgspec.json.Encoder(enc_hook=_present_fields).encode  # same output as pydantic, in a fifth of the time


class UnusableRecord(Exception):  # noqa: N818 - names what the record is, not what went wrong in the program
    """A record that is no usable event, or gives none. `detail` contains no value of the record, except perhaps its type."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail


def decode(value: bytes | None) -> Event:
    """Return the event encoded in `value` (CloudEvents JSON, UTF-8). Raises only `UnusableRecord`."""
    try:
        if len(value) <= MAX_EVENT_BYTES:  # type: ignore[arg-type]  # None: see explain
            return _validate(value)
    except (ValidationError, TypeError) as error:
        raise explain(value, error) from None
    raise UnusableRecord(Reason.OVERSIZED, f"{len(value or b'')} bytes, at most {MAX_EVENT_BYTES}")


def read(value: bytes | None) -> Event:
    """Return the event encoded in `value` as a struct (`models.structs`), in less than half of `decode`'s time.

    The struct has the attributes of the model. For an event that structs cannot check, the result is the model of `decode`.
    The seventh decimal of a second is rounded here, while `decode` truncates it. Raises only `UnusableRecord`.
    """
    try:
        return _read(value)
    except (*DECODE_ERRORS, TypeError):
        return decode(value)


def encode(event: Event) -> bytes:
    """Return `event` as CloudEvents JSON in UTF-8, without the fields that are None."""
    # `recordedtime` is the only field of the envelope that may be None.
    return _dump(_present_fields(event) if event.recordedtime is None else event.__dict__)


def explain(value: bytes | None, error: Exception) -> UnusableRecord:
    """Return the `UnusableRecord` to raise for a `value` whose decoding raised `error`."""
    if value is None:
        return UnusableRecord(Reason.NULL_VALUE)
    if not isinstance(error, ValidationError):
        return UnusableRecord(Reason.INVALID_FIELD, type(error).__name__)
    try:
        value.decode()
    except UnicodeDecodeError as broken:
        return UnusableRecord(Reason.INVALID_UTF8, f"at byte {broken.start}")
    return _explain_field(error.errors(include_input=False, include_url=False, include_context=False)[0])


_BY_ERROR: Final = {
    "json_invalid": Reason.INVALID_JSON,
    "union_tag_invalid": Reason.UNKNOWN_TYPE,
    "union_tag_not_found": Reason.MISSING_FIELD,
    "missing": Reason.MISSING_FIELD,
    "enum": Reason.UNKNOWN_ENUM,
}


def _explain_field(first: ErrorDetails) -> UnusableRecord:
    path = ".".join(str(part) for part in first["loc"][1:])  # [0] is the union's tag
    kind = first["type"]
    if kind == "literal_error":
        reason = Reason.UNKNOWN_VERSION if path in {"dataversion", "specversion"} else Reason.UNKNOWN_ENUM
    else:
        reason = _BY_ERROR.get(kind, Reason.INVALID_FIELD)
    return UnusableRecord(reason, f"{path}: {kind}" if path else kind)
