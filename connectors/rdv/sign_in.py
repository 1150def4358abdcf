"""Sign-in to the API with e-mail and password, which rdv-solidarites.fr still accepts, or with OAuth 2.0.

Sources: `docs/api/v1/description_api.md`, `app/controllers/api/v1/agent_auth_base_controller.rb` and
`config/initializers/doorkeeper.rb` of betagouv/rdv-service-public; RFC 6749, section 6.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from connectors.rdv.config import Api, OAuth
from connectors.sdk.files import replace
from connectors.sdk.pull import HttpClient
from models.locale import _

SIGN_IN: Final = "/api/v1/auth/sign_in"
SESSION: Final = ("access-token", "client", "uid")
"""Headers of the sign-in response, required in each request."""
SESSION_SECONDS: Final = 23 * 3600.0
"""Time until the session is renewed; the server accepts it for a day."""
TOKEN: Final = "/oauth/token"  # noqa: S105 - a path
MARGIN_SECONDS: Final = 60.0
"""Time before the expiry of an access token at which it is renewed."""


class Credentials(NamedTuple):
    """Request headers that authenticate the account, and their validity in seconds."""

    headers: Mapping[str, str]
    seconds: float


def sign_in(api: Api, server: HttpClient, directory: Path) -> Credentials | None:
    """Sign in as configured in `api`; return None for an unexpected response. OAuth refresh tokens are stored in `directory`.

    Raises `SourceUnavailableError`.
    """
    if api.oauth is not None:
        return _renew_token(api.oauth, server, directory / "oauth.json")
    assert api.password is not None
    account = {"email": api.email, "password": api.password.get_secret_value()}
    refused = _(
        "refuses the e-mail address or the password (401): check them, and check that they are those of an agent"
    )
    headers = server.ask("POST", SIGN_IN, json=account, refusals={401: refused}).headers
    if not all(name in headers for name in SESSION):
        return None
    return Credentials({name: headers[name] for name in SESSION}, SESSION_SECONDS)


def _refusals() -> dict[int, str]:
    """Return error status of the token route (RFC 6749, section 5.2) → message for the operator."""
    return {
        400: _("refuses the refresh_token (400): get the agent's consent again, and set the new token"),
        401: _("refuses the application (401): check client_id and client_secret"),
    }


class _Tokens(msgspec.Struct):
    access_token: str
    refresh_token: str
    expires_in: float = 7_200.0


class _SavedToken(msgspec.Struct):
    began_with: str
    """Digest of the configured token that this one descends from; with another configured token, it is ignored."""
    refresh_token: str


def _renew_token(oauth: OAuth, server: HttpClient, path: Path) -> Credentials | None:
    """Renew the access token; return None for an unexpected response. Each renewal gives the refresh token for the next one.

    The new refresh token is written to `path` before the access token is used. The server invalidates the old refresh token only
    on that use, so that after a crash one of the two is valid.
    """
    configured = oauth.refresh_token.get_secret_value()
    began_with = hashlib.sha256(configured.encode()).hexdigest()
    form = {
        "grant_type": "refresh_token",
        "refresh_token": _read_token(path, began_with) or configured,
        "client_id": oauth.client_id,
        "client_secret": oauth.client_secret.get_secret_value(),
    }
    content = server.ask("POST", TOKEN, data=form, refusals=_refusals()).content
    try:
        tokens = msgspec.json.decode(content, type=_Tokens)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    replace(path, msgspec.json.encode(_SavedToken(began_with, tokens.refresh_token)))
    headers = {"Authorization": f"Bearer {tokens.access_token}"}
    return Credentials(headers, max(0.0, tokens.expires_in - MARGIN_SECONDS))


def _read_token(path: Path, began_with: str) -> str:
    """Return the saved refresh token if it descends from the configured one, whose digest is `began_with`; else ""."""
    with suppress(FileNotFoundError, msgspec.DecodeError):
        saved = msgspec.json.decode(path.read_bytes(), type=_SavedToken)
        if saved.began_with == began_with:
            return saved.refresh_token
    return ""
