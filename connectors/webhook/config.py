"""How one sender of webhooks is configured."""

from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from connectors.sdk.config import Options
from connectors.sdk.config_errors import suggest
from connectors.sdk.i18n import say
from connectors.sdk.pseudonyms import Region
from connectors.sdk.webhook.config import SignedConfig
from connectors.sdk.webhook.field_paths import FieldPath, MaybeZone
from connectors.webhook.vocabulary import EVENT_MODELS, data_fields
from models.envelope import Label


def _is_an_event(name: str) -> str:
    if name not in EVENT_MODELS:
        raise ValueError(
            say("is no event of Accueil", "n'est pas un événement d'Accueil") + suggest(name, EVENT_MODELS)
        )
    return name


Word = Annotated[str, StringConstraints(min_length=1, pattern=r"^\S+$")]
EventType = Annotated[str, AfterValidator(_is_an_event)]


class MessageTypeOptions(Options):
    """What one type of message means."""

    event: EventType
    """The event of Accueil that it is, as `visit.arrived`."""
    id: FieldPath
    """Where the sender's id of the contact is: all messages about one contact have the same."""
    time: FieldPath = "timestamp"
    """Where the time is at which it happened: ISO 8601, or seconds or milliseconds since 1970."""
    revision: FieldPath | None = None
    """Where that is which tells apart two such events of one contact, if a fact can be told by several messages: the event is
    then one by contact and revision. Otherwise each message (`webhook-id`) is an event."""
    site: FieldPath | None = None
    """Where the site is, by a name that `labels` has."""
    service: FieldPath | None = None
    """Where the service is, by a name that `labels` has."""
    phone: FieldPath | None = None
    """Where the citizen's phone number is."""
    email: FieldPath | None = None
    """Where the citizen's e-mail address is."""
    case: FieldPath | None = None
    """Where the number of the citizen's case is."""
    dossier: FieldPath | None = None
    """Where the number of the citizen's online dossier is."""
    rdv_user: FieldPath | None = None
    """Where the citizen's id in the appointment system is."""
    data: dict[str, FieldPath] = Field(default_factory=dict)
    """Where what else the event has is, by its names in the event: `queue = "data.waiting_room"`."""

    french_descriptions: ClassVar = {
        "event": "L'événement d'Accueil que c'est, comme `visit.arrived`.",
        "id": "Où se trouve l'identifiant du contact : le même dans tous les messages d'un contact.",
        "time": "Où se trouve l'heure du fait : ISO 8601, ou secondes ou millisecondes depuis 1970.",
        "revision": "Où se trouve ce qui distingue deux événements pareils d'un contact, si plusieurs messages peuvent dire le "
        "même fait : l'événement est alors un par contact et révision. Sinon chaque message (`webhook-id`) en est un.",
        "site": "Où se trouve le site, par un nom que `labels` connaît.",
        "service": "Où se trouve le service, par un nom que `labels` connaît.",
        "phone": "Où se trouve le numéro de téléphone de l'usager.",
        "email": "Où se trouve l'adresse électronique de l'usager.",
        "case": "Où se trouve le numéro du cas de l'usager.",
        "dossier": "Où se trouve le numéro du dossier en ligne de l'usager.",
        "rdv_user": "Où se trouve l'identifiant de l'usager dans l'outil de rendez-vous.",
        "data": "Où se trouve ce que l'événement a d'autre, par ses noms dans l'événement : `queue = \"data.waiting_room\"`.",
    }

    @model_validator(mode="after")
    def _check_data(self) -> Self:
        fields = data_fields(self.event)
        for name in self.data:
            if name not in fields:
                unknown = say(f"data.{name} is not in {self.event}", f"data.{name} n'est pas dans {self.event}")
                raise ValueError(unknown + suggest(name, fields, "data."))
        for name, field in fields.items():
            if field.is_required() and name not in self.data:
                raise ValueError(
                    say(f"{self.event} needs data.{name}", f"{self.event} a besoin de data.{name}"),
                )
        return self


class WebhookConfig(SignedConfig):
    """One sender of signed webhooks."""

    site: Label = ""
    """Site of messages that name none."""
    service: Label = ""
    """Service of messages that name none."""
    timezone: MaybeZone = ""
    """Zone of times that come without one, as `Europe/Paris`; if not given, they are rejected."""
    daily_ids: bool = False
    """Whether the sender's ids of contacts begin anew each day, as tickets do: the day, in `timezone`, is then part of them."""
    region: Region = "FR"
    """Country whose national way of writing phone numbers the sender has."""
    type: FieldPath = "type"
    """Where the type of a message is."""
    ignored: tuple[Word, ...] = ()
    """Types that say nothing about contacts."""
    labels: dict[str, Label] = Field(default_factory=dict)
    """What sites, services, queues and other words are called in events, by what the sender calls them."""
    types: dict[str, MessageTypeOptions] = Field(min_length=1)
    """What the types of messages mean, by the sender's names of them."""

    french_descriptions: ClassVar = {
        "site": "Site des messages qui n'en nomment pas.",
        "service": "Service des messages qui n'en nomment pas.",
        "timezone": "Fuseau des heures qui n'en ont pas, comme `Europe/Paris` ; à défaut, elles sont rejetées.",
        "daily_ids": "Si les identifiants de l'émetteur recommencent chaque jour, comme ceux des tickets : le jour, dans "
        "`timezone`, en fait alors partie.",
        "region": "Pays dont l'émetteur suit l'écriture des numéros.",
        "type": "Où se trouve le type d'un message.",
        "ignored": "Types qui ne disent rien des contacts.",
        "labels": "Noms des sites, services, files et autres mots dans les événements, par ce que l'émetteur les appelle.",
        "types": "Sens des types de messages, par les noms de l'émetteur.",
    }
