"""Settings of one token of Démarches simplifiées."""

from datetime import date
from typing import Annotated, ClassVar, Final

from pydantic import Field

from connectors.sdk.config import ConnectorConfig, Options, Sector
from connectors.sdk.pull import ServerUrl, Token
from models.envelope import Label

LARGEST_PAGE: Final = 100
"""Largest page of the server, in dossiers."""
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


class Procedure(Options):
    """Label, service, site and sector of one procedure."""

    label: Label = ""
    """Name of the procedure in events and figures. Default: its number."""
    service: Label = ""
    """Service that decides on the dossiers."""
    site: Label = ""
    """Site of the service."""
    sector: Label = ""
    """Sector whose key pseudonymises the applicants. Default: the sector of the instance."""

    french_descriptions: ClassVar = {
        "label": "Nom de la démarche dans les événements et les chiffres. À défaut, son numéro.",
        "service": "Service qui décide des dossiers.",
        "site": "Site du service.",
        "sector": "Secteur dont la clé sert aux pseudonymes des usagers. À défaut, celui de l'instance.",
    }


class DemarchesConfig(ConnectorConfig):
    """Settings for the procedures that one token may read."""

    token: Token
    """API token of an *administrateur*, with read access to the procedures below."""
    procedures: Annotated[dict[Number, Procedure], Field(min_length=1)]
    """Procedures to read, by procedure number."""
    url: ServerUrl = "https://demarche.numerique.gouv.fr/api/v2/graphql"
    """Address of the GraphQL API."""
    start: date | None = None
    """The first start skips dossiers unchanged since this day (UTC). Default: read all dossiers."""
    sector: Sector = "general"
    """Sector whose key pseudonymises the applicants. Dossiers of different sectors cannot be linked to one person."""
    site: Label = ""
    """Site of procedures without one."""
    service: Label = ""
    """Service of procedures without one."""
    poll_seconds: Annotated[float, Field(ge=5, le=86_400)] = 60.0
    """Interval between polls, in seconds."""
    page_size: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = 50
    """Dossiers per request. Reduce it if the server needs too long."""

    french_descriptions: ClassVar = {
        "token": "Jeton d'API d'un *administrateur*, avec accès en lecture aux démarches ci-dessous.",
        "procedures": "Démarches à lire, par numéro de démarche.",
        "url": "Adresse de l'API GraphQL.",
        "start": "Le premier démarrage ignore les dossiers inchangés depuis ce jour (UTC). À défaut, tous sont lus.",
        "sector": "Secteur dont la clé sert aux pseudonymes des usagers. Les dossiers de secteurs différents ne peuvent pas être "
        "rapprochés d'une même personne.",
        "site": "Site des démarches qui n'en ont pas.",
        "service": "Service des démarches qui n'en ont pas.",
        "poll_seconds": "Intervalle entre deux relevés, en secondes.",
        "page_size": "Dossiers par requête. À réduire si le serveur met trop de temps.",
    }
