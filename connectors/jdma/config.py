"""Settings of one API key of JeDonneMonAvis."""

from datetime import date
from typing import Annotated

from pydantic import Field

from connectors.sdk.config import ConnectorConfig, Options, Sector
from connectors.sdk.pull import ServerUrl, Token
from models.envelope import Label

Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


class Routing(Options):
    """Service and site of a button or form."""

    service: Label = ""
    """Service that the reviews are about."""
    site: Label = ""
    """Site of the service."""


class Form(Routing):
    """Settings of one form."""

    buttons: dict[Number, Routing] = Field(default_factory=dict)
    """Service and site of individual buttons (links), by button number, for example for a QR code in each office."""


class JdmaConfig(ConnectorConfig):
    """Settings for the forms that one API key may read."""

    token: Token
    """API key of a service or an organisation."""
    forms: Annotated[dict[Number, Form], Field(min_length=1)]
    """Forms to read, by form number."""
    url: ServerUrl = "https://jedonnemonavis.numerique.gouv.fr/api/open-api"
    """Address of the open API."""
    start: date | None = None
    """The first start skips reviews from before this day (UTC). Default: read all reviews."""
    service: Label = ""
    """Service of forms without one."""
    site: Label = ""
    """Site of forms without one."""
    sector: Sector = "general"
    """Sector whose key hides the numbers of reviews. Choose that of your other connectors, to have one key."""
    poll_seconds: Annotated[float, Field(ge=5, le=86_400)] = 300.0
    """Interval between polls, in seconds. Each poll makes at least one request per form."""
    settle_seconds: Annotated[float, Field(ge=0, le=86_400)] = 3_900.0
    """Age at which a review is published, in seconds. Citizens can change a review for an hour; later changes are not
    published."""
