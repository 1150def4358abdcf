"""Whose account asks the API: by e-mail and password, as the first instance still takes it, or by OAuth 2.0.

Sources: `docs/api/v1/description_api.md`, `app/controllers/api/v1/agent_auth_base_controller.rb` and
`config/initializers/doorkeeper.rb` of betagouv/rdv-service-public; RFC 6749, section 6.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from connectors.rdv.config import Api, OAuth
from connectors.sdk.files import replace
from connectors.sdk.i18n import say
from connectors.sdk.pull import HttpClient

SIGN_IN: Final = "/api/v1/auth/sign_in"
SESSION: Final = ("access-token", "client", "uid")
"""The headers that a sign-in gives, and that each request is to have."""
SESSION_SECONDS: Final = 23 * 3600.0
"""They are good for a day."""
TOKEN: Final = "/oauth/token"  # noqa: S105 - a path
MARGIN_SECONDS: Final = 60.0


class Credentials(NamedTuple):
    """Who asks is known by these headers, for so long."""

    headers: Mapping[str, str]
    seconds: float


SignIn = Callable[[HttpClient], Credentials | None]
"""Signs in; None if the answer is not as documented. Raises `SourceUnavailableError`."""


def make_sign_in(api: Api, directory: Path) -> SignIn:
    """Return how to sign in. What has to be remembered for it is in `directory`."""
    if api.oauth is not None:
        return _Renewal(api.oauth, directory / "oauth.json")
    assert api.password is not None
    account = {"email": api.email, "password": api.password.get_secret_value()}

    refused = say(
        "refuses the e-mail address or the password (401): are they right, and those of an agent?",
        "refuse l'adresse électronique ou le mot de passe (401) : sont-ils justes, et ceux d'un agent ?",
    )

    def sign_in(server: HttpClient) -> Credentials | None:
        given = server.ask("POST", SIGN_IN, json=account, refusals={401: refused}).headers
        if not all(name in given for name in SESSION):
            return None
        return Credentials({name: given[name] for name in SESSION}, SESSION_SECONDS)

    return sign_in


def _refusals() -> dict[int, str]:
    """Return what is wrong if no token is given: RFC 6749, section 5.2."""
    return {
        400: say(
            "refuses the refresh_token (400): let the agent consent again, and give the new one",
            "refuse le refresh_token (400) : faire redonner son accord à l'agent, et donner le nouveau",
        ),
        401: say(
            "refuses the application (401): are client_id and client_secret right?",
            "refuse l'application (401) : client_id et client_secret sont-ils justes ?",
        ),
    }


class _Tokens(msgspec.Struct):
    access_token: str
    refresh_token: str
    expires_in: float = 7_200.0


class _Kept(msgspec.Struct):
    began_with: str
    """Digest of the configured token that it came from: another one begins anew."""
    refresh_token: str


class _Renewal:
    """Renews an access token. Each renewal gives the token for the next, which is on disk before the access token is used.

    Only that use ends the token before: so whenever the process is killed, one of the two is good.
    """

    def __init__(self, oauth: OAuth, path: Path) -> None:
        self._oauth = oauth
        self._path = path

    def __call__(self, server: HttpClient) -> Credentials | None:
        configured = self._oauth.refresh_token.get_secret_value()
        began_with = hashlib.sha256(configured.encode()).hexdigest()
        form = {
            "grant_type": "refresh_token",
            "refresh_token": self._read(began_with) or configured,
            "client_id": self._oauth.client_id,
            "client_secret": self._oauth.client_secret.get_secret_value(),
        }
        content = server.ask("POST", TOKEN, data=form, refusals=_refusals()).content
        try:
            tokens = msgspec.json.decode(content, type=_Tokens)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        replace(self._path, msgspec.json.encode(_Kept(began_with, tokens.refresh_token)))
        headers = {"Authorization": f"Bearer {tokens.access_token}"}
        return Credentials(headers, max(0.0, tokens.expires_in - MARGIN_SECONDS))

    def _read(self, began_with: str) -> str:
        """Return the token that is kept, if there is one that came from the configured one."""
        with suppress(FileNotFoundError, msgspec.DecodeError):
            kept = msgspec.json.decode(self._path.read_bytes(), type=_Kept)
            if kept.began_with == began_with:
                return kept.refresh_token
        return ""
