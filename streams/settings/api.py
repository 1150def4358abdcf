"""What can be set of the API: names, kinds, bounds and defaults."""

from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PositiveInt, StringConstraints

from connectors.sdk.pseudonyms import Region
from models.envelope import Label
from streams.access.oidc_options import Grant as GrantOptions
from streams.access.oidc_options import OidcOptions
from streams.access.permissions import Role
from streams.api.options import ApiOptions, CrossSectorRule, OtherServices
from streams.locale.i18n import say
from streams.settings.base import Port, Section

_API: Final = ApiOptions()
"""What the API does if it is told nothing: its defaults have their home there."""
Sector = Annotated[Label, StringConstraints(min_length=1)]


class SectorPair(Section):
    """A look-up from one sector into another, for tokens that have the first alone."""

    from_sector: Sector
    """Sector of the token."""
    to_sector: Sector
    """Sector in which it may look up, and read."""
    reason: Annotated[str, StringConstraints(min_length=10, max_length=200, pattern=r"^[^\x00-\x1f]*$")]
    """The legal basis; stands in the audit with each such access."""


def _check_issuer(issuer: str) -> str:
    parsed = urlsplit(issuer)
    is_here = parsed.hostname in {"localhost", "127.0.0.1", "::1"}
    if not parsed.hostname or (parsed.scheme != "https" and not (parsed.scheme == "http" and is_here)):
        raise ValueError(say("must be https://…", "attend https://…"))
    return issuer


class Grant(Section):
    """What the holder of a role of the provider's may do."""

    role: Role
    sectors: Annotated[tuple[Sector, ...], Field(min_length=1)]
    services: tuple[Sector, ...] = ()
    """None: all."""


class Oidc(Section):
    """An OpenID provider whose tokens are taken beside those of `accueil tokens`."""

    issuer: Annotated[str, AfterValidator(_check_issuer)]
    """As its tokens name it."""
    audience: Annotated[str, StringConstraints(min_length=1)]
    """As its tokens name us."""
    role_claim: Annotated[str, StringConstraints(min_length=1)] = "roles"
    """Where roles stand in them; dots lead into objects: `realm_access.roles`."""
    name_claim: Annotated[str, StringConstraints(min_length=1)] = "sub"
    """Who it is, for the audit."""
    rate_per_minute: PositiveInt = 120
    """Requests a minute at most, each person."""
    grants: Annotated[dict[str, Grant], Field(min_length=1)]
    """Role of the provider's → what it means here; of several the first counts."""

    def to_oidc_options(self) -> OidcOptions:
        """Return this as who checks tokens takes it."""
        grants = {name: GrantOptions(**grant.model_dump()) for name, grant in self.grants.items()}
        return OidcOptions(**self.model_dump(exclude={"grants"}), grants=grants)


class Api(Section):
    """Citizens' timelines over HTTP."""

    host: str = _API.host
    """Where to listen; 0.0.0.0 for everywhere (put a reverse proxy with TLS before it)."""
    port: Port = _API.port
    hosts: tuple[str, ...] = _API.hosts
    """Names by which a reverse proxy on this machine asks: as long as `host` is local, only these and its own are answered."""
    url: str = ""
    """By which people reach it, as in `https://accueil.example.org/`; empty: by `host` and `port`."""
    region: Region = _API.region
    """Country whose national way of writing telephone numbers is meant."""
    other_services: OtherServices = _API.other_services
    """What of other services a token sees that is for some services only: nothing, or when, in what channel and how it stands."""
    across: tuple[SectorPair, ...] = ()
    """Sectors do not mix, but where such a pair says so, with its reason."""
    threads: Annotated[int, Field(ge=1, le=64)] = _API.threads
    """Questions that are put to the database at once."""
    unusual_citizens_per_hour: PositiveInt = _API.unusual_citizens_per_hour
    """More citizens than this whom one token reads within an hour are unusual: the metrics tell it."""
    idle_seconds: PositiveInt = _API.idle_seconds
    """The page forgets a token, and all that it shows, after so long without a key or a touch."""
    oidc: Oidc | None = None
    """An OpenID provider whose tokens are taken too."""

    def to_api_options(self, **others: Any) -> ApiOptions:
        """Return this as the API takes it, with what other settings say."""
        own = self.model_dump(exclude={"url", "across", "oidc"})
        return ApiOptions(**own, across=tuple(CrossSectorRule(**pair.model_dump()) for pair in self.across), **others)
