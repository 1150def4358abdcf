"""Tokens of an OpenID provider: a real one on 127.0.0.1 with changing keys."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest
from joserfc.jwk import OctKey, RSAKey

from models.roles import Role
from streams.access.oidc import KEEP_SECONDS, KEY_REFETCH_SECONDS, OLDEST_SECONDS, Provider
from streams.access.tokens import Token, TokensError
from streams.settings.api import Grant, Oidc
from tests.support.issuer import Issuer
from tests.support.processes import wait_until

GRANTS: Final = {
    "dpo": Grant(role=Role.DPO, sectors=("general", "social")),
    "guichet": Grant(role=Role.AGENT, sectors=("general",), services=("rsa",)),
}


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    running = Issuer()
    yield running
    running.close()


def encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def provider_of(issuer: Issuer, clock: Clock | None = None, **others: Any) -> Provider:
    return Provider(Oidc(issuer=issuer.url, audience="accueil", **{"grants": GRANTS} | others), clock or Clock())


def authenticate(provider: Provider, *texts: str) -> list[Token | None]:
    async def all_of_them() -> list[Token | None]:
        return [await provider.authenticate(text) for text in texts]

    return asyncio.run(all_of_them())


def test_token_gets_the_permissions_of_its_role(issuer: Issuer) -> None:
    (token,) = authenticate(provider_of(issuer), issuer.sign())
    assert token
    assert (token.name, token.role, token.sectors, token.services) == (
        "oidc:agent-7",
        Role.AGENT,
        ("general",),
        ("rsa",),
    )


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({"roles": ["guichet", "dpo"]}, Role.DPO),
        ({"roles": "guichet"}, Role.AGENT),
        ({"roles": ["other"]}, None),
        ({"roles": []}, None),
        ({"roles": None}, None),
        ({"roles": {"guichet": True}}, None),
        ({"sub": "a b"}, None),
        ({"sub": ""}, None),
        ({"sub": None}, None),
        ({"aud": ["other", "accueil"]}, Role.AGENT),
    ],
)
def test_first_configured_role_applies(issuer: Issuer, claims: dict[str, Any], role: Role | None) -> None:
    (token,) = authenticate(provider_of(issuer), issuer.sign(**claims))
    assert (token and token.role) == role


def test_claims_of_roles_and_name_are_configurable(issuer: Issuer) -> None:
    provider = provider_of(issuer, role_claim="realm_access.roles", name_claim="preferred_username")
    token, none = authenticate(
        provider,
        issuer.sign(roles=None, realm_access={"roles": ["dpo"]}, preferred_username="camille"),
        issuer.sign(preferred_username="camille"),
    )
    assert (token and token.name, none) == ("oidc:camille", None)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "other"},
        {"aud": None},
        {"aud": ["other"]},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"exp": -60},
        {"exp": None},
        {"exp": "tomorrow"},
        {"nbf": 600},
    ],
    ids=str,
)
def test_foreign_or_expired_token_is_refused(issuer: Issuer, claims: dict[str, Any]) -> None:
    """Times are seconds from now."""
    claims = {name: int(time.time()) + value if isinstance(value, int) else value for name, value in claims.items()}
    assert authenticate(provider_of(issuer), issuer.sign(**claims)) == [None]


def test_foreign_signature_is_refused(issuer: Issuer) -> None:
    stranger = RSAKey.generate_key(2048, {"kid": "first"})
    right = issuer.sign()
    head, body, signature = right.split(".")
    by_public_key = f"{encode(json.dumps({'alg': 'HS256', 'kid': 'first'}).encode())}.{body}"
    public = issuer.keys[0].as_pem(private=False)
    other = issuer.sign(roles=["dpo"]).split(".")[1]
    forged = [
        issuer.sign(stranger),
        issuer.sign(OctKey.generate_key(256, {"kid": "first"}), {"alg": "HS256"}),
        f"{by_public_key}.{encode(hmac.digest(public, by_public_key.encode(), 'sha256'))}",  # the key is public
        f"{encode(json.dumps({'alg': 'none'}).encode())}.{body}.",
        f"{encode(json.dumps({'alg': 'none', 'kid': 'first'}).encode())}.{body}.{signature}",
        f"{head}.{other}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}",
        "a.b.c",
        "..",
        "",
        "é.è.à",
    ]
    assert authenticate(provider_of(issuer), *forged) == [None] * len(forged)
    assert authenticate(provider_of(issuer), right) != [None]


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "RS256", "kid": "first", "crit": 1},
        {"alg": "RS256", "kid": "first", "crit": [[]]},
        {"alg": ["RS256"], "kid": "first"},
        {"alg": "RS256", "kid": ["first"]},
        {"alg": "RS256", "kid": "first", "b64": False, "crit": ["b64"]},
        {"alg": "RS256", "kid": "first", "x5c": 1, "jwk": 1, "typ": 1},
        {"alg": None},
        {},
        [],
        None,
        "RS256",
    ],
    ids=str,
)
def test_invalid_header_is_refused(issuer: Issuer, header: Any) -> None:
    _, body, signature = issuer.sign().split(".")
    assert authenticate(provider_of(issuer), f"{encode(json.dumps(header).encode())}.{body}.{signature}") == [None]


def test_unterminated_header_is_refused(issuer: Issuer) -> None:
    assert authenticate(provider_of(issuer), f"{encode(b'[' * 100_000)}.{encode(b'{}')}.{encode(b'?')}") == [None]


@pytest.mark.parametrize(("seconds", "kid"), [(KEY_REFETCH_SECONDS, "unknown"), (KEEP_SECONDS, "first")])
def test_known_key_does_not_wait_for_a_fetch(issuer: Issuer, seconds: int, kid: str) -> None:
    clock = Clock()
    provider = provider_of(issuer, clock)

    async def check_waits() -> None:
        assert await provider.authenticate(issuer.sign())
        before = issuer.requests
        clock.now += seconds + 1
        issuer.answers.clear()
        first = asyncio.create_task(provider.authenticate(issuer.sign(RSAKey.generate_key(2048, {"kid": kid}))))
        await asyncio.to_thread(wait_until, lambda: issuer.requests > before, "the fetch of the keys")
        assert await provider.authenticate(issuer.sign())
        assert not first.done()
        issuer.answers.set()
        assert await first is None

    asyncio.run(check_waits())


def test_unknown_key_triggers_a_fetch(issuer: Issuer) -> None:
    clock = Clock()
    provider = provider_of(issuer, clock)

    async def rotate() -> None:
        assert await provider.authenticate(issuer.sign())
        issuer.keys.append(RSAKey.generate_key(2048, {"kid": "second"}))
        assert await provider.authenticate(issuer.sign()) is None  # the keys were just fetched
        clock.now += KEY_REFETCH_SECONDS + 1
        assert await provider.authenticate(issuer.sign())
        old = issuer.sign(issuer.keys[0])
        assert await provider.authenticate(old)
        del issuer.keys[0]
        clock.now += KEEP_SECONDS + 1
        assert await provider.authenticate(old) is None

    asyncio.run(rotate())


def test_forged_tokens_do_not_cause_repeated_fetches(issuer: Issuer) -> None:
    stranger = RSAKey.generate_key(2048, {"kid": "unknown"})
    assert authenticate(provider_of(issuer), *[issuer.sign(stranger)] * 20) == [None] * 20
    assert issuer.requests == 2  # discovery and keys


def test_keys_are_kept_during_an_outage_and_required(issuer: Issuer) -> None:
    clock = Clock()
    provider = provider_of(issuer, clock)

    async def interrupt() -> None:
        issuer.is_away = True
        with pytest.raises(TokensError):
            await provider.authenticate(issuer.sign())
        issuer.is_away = False
        clock.now += KEY_REFETCH_SECONDS + 1
        assert await provider.authenticate(issuer.sign())
        issuer.is_away = True
        clock.now += KEEP_SECONDS + 1
        assert await provider.authenticate(issuer.sign())
        clock.now += OLDEST_SECONDS
        for _ in range(2):  # the second attempt is not sent
            with pytest.raises(TokensError):
                await provider.authenticate(issuer.sign())
        issuer.is_away = False
        clock.now += KEY_REFETCH_SECONDS + 1
        assert await provider.authenticate(issuer.sign())

    asyncio.run(interrupt())


def test_keys_of_another_issuer_are_refused(issuer: Issuer) -> None:
    issuer.claimed_url = "https://evil.example"
    with pytest.raises(TokensError):
        authenticate(provider_of(issuer), issuer.sign())
