"""Settings of one token of Démarches simplifiées."""

from datetime import date
from typing import Annotated, Final

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
