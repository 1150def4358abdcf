"""Schema of the settings of the API."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PositiveInt, StringConstraints

from connectors.sdk.pseudonyms import Region
from models.envelope import Label
from models.locale import _
from models.roles import Role
from streams.settings.base import Port, Section

Sector = Annotated[Label, StringConstraints(min_length=1)]


class OtherServices(StrEnum):
    """Visibility of other services' entries for tokens that are limited to some services."""

    HIDDEN = "hidden"
    """Nothing is shown. A contact with the child welfare office concerns only its staff (data protection by default, GDPR
    article 25)."""
    OUTLINE = "outline"
    """Time, channel and state are shown, but neither place nor subject. A shared front desk can then say that a case is being
    worked on."""


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
    """Claim with the name of the user, for the audit log. Without a usable name, a token is refused."""
    rate_per_minute: PositiveInt = 120
    """Maximum requests per minute and user."""
    grants: Annotated[dict[str, Grant], Field(min_length=1)]
    """Role of the provider → permissions. If a user has several of these roles, the first one in this table counts."""


class Api(Section):
    """HTTP API of the citizens' timelines."""

    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0: all interfaces (behind a reverse proxy with TLS)."""
    port: Port = 8081
    hosts: tuple[str, ...] = ()
    """Host names used by a local reverse proxy. While `host` is local, only these, `host` and local names are answered."""
    url: str = ""
    """Public URL, such as `https://accueil.example.org/`; empty: `host` and `port`."""
    region: Region = "FR"
    """Country of national telephone numbers in look-ups."""
    other_services: OtherServices = OtherServices.HIDDEN
    """Access of a token restricted to some services to contacts of others: `hidden`, or `outline` (time, channel, state)."""
    across: tuple[SectorPair, ...] = ()
    """Exceptions to the separation of sectors, each with its reason."""
    threads: Annotated[int, Field(ge=1, le=64)] = 8
    """Maximum number of concurrent database queries."""
    unusual_citizens_per_hour: PositiveInt = 60
    """Citizens read by one token within an hour above which the metrics report unusual use."""
    idle_seconds: PositiveInt = 900
    """Time without input until the web page forgets the token and its content."""
    oidc: Oidc | None = None
    """OpenID provider, in addition to tokens."""

    def cross_sector_reason(self, sectors: Sequence[str], sector: str) -> str | None:
        """Return the legal basis on which clients of `sectors` may look up in the other sector `sector`; None if they may not."""
        return next(
            (pair.reason for pair in self.across if pair.to_sector == sector and pair.from_sector in sectors), None
        )
