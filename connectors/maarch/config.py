"""How one Maarch Courrier is configured."""

from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import Field, SecretStr, StringConstraints, ValidationInfo, field_validator

from connectors.sdk.config import ConnectorConfig, Options, Sector, Zone
from connectors.sdk.i18n import say
from connectors.sdk.pseudonyms import Region
from connectors.sdk.pull import ServerUrl, Token
from models.envelope import Label
from models.events import PostageClass

Meaning = Literal["open", "answered", "archived", "resolved", "rejected", "duplicate", "redirected", "no_action"]
"""What a status means: being dealt with, answered, closed with an outcome, or archived, which is closed as it was before."""
StatusCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,10}$")]
EntityId = Annotated[str, StringConstraints(min_length=1, max_length=50)]
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


class Routing(Options):
    """Whose a letter is."""

    service: Label = ""
    """The service that deals with it."""
    site: Label = ""
    """Where that is."""

    french_descriptions: ClassVar = {"service": "Le service qui le traite.", "site": "Où il se trouve."}


class Entity(Routing):
    """What one entity of Maarch is."""

    sector: Label = ""
    """Sector whose key makes the pseudonyms of its senders; the instance's if not given."""

    french_descriptions: ClassVar = {
        "sector": "Secteur dont la clé fait les pseudonymes de ses expéditeurs ; à défaut celui de l'instance."
    }


class Postage(Options):
    """Which custom fields tell what outgoing mail cost."""

    class_field: Number
    """Number of the custom field with the class of postage."""
    cost_field: Number
    """Number of the custom field with the cost, in euros."""
    classes: Annotated[dict[str, PostageClass], Field(min_length=1)]
    """Classes of postage, by what the custom field calls them."""

    french_descriptions: ClassVar = {
        "class_field": "Numéro du champ personnalisé de la classe d'affranchissement.",
        "cost_field": "Numéro du champ personnalisé du coût, en euros.",
        "classes": "Classes d'affranchissement, par ce que le champ personnalisé les appelle.",
    }


class MaarchConfig(ConnectorConfig):
    """The letters that one user of Maarch may see."""

    url: ServerUrl
    """The address of Maarch, as in `https://courrier.example.org/mem`: without `/rest`."""
    login: str = ""
    """The user to ask as, of the mode `rest` (web services)."""
    password: SecretStr | None = None
    """The user's password."""
    token: Annotated[Token | None, Field(validate_default=True)] = None
    """In place of login and password, a bearer token, as gateways before Maarch give."""
    entities: dict[EntityId, Entity] = Field(default_factory=dict)
    """What the entities that deal with letters are, by their identifiers in Maarch (`entity_id`, as in `DGS`)."""
    doctypes: dict[Number, Routing] = Field(default_factory=dict)
    """Service and site by the numbers of document types, where the entity does not tell them."""
    statuses: dict[StatusCode, Meaning] = Field(default_factory=dict)
    """What statuses mean: those that Maarch does not bring, or that you use otherwise."""
    answered_when_resolved: bool = False
    """Whether what is closed as `resolved` was answered then, if nothing told that before."""
    models: tuple[Number, ...] = ()
    """Numbers of the indexing models of letters; all if not given. E-mails and forms that Maarch takes in have others."""
    postage: Postage | None = None
    """Where outgoing mail tells its postage; if not given, outgoing mail is not read."""
    case_field: Number | None = None
    """Number of the custom field with the number of the citizen's case."""
    senders: bool = True
    """Whether the senders' e-mail addresses and phone numbers are asked for, to become pseudonyms."""
    receipts: bool = True
    """Whether it is asked when acknowledgements of receipt were sent."""
    sector: Sector = "general"
    """Sector whose key makes the pseudonyms: senders of different sectors cannot be told to be the same."""
    service: Label = ""
    """Service of letters of which neither entity nor document type tells one."""
    site: Label = ""
    """Site of letters of which neither entity nor document type tells one."""
    timezone: Zone = "Europe/Paris"
    """Zone of Maarch's database, whose times have none."""
    region: Region = "FR"
    """Country whose national way of writing phone numbers contacts have."""
    start: date | None = None
    """On a first start, what did not change since this day is not read; all is if not given."""
    poll_seconds: Annotated[float, Field(ge=5, le=86_400)] = 60.0
    """How often it is asked what changed."""
    recheck_seconds: Annotated[float, Field(ge=60, le=604_800)] = 3600.0
    """How often all open letters are looked at, for changes that left no date."""
    page_size: Annotated[int, Field(ge=1, le=1000)] = 200
    """How many letters are asked for at a time."""
    overlap_seconds: Annotated[float, Field(ge=1, le=86_400)] = 300.0
    """How far each turn looks back before the newest change it knows, for those that became visible late."""

    french_descriptions: ClassVar = {
        "url": "L'adresse de Maarch, comme `https://courrier.example.org/mem` : sans `/rest`.",
        "login": "L'utilisateur au nom duquel demander, de mode `rest` (web services).",
        "password": "Le mot de passe de cet utilisateur.",
        "token": "Au lieu de l'utilisateur et du mot de passe, un jeton « bearer », comme en donnent des passerelles devant "
        "Maarch.",
        "entities": "Ce que sont les entités qui traitent les courriers, par leur identifiant dans Maarch (`entity_id`, comme "
        "`DGS`).",
        "doctypes": "Service et site par numéro de type de document, là où l'entité ne les dit pas.",
        "statuses": "Sens des statuts : ceux que Maarch n'apporte pas, ou que vous employez autrement.",
        "answered_when_resolved": "Si ce qui est clos comme `resolved` a reçu réponse alors, quand rien ne l'a dit avant.",
        "models": "Numéros des modèles d'enregistrement des courriers ; à défaut, tous. Les courriels et formulaires que Maarch "
        "reçoit aussi en ont d'autres.",
        "postage": "Où le courrier départ dit son affranchissement ; à défaut, le courrier départ n'est pas lu.",
        "case_field": "Numéro du champ personnalisé qui a le numéro du cas de l'usager.",
        "senders": "Si l'on demande courriels et téléphones des expéditeurs, pour en faire des pseudonymes.",
        "receipts": "Si l'on demande quand des accusés de réception sont partis.",
        "sector": "Secteur dont la clé fait les pseudonymes : d'un secteur à l'autre, un expéditeur n'est pas reconnu.",
        "service": "Service des courriers dont ni l'entité ni le type de document n'en dit.",
        "site": "Site des courriers dont ni l'entité ni le type de document n'en dit.",
        "timezone": "Fuseau de la base de Maarch, dont les heures n'en ont pas.",
        "region": "Pays dont les contacts suivent l'écriture nationale des numéros de téléphone.",
        "start": "Au premier démarrage, ce qui n'a pas changé depuis ce jour n'est pas lu ; à défaut, tout l'est.",
        "poll_seconds": "À quel intervalle on demande ce qui a changé.",
        "recheck_seconds": "À quel intervalle on regarde tous les courriers ouverts, pour les changements sans date.",
        "page_size": "Combien de courriers sont demandés à la fois.",
        "overlap_seconds": "De combien chaque tour revient en arrière du dernier changement connu, pour ceux devenus "
        "visibles tard.",
    }

    @field_validator("token")
    @classmethod
    def _check_way_in(cls, token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if {"login", "password"} <= info.data.keys():
            by_password = bool(info.data["login"] and info.data["password"])
            if by_password == bool(token):
                raise ValueError(
                    say("must be given, or else login and password", "est à donner, ou sinon login et password")
                )
        return token
