"""Schema of the settings of the API."""

from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PositiveInt, StringConstraints

from connectors.sdk.pseudonyms import Region
from models.envelope import Label
from models.locale import _
from streams.access.oidc_options import Grant as GrantOptions
from streams.access.oidc_options import OidcOptions
from streams.access.permissions import Role
from streams.api.options import ApiOptions, CrossSectorRule, OtherServices
from streams.settings.base import Port, Section

_API: Final = ApiOptions()
"""Defaults of the API."""
Sector = Annotated[Label, StringConstraints(min_length=1)]


class SectorPair(Section):
    """Permission for tokens of one sector to look up citizens in another sector."""

    from_sector: Sector
    """Sector of the token."""
    to_sector: Sector
    """Sector it may look up and read."""
    reason: Annotated[str, StringConstraints(min_length=10, max_length=200, pattern=r"^[^\x00-\x1f]*$")]
    """Legal basis, recorded in the audit log with each such access."""


def _check_issuer(issuer: str) -> str:
    parsed = urlsplit(issuer)
    is_local = parsed.hostname in {"localhost", "127.0.0.1", "::1"}
    if not parsed.hostname or (parsed.scheme != "https" and not (parsed.scheme == "http" and is_local)):
        raise ValueError(_("must be https://…"))
    return issuer


class Grant(Section):
    """Permissions of a role of the OpenID provider."""

    role: Role
    sectors: Annotated[tuple[Sector, ...], Field(min_length=1)]
    services: tuple[Sector, ...] = ()
    """Empty: all services."""


class Oidc(Section):
    """OpenID provider whose tokens are accepted in addition to those of `accueil tokens`."""

    issuer: Annotated[str, AfterValidator(_check_issuer)]
    """Expected claim `iss`."""
    audience: Annotated[str, StringConstraints(min_length=1)]
    """Expected claim `aud`."""
    role_claim: Annotated[str, StringConstraints(min_length=1)] = "roles"
    """Claim with the roles; dots separate nested keys: `realm_access.roles`."""
    name_claim: Annotated[str, StringConstraints(min_length=1)] = "sub"
    """Claim with the name of the user, for the audit log."""
    rate_per_minute: PositiveInt = 120
    """Maximum requests per minute and user."""
    grants: Annotated[dict[str, Grant], Field(min_length=1)]
    """Role of the provider → permissions; if a user has several, the first one counts."""

    def to_oidc_options(self) -> OidcOptions:
        """Return the options of the token check."""
        grants = {name: GrantOptions(**grant.model_dump()) for name, grant in self.grants.items()}
        return OidcOptions(**self.model_dump(exclude={"grants"}), grants=grants)


class Api(Section):
    """HTTP API of the citizens' timelines."""

    host: str = _API.host
    """Address to listen on; 0.0.0.0: all interfaces (behind a reverse proxy with TLS)."""
    port: Port = _API.port
    hosts: tuple[str, ...] = _API.hosts
    """Host names used by a local reverse proxy. While `host` is local, requests for other names are refused."""
    url: str = ""
    """Public URL, such as `https://accueil.example.org/`; empty: `host` and `port`."""
    region: Region = _API.region
    """Country of national telephone numbers."""
    other_services: OtherServices = _API.other_services
    """Access of a token restricted to some services to contacts of others: `hidden`, or `outline` (time, channel, state)."""
    across: tuple[SectorPair, ...] = ()
    """Exceptions to the separation of sectors, each with its reason."""
    threads: Annotated[int, Field(ge=1, le=64)] = _API.threads
    """Concurrent database queries."""
    unusual_citizens_per_hour: PositiveInt = _API.unusual_citizens_per_hour
    """Citizens read by one token within an hour above which the metrics report unusual use."""
    idle_seconds: PositiveInt = _API.idle_seconds
    """Time without input until the web page forgets the token and its content."""
    oidc: Oidc | None = None
    """OpenID provider, in addition to tokens."""

    def to_api_options(self, **others: Any) -> ApiOptions:
        """Return the options of the API; `others` come from other sections."""
        own = self.model_dump(exclude={"url", "across", "oidc"})
        return ApiOptions(**own, across=tuple(CrossSectorRule(**pair.model_dump()) for pair in self.across), **others)
