"""How one API key of JeDonneMonAvis is configured."""

from datetime import date
from typing import Annotated, ClassVar

from pydantic import Field

from connectors.sdk.config import ConnectorConfig, Options
from connectors.sdk.pull import ServerUrl, Token
from models.envelope import Label

Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


class Routing(Options):
    """Where a button stands, or what a form is about."""

    service: Label = ""
    """The service that is judged."""
    site: Label = ""
    """Where it is."""

    french_descriptions: ClassVar = {
        "service": "Le service qui est jugé.",
        "site": "Où il se trouve.",
    }


class Form(Routing):
    """One form."""

    buttons: dict[Number, Routing] = Field(default_factory=dict)
    """Where its buttons (links) stand, if that tells more: a QR code in each office, a link in each letter. By their numbers."""

    french_descriptions: ClassVar = {
        "buttons": "Où se trouvent ses boutons (liens), si cela en dit plus : un QR code par agence, un lien par courrier. Par "
        "numéro.",
    }


class JdmaConfig(ConnectorConfig):
    """The forms that one API key may read."""

    token: Token
    """The API key, of a service or of an organisation."""
    forms: Annotated[dict[Number, Form], Field(min_length=1)]
    """What is read, and what it is about, by the numbers of the forms."""
    url: ServerUrl = "https://jedonnemonavis.numerique.gouv.fr/api/open-api"
    """The address of the open API."""
    start: date | None = None
    """On a first start, opinions from before this day (UTC) are not read; all are if not given."""
    service: Label = ""
    """Service of forms that have none."""
    site: Label = ""
    """Site of forms that have none."""
    poll_seconds: Annotated[float, Field(ge=5, le=86_400)] = 300.0
    """How often it is asked what is new; a turn has one request per form, at least."""
    requests_per_minute: Annotated[float, Field(ge=1, le=60_000)] = 50.0
    """How often it asks at most, for history too. Of one key the server takes 60 requests a minute, whoever uses it."""
    settle_seconds: Annotated[float, Field(ge=0, le=86_400)] = 3_900.0
    """How old an opinion must be to be told: a citizen can change it for an hour. With less, what changes later is not told."""
    overlap_seconds: Annotated[float, Field(ge=1, le=86_400)] = 600.0
    """How far each turn looks back before the newest opinion it knows, for those that became visible late."""

    french_descriptions: ClassVar = {
        "token": "La clé d'API, d'un service ou d'une organisation.",
        "forms": "Ce qui est lu, et de quoi il s'agit, par numéro de formulaire.",
        "url": "L'adresse de l'API ouverte.",
        "start": "Au premier démarrage, les avis d'avant ce jour (UTC) ne sont pas lus ; à défaut, tous le sont.",
        "service": "Service des formulaires qui n'en ont pas.",
        "site": "Site des formulaires qui n'en ont pas.",
        "poll_seconds": "À quel intervalle on demande ce qui est nouveau ; un tour fait au moins une requête par formulaire.",
        "requests_per_minute": "Combien de requêtes sont faites au plus, pour l'historique aussi. D'une clé, le serveur en "
        "accepte 60 par minute, de qui que ce soit.",
        "settle_seconds": "Âge à partir duquel un avis est raconté : un usager peut le changer pendant une heure. Avec moins, ce "
        "qui change ensuite n'est pas raconté.",
        "overlap_seconds": "De combien chaque tour revient en arrière du dernier avis connu, pour ceux devenus visibles tard.",
    }
