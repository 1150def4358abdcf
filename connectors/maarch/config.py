"""Settings of one Maarch Courrier."""

from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import Field, SecretStr, StringConstraints, ValidationInfo, field_validator

from connectors.sdk.config import ConnectorConfig, Options, Sector, Zone
from connectors.sdk.pseudonyms import Region
from connectors.sdk.pull import ServerUrl, Token
from models.envelope import Label
from models.events import PostageClass
from models.locale import _

Meaning = Literal["open", "answered", "archived", "resolved", "rejected", "duplicate", "redirected", "no_action"]
"""Meaning of a status. `archived` keeps the outcome of a closed letter and closes others as `resolved`; the values after it are
outcomes of a closed letter."""
StatusCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,10}$")]
EntityId = Annotated[str, StringConstraints(min_length=1, max_length=50)]
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


class Routing(Options):
    """Service and site of a letter."""

    service: Label = ""
    """Service that handles the letter."""
    site: Label = ""
    """Site of the service."""

    french_descriptions: ClassVar = {"service": "Service qui traite le courrier.", "site": "Site du service."}


class Entity(Routing):
    """Service, site and sector of one Maarch entity."""

    sector: Label = ""
    """Sector whose key pseudonymises the senders. Default: the sector of the instance."""

    french_descriptions: ClassVar = {
        "sector": "Secteur dont la clé sert aux pseudonymes des expéditeurs. À défaut, celui de l'instance."
    }


class Postage(Options):
    """Custom fields with the postage of outgoing mail."""

    class_field: Number
    """Number of the custom field with the class of postage."""
    cost_field: Number
    """Number of the custom field with the cost, in euros."""
    classes: Annotated[dict[str, PostageClass], Field(min_length=1)]
    """Classes of postage, by their names in the custom field."""

    french_descriptions: ClassVar = {
        "class_field": "Numéro du champ personnalisé de la classe d'affranchissement.",
        "cost_field": "Numéro du champ personnalisé du coût, en euros.",
        "classes": "Classes d'affranchissement, par leur nom dans le champ personnalisé.",
    }


class MaarchConfig(ConnectorConfig):
    """Settings for the letters that one Maarch user may see."""

    url: ServerUrl
    """Address of Maarch without `/rest`, for example `https://courrier.example.org/mem`."""
    login: str = ""
    """Maarch user with the mode `rest` (web services)."""
    password: SecretStr | None = None
    """Password of this user."""
    token: Annotated[Token | None, Field(validate_default=True)] = None
    """Bearer token, used instead of login and password, for example with a gateway in front of Maarch."""
    entities: dict[EntityId, Entity] = Field(default_factory=dict)
    """Service, site and sector of the Maarch entities that handle letters, by `entity_id`, for example `DGS`."""
    doctypes: dict[Number, Routing] = Field(default_factory=dict)
    """Service and site by document type number, used where the entity has none."""
    statuses: dict[StatusCode, Meaning] = Field(default_factory=dict)
    """Meanings of statuses that you added to Maarch or use in another way."""
    answered_when_resolved: bool = False
    """Whether a letter closed as `resolved` without an earlier answer also counts as answered."""
    models: tuple[Number, ...] = ()
    """Numbers of the indexing models of letters. Default: all. E-mails and forms in Maarch have other models."""
    postage: Postage | None = None
    """Custom fields with the postage of outgoing mail. Default: outgoing mail is not read."""
    case_field: Number | None = None
    """Number of the custom field with the citizen's case number."""
    senders: bool = True
    """Whether to request e-mail addresses and phone numbers of senders, which become pseudonyms."""
    receipts: bool = True
    """Whether to request the times of acknowledgements of receipt."""
    sector: Sector = "general"
    """Sector whose key pseudonymises the senders. Letters of different sectors cannot be linked to one person."""
    service: Label = ""
    """Service of letters without one from their entity or document type."""
    site: Label = ""
    """Site of letters without one from their entity or document type."""
    timezone: Zone = "Europe/Paris"
    """Time zone of Maarch's database, which stores local times."""
    region: Region = "FR"
    """Country of phone numbers written without a country code."""
    start: date | None = None
    """The first start skips letters unchanged since this day. Default: read all letters."""
    poll_seconds: Annotated[float, Field(ge=5, le=86_400)] = 60.0
    """Interval between polls for changed letters, in seconds."""
    recheck_seconds: Annotated[float, Field(ge=60, le=604_800)] = 3600.0
    """Interval between checks of all open letters for changes without a date, in seconds."""
    page_size: Annotated[int, Field(ge=1, le=1000)] = 200
    """Letters per request."""
    overlap_seconds: Annotated[float, Field(ge=1, le=86_400)] = 300.0
    """Time that each poll reads again before the newest known change, for changes that became visible late."""

    french_descriptions: ClassVar = {
        "url": "Adresse de Maarch sans `/rest`, par exemple `https://courrier.example.org/mem`.",
        "login": "Utilisateur de Maarch, de mode `rest` (web services).",
        "password": "Mot de passe de cet utilisateur.",
        "token": "Jeton « bearer », utilisé à la place de l'identifiant et du mot de passe, par exemple avec une passerelle "
        "devant Maarch.",
        "entities": "Service, site et secteur des entités de Maarch qui traitent les courriers, par `entity_id`, par exemple "
        "`DGS`.",
        "doctypes": "Service et site par numéro de type de document, lorsque l'entité n'en a pas.",
        "statuses": "Sens des statuts que vous avez ajoutés à Maarch ou que vous employez autrement.",
        "answered_when_resolved": "Si un courrier clos comme `resolved` sans réponse antérieure compte aussi comme répondu.",
        "models": "Numéros des modèles d'enregistrement des courriers. À défaut, tous. Les courriels et formulaires de Maarch "
        "ont d'autres modèles.",
        "postage": "Champs personnalisés de l'affranchissement du courrier départ. À défaut, le courrier départ n'est pas lu.",
        "case_field": "Numéro du champ personnalisé qui contient le numéro de dossier de l'usager.",
        "senders": "S'il faut demander les adresses électroniques et téléphones des expéditeurs, qui deviennent des pseudonymes.",
        "receipts": "S'il faut demander les heures des accusés de réception.",
        "sector": "Secteur dont la clé sert aux pseudonymes des expéditeurs. Les courriers de secteurs différents ne peuvent pas "
        "être rapprochés d'une même personne.",
        "service": "Service des courriers auxquels ni l'entité ni le type de document n'en donne.",
        "site": "Site des courriers auxquels ni l'entité ni le type de document n'en donne.",
        "timezone": "Fuseau de la base de Maarch, qui contient des heures locales.",
        "region": "Pays des numéros de téléphone écrits sans indicatif.",
        "start": "Le premier démarrage ignore les courriers inchangés depuis ce jour. À défaut, tous sont lus.",
        "poll_seconds": "Intervalle entre deux relevés des courriers modifiés, en secondes.",
        "recheck_seconds": "Intervalle entre deux examens de tous les courriers ouverts, pour les changements sans date, en "
        "secondes.",
        "page_size": "Courriers par requête.",
        "overlap_seconds": "Durée relue par chaque relevé avant le dernier changement connu, pour les changements devenus "
        "visibles tard.",
    }

    @field_validator("token")
    @classmethod
    def _check_credentials(cls, token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if {"login", "password"} <= info.data.keys():
            by_password = bool(info.data["login"] and info.data["password"])
            if by_password == bool(token):
                raise ValueError(_("set either this or login and password"))
        return token
