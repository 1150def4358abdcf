"""Event types to which records can be mapped, and the fields of their data."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, get_args

from pydantic import StringConstraints
from pydantic.fields import FieldInfo

from models.envelope import Envelope
from models.events import (
    AppointmentEvents,
    CallEvents,
    ContactReasonSet,
    EmailEvents,
    FeedbackEvents,
    FormEvents,
    LetterEvents,
    VisitEvents,
)

_UNIONS: Final = (CallEvents, LetterEvents, EmailEvents, FormEvents, AppointmentEvents, VisitEvents, FeedbackEvents)
EVENT_MODELS: Final[dict[str, type[Envelope]]] = {
    kind.model_fields["type"].default: kind
    for kind in (*(kind for union in _UNIONS for kind in get_args(union)), ContactReasonSet)
    if kind.model_fields["type"].default != "agent.state_changed"  # its subject is not a contact
}
"""Event classes by the event types to which records can be mapped."""
DEFAULTS: Final[Mapping[tuple[str, str], str]] = {
    ("call.ended", "ended_by"): "unknown",
    ("call.left_queue", "reason"): "other",
    ("call.transferred", "kind"): "unknown",
}
"""Values of required data fields that most sources do not record, by event type and field."""


def data_fields(event: str) -> dict[str, FieldInfo]:
    """Return the fields of an event type's `data` that a mapping may fill, by name."""
    annotation: Any = EVENT_MODELS[event].model_fields["data"].annotation
    return {name: field for name, field in annotation.model_fields.items() if name != "by_rule"}


def is_label(field: FieldInfo) -> bool:
    """Return whether the values of a field must be labels from the configuration."""
    return any(isinstance(constraint, StringConstraints) and constraint.pattern for constraint in field.metadata)


def enum_of(field: FieldInfo) -> type[StrEnum] | None:
    """Return the enumeration whose members are the values of a field; None for other fields."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, StrEnum) else None


CLOSED_LISTS: Final[Mapping[str, tuple[str, ...]]] = {
    name: tuple(map(str, members))
    for event in EVENT_MODELS
    for name, field in data_fields(event).items()
    if (members := enum_of(field))
}
"""Values of each field whose values are an enumeration."""


def describe_limit(name: str, limits: Mapping[str, Any]) -> str:
    """Return the continuation of a detail with the limit that a value of an event exceeds; empty if it has none."""
    signs = {"ge": ">=", "le": "<=", "max_length": "<=", "pattern": "~"}
    for kind, sign in signs.items():
        if kind in limits:
            unit = " characters" if kind == "max_length" else ""
            return f" ({name} {sign} {limits[kind]}{unit})"
    return ""
