"""Credentials of requests: HTTP Basic, bearer token, API key, OAuth 2.0 client credentials, signed query."""

import base64
import hmac
import secrets
import time
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, quote_plus, urlencode

import httpx
import msgspec

from connectors.http.config import AuthOptions, KeyAuth, OAuth2Auth, SignedAuth
from connectors.sdk.pull import HttpClient
from models.locale import _

MARGIN_SECONDS: Final = 60.0
"""Time before its expiry at which a token is renewed."""
MARGIN: Final = 0.2
"""Largest such time, as a fraction of the token's validity."""
DEFAULT_SECONDS: Final = 300.0
"""Validity of a token whose server does not name it."""
LONGEST_SECONDS: Final = 86_400.0
"""Time after which a token is renewed even if it is valid longer."""


class HeaderAuth(httpx.Auth):
    """Adds a header to each request."""

    def __init__(self, name: str, value: str) -> None:
        self._name = name
        self.value = value

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yield the request with the header."""
        request.headers[self._name] = self.value
        yield request


class ParameterAuth(httpx.Auth):
    """Adds a parameter to the URL of each request."""

    def __init__(self, name: str, value: str) -> None:
        self._name, self._value = name, value

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yield the request with the parameter."""
        request.url = request.url.copy_set_param(self._name, self._value)
        yield request


class SignatureAuth(httpx.Auth):
    """Signs the query string of each request, as `wcs/api_utils.py` of Publik verifies it."""

    def __init__(self, options: SignedAuth) -> None:
        self._orig = options.orig
        self._key = options.secret.get_secret_value().encode()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yield the request with the signature."""
        query = sign_query(
            request.url.query.decode("ascii"), self._orig, self._key, datetime.now(UTC), secrets.token_hex(16)
        )
        request.url = request.url.copy_with(query=query.encode("ascii"))
        yield request


def sign_query(query: str, orig: str, key: bytes, at: datetime, nonce: str) -> str:
    """Return a query string with the parameters of its signature, HMAC-SHA-256 over all that precedes `&signature=`."""
    signed = {"orig": orig, "algo": "sha256", "timestamp": f"{at:%Y-%m-%dT%H:%M:%SZ}", "nonce": nonce}
    query = f"{query}&{urlencode(signed)}" if query else urlencode(signed)
    signature = base64.b64encode(hmac.digest(key, query.encode(), "sha256")).decode()
    return f"{query}&signature={quote(signature, safe='')}"


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float | None = None


class TokenRenewal:
    """Access token of OAuth 2.0 client credentials, renewed before it expires. Kept in memory only."""

    def __init__(self, options: OAuth2Auth) -> None:
        self.auth = HeaderAuth("Authorization", "")
        self._options = options
        self._server = HttpClient(options.token_url)
        self._renew_at = 0.0
        self._is_proven = False

    @property
    def is_due(self) -> bool:
        """True if there is no token, or it expires soon."""
        return time.monotonic() >= self._renew_at

    @property
    def is_proven(self) -> bool:
        """True if the server of the list has accepted this token."""
        return self._is_proven

    def accept(self) -> None:
        """Record that the server of the list has accepted this token."""
        self._is_proven = True

    def discard(self) -> None:
        """Forget the token, which the server no longer accepts."""
        self._renew_at, self._is_proven = 0.0, False

    def renew(self) -> None:
        """Request a token. Raises `SourceUnavailableError`."""
        options = self._options
        form = {"grant_type": "client_credentials", **options.params}
        if options.scope:
            form["scope"] = options.scope
        client_id, client_secret = options.client_id, options.client_secret.get_secret_value()
        headers = {}
        if options.credentials_in == "header":
            # RFC 6749, section 2.3.1: both are encoded as in a form first
            pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": client_id, "client_secret": client_secret}
        answer = self._server.ask("POST", data=form, headers=headers, refusals=_refusals())
        token = _read_token(answer.content)
        if token is None:
            raise self._server.refusal(_("auth.oauth2.token_url: the response has no token; is the address right?"))
        self.auth.value = f"Bearer {token.access_token}"
        self._renew_at, self._is_proven = time.monotonic() + _usable_seconds(token.expires_in), False

    def close(self) -> None:
        """Close the connection."""
        self._server.close()


def make_auth(options: AuthOptions) -> httpx.Auth:
    """Return the credentials of all methods other than OAuth 2.0."""
    if options.basic:
        return httpx.BasicAuth(options.basic.user, options.basic.password.get_secret_value())
    if options.bearer:
        return HeaderAuth("Authorization", f"Bearer {options.bearer.token.get_secret_value()}")
    if options.key:
        return _key_auth(options.key)
    assert options.signed is not None  # checked by the options
    return SignatureAuth(options.signed)


def _key_auth(options: KeyAuth) -> httpx.Auth:
    secret = options.secret.get_secret_value()
    if options.header is not None:
        return HeaderAuth(options.header, secret)
    assert options.parameter is not None  # checked by the options
    return ParameterAuth(options.parameter, secret)


def _read_token(content: bytes) -> _Token | None:
    try:
        token = msgspec.convert(
            msgspec.json.decode(content), _Token, strict=False
        )  # some servers send numbers as texts
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    text = token.access_token
    return token if text.isascii() and text.isprintable() and text and " " not in text else None


def _usable_seconds(expires_in: float | None) -> float:
    """Return the time after which a token is renewed."""
    seconds = min(max(DEFAULT_SECONDS if expires_in is None else expires_in, 0.0), LONGEST_SECONDS)
    return seconds - min(MARGIN_SECONDS, MARGIN * seconds)


def _refusals() -> dict[int, str]:
    """Return status of the token server (RFC 6749, section 5.2) → message for the operator."""
    return {
        400: _(
            "refuses the token request (400): check client_id, client_secret, scope and credentials_in of auth.oauth2"
        ),
        **{
            status: _("refuses the client ({status}): check client_id and client_secret of auth.oauth2", status=status)
            for status in (401, 403)
        },
    }
