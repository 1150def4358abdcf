"""Settings of one API key of JeDonneMonAvis."""

from datetime import date
from typing import Annotated, ClassVar

from pydantic import Field

from connectors.sdk.config import ConnectorConfig, Options
from connectors.sdk.pull import ServerUrl, Token
from models.envelope import Label

Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


class Routing(Options):
    """Service and site of a button or form."""

    service: Label = ""
    """Service that the reviews are about."""
    site: Label = ""
    """Site of the service."""

    french_descriptions: ClassVar = {
        "service": "Service que concernent les avis.",
        "site": "Site du service.",
    }


class Form(Routing):
    """Settings of one form."""

    buttons: dict[Number, Routing] = Field(default_factory=dict)
    """Service and site of individual buttons (links), by button number, for example for a QR code in each office."""

    french_descriptions: ClassVar = {
        "buttons": "Service et site de certains boutons (liens), par numéro de bouton, par exemple pour un QR code par agence.",
    }


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
    poll_seconds: Annotated[float, Field(ge=5, le=86_400)] = 300.0
    """Interval between polls, in seconds. Each poll makes at least one request per form."""
    requests_per_minute: Annotated[float, Field(ge=1, le=60_000)] = 50.0
    """Most requests per minute. The server accepts 60 per minute for each key, from all clients together."""
    settle_seconds: Annotated[float, Field(ge=0, le=86_400)] = 3_900.0
    """Age at which a review is published, in seconds. Citizens can change a review for an hour; later changes are not
    published."""

    french_descriptions: ClassVar = {
        "token": "Clé d'API d'un service ou d'une organisation.",
        "forms": "Formulaires à lire, par numéro de formulaire.",
        "url": "Adresse de l'API ouverte.",
        "start": "Le premier démarrage ignore les avis d'avant ce jour (UTC). À défaut, tous sont lus.",
        "service": "Service des formulaires qui n'en ont pas.",
        "site": "Site des formulaires qui n'en ont pas.",
        "poll_seconds": "Intervalle entre deux relevés, en secondes. Chaque relevé fait au moins une requête par formulaire.",
        "requests_per_minute": "Nombre maximal de requêtes par minute. Le serveur en accepte 60 par minute pour chaque clé, tous "
        "clients compris.",
        "settle_seconds": "Âge auquel un avis est publié, en secondes. Un usager peut changer son avis pendant une heure ; les "
        "changements ultérieurs ne sont pas publiés.",
    }
