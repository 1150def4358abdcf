"""Settings of the RDV connector."""

from typing import Annotated, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator

from connectors.sdk.config import Options, Sector
from connectors.sdk.pull import ServerUrl
from connectors.sdk.webhook.config import PushConfig
from models.envelope import Label
from models.locale import _

Number = Annotated[int, Field(ge=1, le=2**63 - 1)]
Secret = Annotated[SecretStr, Field(min_length=1)]


class Routing(Options):
    """Site, service, queue and sector of a group of appointments."""

    site: Label = ""
    """Site of the appointments."""
    service: Label = ""
    """Service of the appointments."""
    queue: Label = ""
    """Purpose of the appointments, as a queue."""
    sector: Label = ""
    """Sector whose key pseudonymises the citizens."""


class OAuth(Options):
    """OAuth application with the consent of an agent."""

    client_id: Annotated[str, StringConstraints(min_length=1)]
    """Identifier of the application at the RDV instance."""
    client_secret: Secret
    """Secret of the application. Set `client_secret_file` or `client_secret_env` instead of writing it here."""
    refresh_token: Secret
    """Refresh token from the agent's consent; later tokens are stored next to the cursor. Set `refresh_token_file` or
    `refresh_token_env` instead of writing it here."""


class Api(Options):
    """Access to the API, which finds changes missed by webhooks: with `oauth`, or with `email` and `password`."""

    oauth: OAuth | None = None
    """OAuth application with the consent of an agent."""
    email: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] | None = None
    """E-mail address of the agent account. Use a separate account, because each sign-in ends the previous session."""
    password: Secret | None = None
    """Password of the agent. Set `password_file` or `password_env` instead of writing it here."""
    url: ServerUrl = "https://www.rdv-solidarites.fr"
    """Address of the RDV instance."""
    round_seconds: Annotated[float, Field(ge=1, le=86_400)] = 600.0
    """Approximate interval between two polls of all appointments, in seconds."""
    page_seconds: Annotated[float, Field(ge=0, le=60)] = 1.5
    """Pause between two pages of 100 appointments, in seconds. The server refuses more than 50 requests a minute."""
    days_back: Annotated[int, Field(ge=0, le=730)] = 14
    """Past days whose appointments are polled, in addition to all future appointments."""

    @model_validator(mode="after")
    def _check_account(self) -> Self:
        if (self.email is None) != (self.password is None) or (self.oauth is None) == (self.email is None):
            raise ValueError(_("needs either oauth or email and password"))
        return self


class RdvConfig(PushConfig):
    """Settings of the organisations whose webhooks go to one address."""

    secret: Secret
    """Secret shared by the webhooks of all these organisations. Set `secret_file` or `secret_env` instead of writing it here."""
    previous_secret: Secret | None = None
    """Previous secret, accepted as long as it is set: remove it once all organisations use the new one. Set
    `previous_secret_file` or `previous_secret_env` instead of writing it here."""
    max_body_bytes: Annotated[int, Field(ge=1_024, le=16 << 20)] = 4 << 20
    """Longest request body, in bytes; longer ones are refused (413). 4 MiB hold about 1,000 participants."""
    sector: Sector = "general"
    """Sector whose key pseudonymises the citizens, unless a table below sets another one."""
    site: Label = ""
    """Site, unless a table below sets another one."""
    service: Label = ""
    """Service, unless a table below sets another one."""
    queue: Label = ""
    """Queue, unless a table below sets another one."""
    motifs: dict[Number, Routing] = Field(default_factory=dict)
    """Routing by the number of the *motif*. Overrides *lieu*, service and organisation."""
    lieux: dict[Number, Routing] = Field(default_factory=dict)
    """Routing by the number of the *lieu*. Overrides service and organisation."""
    services: dict[Number, Routing] = Field(default_factory=dict)
    """Routing by the number of the service of the *motif*. Overrides the organisation."""
    organisations: dict[Number, Routing] = Field(default_factory=dict)
    """Routing by the number of the organisation. The API is polled for the organisations listed here."""
    api: Api | None = None
    """Access to the API, which finds changes missed by webhooks. Default: only webhooks."""

    @model_validator(mode="after")
    def _check_organisations(self) -> Self:
        if self.api is not None and not self.organisations:
            raise ValueError(_("organisations must list the organisations to poll through the api"))
        return self

    @property
    def secrets(self) -> list[SecretStr]:
        """Accepted secrets, newest first."""
        return [secret for secret in (self.secret, self.previous_secret) if secret is not None]
