"""Authentication by bearer tokens of an OpenID provider.

A token must be signed by one of the provider's keys and issued for Accueil; its roles map to permissions (`api.oidc`). The keys'
location is found by OpenID Connect Discovery 1.0; the checks follow RFC 7519 and RFC 8725. Accueil requests only the discovery
document and the keys from the provider, never the state of a token. A revoked token stays valid until it expires, so tokens
should live for minutes.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from models.locale import _
from streams.access.tokens import Token, TokensError
from streams.settings.api import Oidc

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
"""Accepted signature algorithms: asymmetric ones only. HS256 would let Accueil sign tokens itself; `none` is unsigned."""
LEEWAY_SECONDS: Final = 30
"""Tolerated difference between the provider's clock and the local clock, in seconds."""
KEEP_SECONDS: Final = 3600
"""Age of the keys after which they are fetched again, in seconds. A token with an unknown key id triggers it earlier."""
KEY_REFETCH_SECONDS: Final = 30
"""Shortest time between two fetches of the keys, in seconds: forged tokens must not cause more requests."""
OLDEST_SECONDS: Final = 86_400
"""Age after which keys are no longer used, in seconds, even if the provider is unavailable: a key may have been revoked."""
FETCH_SECONDS: Final = 5
MAX_BYTES: Final = 1 << 20
_NAME: Final = re.compile(r"[A-Za-z0-9._@|+/:-]{1,120}")

log = structlog.get_logger(__name__)


class Provider:
    """One OpenID provider and its cached keys."""

    def __init__(self, settings: Oidc, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._clock = settings, clock
        self._keys: KeySet | None = None
        self._fetched_at = self._tried_at = -float("inf")
        self._fetching = asyncio.Lock()
        self._claims = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "value": settings.audience},
            exp={"essential": True},
            sub={"essential": True},
        )

    async def authenticate(self, text: str) -> Token | None:
        """Return the holder as a `Token` named `oidc:<name>`, with the first configured grant for one of the token's roles.

        None if the token or its name is not valid, or no role has a grant. Raises `TokensError` if the provider's keys are
        unavailable.
        """
        claims = await self._read(text)
        if claims is None:
            return None
        name, roles = claims.get(self._settings.name_claim), _find_texts(claims, self._settings.role_claim)
        grant = next((grant for role, grant in self._settings.grants.items() if role in roles), None)
        if grant is None or not isinstance(name, str) or not _NAME.fullmatch(name):
            return None
        return Token(
            name=f"oidc:{name}",
            sha256="",
            role=grant.role,
            sectors=grant.sectors,
            services=grant.services,
            rate_per_minute=self._settings.rate_per_minute,
            created_at=0,
            expires_at=int(claims["exp"]) * 1000,
        )

    async def _read(self, text: str) -> dict[str, Any] | None:
        """Return the claims of a token; None if it is invalid, also if the library fails on it. Raises `TokensError`."""
        keys = self._usable_keys
        if keys is None or self._is_due(KEEP_SECONDS):
            keys = await self._fetch(KEEP_SECONDS)
        try:
            return self._check(text, keys)
        except InvalidKeyIdError:  # perhaps a new key: only requests with unknown key ids wait for the fetch
            keys = await self._fetch(KEY_REFETCH_SECONDS)
        except Exception:  # noqa: BLE001
            return None
        with suppress(Exception):
            return self._check(text, keys)
        return None

    def _check(self, text: str, keys: KeySet) -> dict[str, Any]:
        claims = jwt.decode(text, keys, algorithms=ALGORITHMS).claims
        self._claims.validate(claims)
        return claims

    @property
    def _usable_keys(self) -> KeySet | None:
        return self._keys if self._clock() - self._fetched_at <= OLDEST_SECONDS else None

    def _is_due(self, oldest_seconds: float) -> bool:
        now = self._clock()
        return now - self._fetched_at > oldest_seconds and now - self._tried_at > KEY_REFETCH_SECONDS

    async def _fetch(self, oldest_seconds: float) -> KeySet:
        """Return the keys; first fetch them if they are older than `oldest_seconds`, at most once in `KEY_REFETCH_SECONDS`.

        If that fails, return the known keys. Raise `TokensError` if they are older than `OLDEST_SECONDS`, or none are known.
        """
        async with self._fetching:
            if self._is_due(oldest_seconds):
                now = self._tried_at = self._clock()
                try:
                    self._keys, self._fetched_at = await fetch_keys(self._settings.issuer), now
                except (httpx.HTTPError, JoseError, ValueError, KeyError, TypeError) as error:
                    log.warning("provider_away", error=type(error).__name__)
            keys = self._usable_keys
            if keys is None:
                raise TokensError(_("the OpenID provider's keys are unavailable"))
            return keys


async def fetch_keys(issuer: str) -> KeySet:
    """Return a provider's keys. Raises `httpx.HTTPError`, `JoseError`, `ValueError`, `KeyError` and `TypeError`."""
    async with httpx.AsyncClient(timeout=FETCH_SECONDS, follow_redirects=False) as client:
        discovered = await _get(client, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if discovered["issuer"] != issuer:
            raise ValueError("issuer differs")
        keys_url = discovered["jwks_uri"]
        if urlsplit(keys_url).scheme != urlsplit(issuer).scheme:
            raise ValueError("keys over another scheme")
        return KeySet.import_key_set(await _get(client, keys_url))


async def _get(client: httpx.AsyncClient, url: str) -> Any:
    response = await client.get(url)
    response.raise_for_status()
    if len(response.content) > MAX_BYTES:
        raise ValueError("too large")
    return response.json()


def _find_texts(claims: Mapping[str, Any], path: str) -> list[str]:
    """Return the text, or the texts in the list, at a path whose names are separated by dots; empty if there is none."""
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    values = found if isinstance(found, list) else [found]
    return [value for value in values if isinstance(value, str)]
