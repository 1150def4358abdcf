"""API and webhooks of the simulated RDV Service Public.

Like the real API, this one signs an agent in with e-mail and password, and requires the three headers of the sign-in response in
each request. It also renews OAuth tokens: the old refresh token ends when the new access token is used. It lists no appointments
of organisations outside the agent's, and refuses more than 50 requests a minute.
"""

import secrets
import time
from collections import deque
from collections.abc import Callable, Collection
from contextlib import closing
from datetime import UTC, datetime
from email.utils import format_datetime
from http.client import HTTPConnection, HTTPException
from typing import Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.rdv.simulate.service import RdvService
from connectors.rdv.source import sign
from connectors.sdk.simulation import HOST

EMAIL: Final = "accueil@example.org"
PASSWORD: Final = "simulation"  # noqa: S105 - opens nothing
SECRET: Final = "simulation"  # noqa: S105 - opens nothing
APPLICATION: Final = {"client_id": "accueil", "client_secret": "simulation"}
REQUESTS_PER_MINUTE: Final = 50
TIMEOUT_SECONDS: Final = 10.0


class RdvServer:
    """API of `service` for one agent of `organisations`."""

    def __init__(
        self, service: RdvService, organisations: Collection[int], *, requests_per_minute: int = REQUESTS_PER_MINUTE
    ) -> None:
        self.intercept: Callable[[Request], Response | None] = lambda _: None
        """Hook called with each request: returns the response to send instead, or None to handle the request."""
        self.requested_paths: list[str] = []
        """Paths of the received requests."""
        self.refresh_tokens = {"simulation"}
        """Valid refresh tokens."""
        self._service = service
        self.organisations = organisations
        self._rate = requests_per_minute
        self._requests: deque[float] = deque()
        self._session: dict[str, str] = {}
        self._bearers: dict[str, str] = {}
        routes = [
            Route("/api/v1/auth/sign_in", self._sign_in, methods=["POST"]),
            Route("/oauth/token", self._renew, methods=["POST"]),
            Route("/api/v1/organisations/{organisation}/rdvs", self._list, methods=["GET"]),
        ]
        self.app = Starlette(routes=routes)

    def expire_sessions(self) -> None:
        """End all sessions, as after a day."""
        self._session.clear()
        self._bearers.clear()

    async def _sign_in(self, request: Request) -> Response:
        if refusal := self._refuse(request):
            return refusal
        account = await request.json()
        if (account.get("email"), account.get("password")) != (EMAIL, PASSWORD):
            return self._respond({"success": False, "errors": ["Mot de passe ou identifiant invalide."]}, 401)
        # Each sign-in ends the previous session.
        self._session = {"access-token": secrets.token_urlsafe(16), "client": secrets.token_urlsafe(16), "uid": EMAIL}
        return self._respond({"data": {"id": 7, "email": EMAIL, "uid": EMAIL}}, 200, **self._session)

    async def _renew(self, request: Request) -> Response:
        if refusal := self._refuse(request):
            return refusal
        form = dict(parse_qsl((await request.body()).decode()))
        if any(form.get(name) != value for name, value in APPLICATION.items()):
            return self._respond({"error": "invalid_client"}, 401)
        if form.get("grant_type") != "refresh_token" or form.get("refresh_token") not in self.refresh_tokens:
            return self._respond({"error": "invalid_grant"}, 400)
        access, refresh = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        self._bearers[access] = form["refresh_token"]
        self.refresh_tokens.add(refresh)
        token = {"access_token": access, "token_type": "Bearer", "expires_in": 7_200, "refresh_token": refresh}
        return self._respond(token | {"scope": "write", "created_at": int(self._service.now.timestamp())})

    async def _list(self, request: Request) -> Response:
        if refusal := self._refuse(request):
            return refusal
        if not self._is_signed_in(request):
            return self._respond({"errors": ["Vous devez vous connecter."]}, 401)
        organisation = request.path_params["organisation"]
        visible = [number for number in self.organisations if str(number) == organisation]
        begin = datetime.fromisoformat(request.query_params["starts_after"])
        return self._respond(self._service.page(visible, begin, int(request.query_params.get("page", "1"))))

    def _is_signed_in(self, request: Request) -> bool:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if bearer in self._bearers:
            self.refresh_tokens.discard(self._bearers[bearer])
            return True
        return bool(self._session) and all(request.headers.get(name) == value for name, value in self._session.items())

    def _refuse(self, request: Request) -> Response | None:
        self.requested_paths.append(request.url.path)
        if instead := self.intercept(request):
            return instead
        now = time.monotonic()
        while self._requests and self._requests[0] < now - 60:
            self._requests.popleft()
        if len(self._requests) >= self._rate:
            wait = str(int(self._requests[0] + 61 - now))
            return self._respond(
                {"errors": ["Limite d'appels API atteinte. Merci de patienter."]}, 429, **{"Retry-After": wait}
            )
        self._requests.append(now)
        return None

    def _respond(self, content: object, status: int = 200, **headers: str) -> Response:
        date = format_datetime(self._service.now.astimezone(UTC), usegmt=True)
        return JSONResponse(content, status, headers={"Date": date, **headers})


def post_webhook(port: int, body: bytes, secret: str = SECRET) -> bool:
    """Send a signed webhook to a port of this machine, and return whether it was accepted; False also without a response."""
    headers = {"Content-Type": "application/json; charset=utf-8", "X-Lapin-Signature": sign(secret.encode(), body)}
    try:
        with closing(HTTPConnection(HOST, port, timeout=TIMEOUT_SECONDS)) as connection:
            connection.request("POST", "/", body, headers)
            return 200 <= connection.getresponse().status < 300
    except (OSError, HTTPException):
        return False
