"""What roles of an OpenID provider mean here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.access.permissions import Role


@dataclass(frozen=True, slots=True)
class Grant:
    """What the holder of a role of the provider's may do here."""

    role: Role
    sectors: tuple[str, ...]
    services: tuple[str, ...] = ()
    """None: all."""


@dataclass(frozen=True, slots=True)
class OidcOptions:
    """Which provider, and what its roles mean."""

    issuer: str
    audience: str
    """Tokens for others are refused."""
    role_claim: str = "roles"
    """Where the roles stand; dots lead into objects, as in Keycloak's `realm_access.roles`."""
    name_claim: str = "sub"
    """Who it is, for the audit."""
    rate_per_minute: int = 120
    grants: Mapping[str, Grant] = field(default_factory=dict)
    """Role of the provider's → what it means here; of several the first in this order counts."""
