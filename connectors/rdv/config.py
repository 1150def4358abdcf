"""How appointments of RDV Service Public are configured."""

from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from connectors.sdk.config import Options, Sector
from connectors.sdk.i18n import say
from connectors.sdk.pull import ServerUrl
from connectors.sdk.webhook.config import PushConfig
from models.envelope import Label
from models.identities import normalise_email

Number = Annotated[int, Field(ge=1, le=2**63 - 1)]


def _check_secret(secret: SecretStr | None) -> SecretStr | None:
    if secret is not None and not secret.get_secret_value():
        raise ValueError(say("is empty", "est vide"))
    return secret


def _check_email(email: str) -> str:
    if normalise_email(email) is None:
        raise ValueError(say("must be an e-mail address", "attend une adresse électronique"))
    return email.strip()


Secret = Annotated[SecretStr, AfterValidator(_check_secret)]


class Routing(Options):
    """Whose the appointments are that have something in common."""

    site: Label = ""
    """Where they take place."""
    service: Label = ""
    """The service that receives."""
    queue: Label = ""
    """What they are for."""
    sector: Label = ""
    """Sector whose key makes the pseudonyms of those who come."""

    french_descriptions: ClassVar = {
        "site": "Où ils ont lieu.",
        "service": "Le service qui reçoit.",
        "queue": "Ce pour quoi ils sont pris.",
        "sector": "Secteur dont la clé fait les pseudonymes de ceux qui viennent.",
    }


class OAuth(Options):
    """An application that an agent let in."""

    client_id: Annotated[str, StringConstraints(min_length=1)]
    """Its identifier at the instance."""
    client_secret: Secret
    """Its secret. Give it as `client_secret_file` or `client_secret_env`."""
    refresh_token: Secret
    """The token that the agent's consent gave; those that follow it are kept beside the cursor. As `refresh_token_file` or
    `…_env` too."""

    french_descriptions: ClassVar = {
        "client_id": "Son identifiant auprès de l'instance.",
        "client_secret": "Son secret. À donner par `client_secret_file` ou `client_secret_env`.",
        "refresh_token": "Le jeton que l'accord de l'agent a donné ; ceux qui le suivent sont gardés à côté du curseur. "
        "De même par `refresh_token_file` ou `…_env`.",
    }


class Api(Options):
    """The API, which is asked for what no webhook told: by `oauth`, or by `email` and `password`."""

    oauth: OAuth | None = None
    """The application that asks, for an agent."""
    email: Annotated[str, AfterValidator(_check_email)] | None = None
    """E-mail address of the agent whose account it is; one of its own, since a sign-in ends the one before."""
    password: Secret | None = None
    """The agent's password. Give it as `password_file` or `password_env`."""
    url: ServerUrl = "https://www.rdv-solidarites.fr"
    """Address of the instance."""
    round_seconds: Annotated[float, Field(ge=1, le=86_400)] = 600.0
    """About how often it is asked for all appointments."""
    page_seconds: Annotated[float, Field(ge=0, le=60)] = 1.5
    """How long to wait between two pages of 100 appointments: it refuses more than 50 requests a minute."""
    days_back: Annotated[int, Field(ge=0, le=730)] = 14
    """How many days ago the appointments begin that it is asked for, as it is for all that are to come."""

    french_descriptions: ClassVar = {
        "oauth": "L'application qui demande, pour un agent.",
        "email": "Adresse électronique de l'agent du compte ; un compte à part : se connecter ferme la session précédente.",
        "password": "Le mot de passe de l'agent. À donner par `password_file` ou `password_env`.",
        "url": "Adresse de l'instance.",
        "round_seconds": "À peu près à quel intervalle on lui demande tous les rendez-vous.",
        "page_seconds": "Attente entre deux pages de 100 rendez-vous : elle refuse plus de 50 requêtes par minute.",
        "days_back": "Depuis combien de jours les rendez-vous demandés, outre tous ceux à venir.",
    }

    @model_validator(mode="after")
    def _check_account(self) -> Self:
        if (self.email is None) != (self.password is None) or (self.oauth is None) == (self.email is None):
            raise ValueError(
                say("needs either oauth, or email and password", "attend soit oauth, soit email et password")
            )
        return self


class RdvConfig(PushConfig):
    """The organisations that send to one address."""

    secret: Secret
    """The secret that the webhooks of all these organisations share. Give it as `secret_file` or `secret_env`."""
    previous_secret: Annotated[SecretStr | None, AfterValidator(_check_secret)] = None
    """The secret before, which counts as well until all have the new one. As `previous_secret_file` or `…_env` too."""
    max_body_bytes: Annotated[int, Field(ge=1_024, le=16 << 20)] = 4 << 20
    """Longest body; a longer one is refused (413). A webhook holds each participant twice: 4 MiB are for some 1,000 of them."""
    sector: Sector = "general"
    """Sector whose key makes the pseudonyms, where no table below says otherwise."""
    site: Label = ""
    """Site, where no table below says otherwise."""
    service: Label = ""
    """Service, where no table below says otherwise."""
    queue: Label = ""
    """Queue, where no table below says otherwise."""
    motifs: dict[Number, Routing] = Field(default_factory=dict)
    """What holds for appointments of a motif, by its number. It goes before what lieu, service and organisation say."""
    lieux: dict[Number, Routing] = Field(default_factory=dict)
    """What holds at a lieu, by its number. It goes before what service and organisation say."""
    services: dict[Number, Routing] = Field(default_factory=dict)
    """What holds for the motifs of a service, by its number. It goes before what the organisation says."""
    organisations: dict[Number, Routing] = Field(default_factory=dict)
    """What holds in an organisation, by its number; those that are here are asked for by the API."""
    api: Api | None = None
    """If given, it is asked too, for what no webhook told."""

    french_descriptions: ClassVar = {
        "secret": "Le secret commun aux webhooks de toutes ces organisations. À donner par `secret_file` ou `secret_env`.",
        "previous_secret": "Le secret d'avant, valable aussi jusqu'à ce que toutes aient le nouveau. De même par "
        "`previous_secret_file` ou `…_env`.",
        "max_body_bytes": "Taille maximale d'un corps ; au-delà il est refusé (413). Un webhook contient deux fois chaque "
        "participant : 4 Mio suffisent pour environ 1 000.",
        "sector": "Secteur dont la clé fait les pseudonymes, sauf si une table ci-dessous en dit autrement.",
        "site": "Site, sauf si une table ci-dessous en dit autrement.",
        "service": "Service, sauf si une table ci-dessous en dit autrement.",
        "queue": "File, sauf si une table ci-dessous en dit autrement.",
        "motifs": "Ce qui vaut pour un motif, par son numéro. Passe avant lieu, service et organisation.",
        "lieux": "Ce qui vaut en un lieu, par son numéro. Passe avant service et organisation.",
        "services": "Ce qui vaut pour les motifs d'un service, par son numéro. Passe avant l'organisation.",
        "organisations": "Ce qui vaut dans une organisation, par son numéro ; celles qui sont ici sont demandées à l'API.",
        "api": "Si elle est donnée, elle est interrogée aussi, pour ce qu'aucun webhook n'a dit.",
    }

    @model_validator(mode="after")
    def _check_organisations(self) -> Self:
        if self.api is not None and not self.organisations:
            raise ValueError(
                say(
                    "organisations must name those that the api is asked for",
                    "organisations doit nommer celles à demander à l'api",
                )
            )
        return self

    @property
    def secrets(self) -> list[SecretStr]:
        """The secrets that count, the newest first."""
        return [secret for secret in (self.secret, self.previous_secret) if secret is not None]
