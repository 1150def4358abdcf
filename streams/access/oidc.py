"""Bearer tokens of an OpenID provider: signed by one of its keys, for us, and mapped to what their holders may do.

OpenID Connect Discovery 1.0 says where the keys are, RFC 7519 and RFC 8725 what of a token is checked. The provider is asked for
its keys alone, never about a token: one that it takes back is good until it expires, so let it live for minutes.
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

from connectors.sdk.i18n import say
from streams.access.oidc_options import OidcOptions
from streams.access.tokens import Token, TokensError

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
"""Signatures by the provider's private key. None that we could make ourselves (HS256), nor none at all."""
LEEWAY_SECONDS: Final = 30
"""Our clock and the provider's may differ by this."""
KEEP_SECONDS: Final = 3600
"""Keys are fetched again when they are so old, and before that if a token names one that is not among them …"""
KEY_REFETCH_SECONDS: Final = 30
"""… but not more often than this: tokens are made up by anybody."""
OLDEST_SECONDS: Final = 86_400
"""Older keys are good for nothing, though the provider is away: it may have taken one back, and its tokens are of minutes ago."""
FETCH_SECONDS: Final = 5
MAX_BYTES: Final = 1 << 20
_WHO: Final = re.compile(r"[A-Za-z0-9._@|+/:-]{1,120}")

log = structlog.get_logger(__name__)


class Provider:
    """One OpenID provider, whose keys are kept for a while."""

    def __init__(self, options: OidcOptions, clock: Callable[[], float] = time.monotonic) -> None:
        self._options, self._clock = options, clock
        self._keys: KeySet | None = None
        self._fetched_at = self._tried_at = -float("inf")
        self._fetching = asyncio.Lock()
        self._claims = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": options.issuer},
            aud={"essential": True, "value": options.audience},
            exp={"essential": True},
            sub={"essential": True},
        )

    async def authenticate(self, text: str) -> Token | None:
        """Return what the holder of a token may do; None if it is not a valid one, or means nothing here.

        Raises `TokensError` if the provider's keys cannot be had.
        """
        claims = await self._read(text)
        if claims is None:
            return None
        who, roles = claims.get(self._options.name_claim), _find(claims, self._options.role_claim)
        grant = next((one for name, one in self._options.grants.items() if name in roles), None)
        if grant is None or not isinstance(who, str) or not _WHO.fullmatch(who):
            return None
        return Token(
            name=f"oidc:{who}",
            sha256="",
            role=grant.role,
            sectors=grant.sectors,
            services=grant.services,
            rate_per_minute=self._options.rate_per_minute,
            created_at=0,
            expires_at=int(claims["exp"]) * 1000,
        )

    async def _read(self, text: str) -> dict[str, Any] | None:
        """Return what a token says, None if it is not a valid one: anybody may send anything, also what a library trips over."""
        keys = self._usable_keys
        if keys is None or self._is_due(KEEP_SECONDS):
            keys = await self._fetch(KEEP_SECONDS)
        try:
            return self._check(text, keys)
        except InvalidKeyIdError:  # the provider may have a new one: who names it waits for it, nobody else
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
        """Return keys that are at most so old; or older ones while the provider is away, or was asked just now."""
        async with self._fetching:
            if self._is_due(oldest_seconds):
                now = self._tried_at = self._clock()
                try:
                    self._keys, self._fetched_at = await fetch_keys(self._options.issuer), now
                except (httpx.HTTPError, JoseError, ValueError, KeyError, TypeError) as error:
                    log.warning("provider_away", error=type(error).__name__)
            keys = self._usable_keys
            if keys is None:
                raise TokensError(
                    say("the OpenID provider's keys cannot be had", "les clés du fournisseur OpenID sont indisponibles")
                )
            return keys


async def fetch_keys(issuer: str) -> KeySet:
    """Return a provider's keys. Raises `httpx.HTTPError`, `JoseError`, `ValueError`, `KeyError` and `TypeError`."""
    async with httpx.AsyncClient(timeout=FETCH_SECONDS, follow_redirects=False) as client:
        told = await _get(client, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if told["issuer"] != issuer:
            raise ValueError("another issuer")
        place = told["jwks_uri"]
        if urlsplit(place).scheme != urlsplit(issuer).scheme:
            raise ValueError("keys in the open")
        return KeySet.import_key_set(await _get(client, place))


async def _get(client: httpx.AsyncClient, url: str) -> Any:
    response = await client.get(url)
    response.raise_for_status()
    if len(response.content) > MAX_BYTES:
        raise ValueError("too large")
    return response.json()


def _find(claims: Mapping[str, Any], path: str) -> list[str]:
    """Return the texts at a place that is named by dots; none if there is nothing of the kind."""
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    several = found if isinstance(found, list) else [found]
    return [one for one in several if isinstance(one, str)]
