"""Which events a webhook can tell, and what their data has."""

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
    if kind.model_fields["type"].default != "agent.state_changed"  # its subject is no contact
}
"""Events by their types."""


def channel_of(event: str) -> Any:
    """Return the channel of an event type."""
    return EVENT_MODELS[event].model_fields["channel"].default


def data_fields(event: str) -> dict[str, FieldInfo]:
    """Return the fields of an event type's data."""
    annotation: Any = EVENT_MODELS[event].model_fields["data"].annotation
    fields: dict[str, FieldInfo] = annotation.model_fields
    return fields


def is_label(field: FieldInfo) -> bool:
    """Return whether a field takes one of a closed set of the configuration's words."""
    return any(isinstance(one, StringConstraints) and one.pattern for one in field.metadata)


def is_enum(field: FieldInfo) -> bool:
    """Return whether a field takes one of a closed set of the vocabulary's words."""
    return isinstance(field.annotation, type) and issubclass(field.annotation, StrEnum)
