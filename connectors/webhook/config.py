"""Options of one sender of webhooks, and the event types that its messages can be mapped to."""

from enum import StrEnum
from typing import Annotated, Any, Final, Self, get_args

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic.fields import FieldInfo

from connectors.sdk.config import Options
from connectors.sdk.config_errors import suggest
from connectors.sdk.pseudonyms import Region
from connectors.sdk.webhook.config import SignedConfig
from connectors.sdk.webhook.field_paths import FieldPath, MaybeZone
from models.envelope import Envelope, Label
from models.events import AppointmentEvents, CallEvents, EmailEvents, FormEvents, LetterEvents, VisitEvents
from models.locale import _

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


def _is_an_event(name: str) -> str:
    if name not in EVENT_MODELS:
        raise ValueError(_("is not an event of Accueil") + suggest(name, EVENT_MODELS))
    return name


Word = Annotated[str, StringConstraints(min_length=1, pattern=r"^\S+$")]
EventType = Annotated[str, AfterValidator(_is_an_event)]


class MessageTypeOptions(Options):
    """Mapping of one type of message."""

    event: EventType
    """Accueil's event type, such as `visit.arrived`."""
    id: FieldPath
    """Path of the sender's id of the contact. All messages about one contact have the same id."""
    time: FieldPath = "timestamp"
    """Path of the event's time: ISO 8601, or seconds or milliseconds since 1970."""
    revision: FieldPath | None = None
    """Path of a value that distinguishes events of this type about one contact, if several messages can report the same fact. The
    event id then depends on contact and revision. Without it, each message (`webhook-id`) is one event."""
    site: FieldPath | None = None
    """Path of the site; its values must be in `labels`."""
    service: FieldPath | None = None
    """Path of the service; its values must be in `labels`."""
    phone: FieldPath | None = None
    """Path of the citizen's phone number."""
    email: FieldPath | None = None
    """Path of the citizen's e-mail address."""
    case: FieldPath | None = None
    """Path of the number of the citizen's case."""
    dossier: FieldPath | None = None
    """Path of the number of the citizen's online dossier."""
    rdv_user: FieldPath | None = None
    """Path of the citizen's id in the appointment system."""
    data: dict[str, FieldPath] = Field(default_factory=dict)
    """Paths of the event's data, by field name in the event: `queue = "data.waiting_room"`. Values of queues and other labels
    must be in `labels`."""

    @model_validator(mode="after")
    def _check_data(self) -> Self:
        fields = data_fields(self.event)
        for name in self.data:
            if name not in fields:
                unknown = _("data.{name} is not in {event}", name=name, event=self.event)
                raise ValueError(unknown + suggest(name, fields, "data."))
        for name, field in fields.items():
            if field.is_required() and name not in self.data:
                raise ValueError(
                    _("{event} needs data.{name}", event=self.event, name=name),
                )
        return self


class WebhookConfig(SignedConfig):
    """Options of one sender of signed webhooks."""

    site: Label = ""
    """Site of messages without a site."""
    service: Label = ""
    """Service of messages without a service."""
    timezone: MaybeZone = ""
    """Time zone of times without an offset, such as `Europe/Paris`. Without it, such times are rejected."""
    daily_ids: bool = False
    """Set it if the sender's contact ids restart each day, like ticket numbers. The day in `timezone` is then part of the id."""
    region: Region = "FR"
    """Country of phone numbers in national format."""
    type: FieldPath = "type"
    """Path of the message type."""
    ignored: tuple[Word, ...] = ()
    """Message types that concern no contact."""
    labels: dict[str, Label] = Field(default_factory=dict)
    """Names of sites, services, queues and other values in events, by the sender's names."""
    types: dict[str, MessageTypeOptions] = Field(min_length=1)
    """Mappings by the sender's message types."""
