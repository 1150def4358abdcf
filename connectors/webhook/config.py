"""Options of one sender of webhooks."""

from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from connectors.sdk.config import Options
from connectors.sdk.config_errors import suggest
from connectors.sdk.pseudonyms import Region
from connectors.sdk.webhook.config import SignedConfig
from connectors.sdk.webhook.field_paths import FieldPath, MaybeZone
from connectors.webhook.vocabulary import EVENT_MODELS, data_fields
from models.envelope import Label
from models.locale import _


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
    """Paths of the event's data, by field name in the event: `queue = "data.waiting_room"`."""

    french_descriptions: ClassVar = {
        "event": "Type d'événement d'Accueil, comme `visit.arrived`.",
        "id": "Chemin de l'identifiant du contact chez l'émetteur : le même dans tous les messages d'un contact.",
        "time": "Chemin de l'heure du fait : ISO 8601, ou secondes ou millisecondes depuis 1970.",
        "revision": "Chemin d'une valeur qui distingue les événements de ce type d'un même contact, si plusieurs messages "
        "peuvent signaler le même fait. L'identifiant de l'événement dépend alors du contact et de la révision. Sinon chaque "
        "message (`webhook-id`) donne un événement.",
        "site": "Chemin du site ; ses valeurs doivent figurer dans `labels`.",
        "service": "Chemin du service ; ses valeurs doivent figurer dans `labels`.",
        "phone": "Chemin du numéro de téléphone de l'usager.",
        "email": "Chemin de l'adresse électronique de l'usager.",
        "case": "Chemin du numéro du cas de l'usager.",
        "dossier": "Chemin du numéro du dossier en ligne de l'usager.",
        "rdv_user": "Chemin de l'identifiant de l'usager dans l'outil de rendez-vous.",
        "data": "Chemins des données de l'événement, par nom de champ dans l'événement : `queue = \"data.waiting_room\"`.",
    }

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

    french_descriptions: ClassVar = {
        "site": "Site des messages sans site.",
        "service": "Service des messages sans service.",
        "timezone": "Fuseau des heures sans décalage, comme `Europe/Paris`. À défaut, ces heures sont rejetées.",
        "daily_ids": "À activer si les identifiants de contact de l'émetteur recommencent chaque jour, comme les numéros de "
        "ticket. Le jour, dans `timezone`, fait alors partie de l'identifiant.",
        "region": "Pays des numéros de téléphone au format national.",
        "type": "Chemin du type de message.",
        "ignored": "Types de message qui ne concernent aucun contact.",
        "labels": "Noms des sites, services, files et autres valeurs dans les événements, par les noms de l'émetteur.",
        "types": "Correspondances par type de message de l'émetteur.",
    }
