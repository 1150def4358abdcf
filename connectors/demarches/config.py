"""How one token of Démarches simplifiées is configured."""

from datetime import date
from typing import Annotated, ClassVar, Final

from pydantic import Field

from connectors.sdk.config import ConnectorConfig, Options, Sector
from connectors.sdk.pull import ServerUrl, Token
from models.envelope import Label

LARGEST_PAGE: Final = 100
"""The server gives no more at a time."""
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


class Procedure(Options):
    """What one procedure is for."""

    label: Label = ""
    """Its name in events and figures; its number if not given."""
    service: Label = ""
    """The service that decides."""
    site: Label = ""
    """Where it is."""
    sector: Label = ""
    """Sector whose key makes the pseudonyms of those who apply; the instance's if not given."""

    french_descriptions: ClassVar = {
        "label": "Son nom dans les événements et les chiffres ; à défaut son numéro.",
        "service": "Le service qui décide.",
        "site": "Où il se trouve.",
        "sector": "Secteur dont la clé fait les pseudonymes des usagers ; à défaut celui de l'instance.",
    }


class DemarchesConfig(ConnectorConfig):
    """The procedures that one token may read."""

    token: Token
    """The API token of an administrateur, with read access to the procedures below."""
    procedures: Annotated[dict[Number, Procedure], Field(min_length=1)]
    """What is read, and what it is for, by the numbers of the procedures."""
    url: ServerUrl = "https://demarche.numerique.gouv.fr/api/v2/graphql"
    """The address of the GraphQL API."""
    start: date | None = None
    """On a first start, what did not change since this day (UTC) is not read; all is if not given."""
    sector: Sector = "general"
    """Sector whose key makes the pseudonyms: who applies in different sectors cannot be told to be the same."""
    site: Label = ""
    """Site of procedures that have none."""
    service: Label = ""
    """Service of procedures that have none."""
    poll_seconds: Annotated[float, Field(ge=5, le=86_400)] = 60.0
    """How often it is asked what is new."""
    page_size: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = 50
    """How many dossiers are asked for at a time; fewer if the server takes too long."""
    overlap_seconds: Annotated[float, Field(ge=1, le=86_400)] = 300.0
    """How far each turn looks back before the newest change it knows, for those that became visible late."""

    french_descriptions: ClassVar = {
        "token": "Le jeton d'API d'un administrateur, avec accès en lecture aux démarches ci-dessous.",
        "procedures": "Ce qui est lu, et à quoi cela sert, par numéro de démarche.",
        "url": "L'adresse de l'API GraphQL.",
        "start": "Au premier démarrage, ce qui n'a pas changé depuis ce jour (UTC) n'est pas lu ; à défaut, tout l'est.",
        "sector": "Secteur dont la clé fait les pseudonymes : d'un secteur à l'autre, on ne peut dire qu'un usager est le même.",
        "site": "Site des démarches qui n'en ont pas.",
        "service": "Service des démarches qui n'en ont pas.",
        "poll_seconds": "À quel intervalle on demande ce qui est nouveau.",
        "page_size": "Combien de dossiers sont demandés à la fois ; moins si le serveur met trop de temps.",
        "overlap_seconds": "De combien chaque tour revient en arrière du dernier changement connu, pour ceux devenus "
        "visibles tard.",
    }
