"""Options of an OpenID provider and the permissions that its roles grant."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.access.permissions import Role


@dataclass(frozen=True, slots=True)
class Grant:
    """Permissions that a role of the provider grants."""

    role: Role
    sectors: tuple[str, ...]
    services: tuple[str, ...] = ()
    """Empty: all services."""


@dataclass(frozen=True, slots=True)
class OidcOptions:
    """Options of the OpenID provider."""

    issuer: str
    audience: str
    """Expected audience. Tokens for other audiences are refused."""
    role_claim: str = "roles"
    """Path of the claim with the roles; dots lead into objects, such as Keycloak's `realm_access.roles`."""
    name_claim: str = "sub"
    """Claim with the name of the holder, for the audit log."""
    rate_per_minute: int = 120
    grants: Mapping[str, Grant] = field(default_factory=dict)
    """Role of the provider → permissions. If a token has several roles, the first in this order applies."""
