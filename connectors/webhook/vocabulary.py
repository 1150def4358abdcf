"""Event types that a webhook can be mapped to, and their data fields."""

from enum import StrEnum
from typing import Any, Final, get_args

from pydantic import StringConstraints
from pydantic.fields import FieldInfo

from models.envelope import Envelope
from models.events import AppointmentEvents, CallEvents, EmailEvents, FormEvents, LetterEvents, VisitEvents

EVENT_MODELS: Final[dict[str, type[Envelope]]] = {
    kind.model_fields["type"].default: kind
    for union in (CallEvents, LetterEvents, EmailEvents, FormEvents, AppointmentEvents, VisitEvents)
    for kind in get_args(union)
    if kind.model_fields["type"].default != "agent.state_changed"  # its subject is not a contact
}
"""Event classes by event type."""


def channel_of(event: str) -> Any:
    """Return the channel of an event type."""
    return EVENT_MODELS[event].model_fields["channel"].default


def data_fields(event: str) -> dict[str, FieldInfo]:
    """Return the fields of an event type's `data`, by name."""
    annotation: Any = EVENT_MODELS[event].model_fields["data"].annotation
    fields: dict[str, FieldInfo] = annotation.model_fields
    return fields


def is_label(field: FieldInfo) -> bool:
    """Return whether the values of a field must be labels from the configuration."""
    return any(isinstance(constraint, StringConstraints) and constraint.pattern for constraint in field.metadata)


def is_enum(field: FieldInfo) -> bool:
    """Return whether the values of a field are the members of an enumeration."""
    return isinstance(field.annotation, type) and issubclass(field.annotation, StrEnum)
