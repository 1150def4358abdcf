"""Middleware of every request: authentication, rate limit and size limit; security headers of every answer."""

import time
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.sdk.http_server import METHODS
from streams.access.audit_records import Purpose
from streams.access.permissions import Operation
from streams.api.auth import Api, AuthenticatedClient
from streams.api.problems import Problem, find_language

MAX_BYTES: Final = 16_384
"""Maximum size of a request's body, in bytes."""
GUARDED: Final = "/v1/"
HEADERS: Final = {
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
OPERATIONS_BY_PATH: Final = {
    "/v1/look-up": Operation.LOOK_UP,
    "/v1/timeline": Operation.READ_TIMELINE,
    "/v1/contact": Operation.READ_CONTACT,
    "/v1/export": Operation.EXPORT,
    "/v1/erasures": Operation.ERASE,
    "/v1/links/revoke": Operation.REVOKE_LINK,
    "/v1/links/restore": Operation.RESTORE_LINK,
}
"""Path → its operation, in the answer of `/v1/me` and in the record of an exceeded rate limit."""

log = structlog.get_logger(__name__)


class AuthMiddleware:
    """Reject requests under `GUARDED` without a valid token, beyond its rate limit, too large, or POST requests without JSON.

    This happens before their body is read; its size is checked again while it is read. Accepted requests have the client as
    `request.state.client`. Answers get those of `HEADERS` that they lack. Requests under `GUARDED` are logged and measured.
    """

    def __init__(self, app: ASGIApp, api: Api) -> None:
        self._app = app
        self._api = api
        self._limited: set[str] = set()
        """Names of tokens beyond their rate limit whose refusal was recorded: only the first refusal of a series is."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_at, status = time.monotonic(), 500

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        try:
            if scope["path"].startswith(GUARDED):
                scope.setdefault("state", {})["client"] = await self._authenticate(scope, headers)
            await self._app(scope, _bound(receive), send_on)
        except Problem as problem:
            await problem.to_response(find_language(headers))(scope, receive, send_on)
        finally:
            if scope["path"].startswith(GUARDED):
                self._report(scope, status, time.monotonic() - began_at)

    async def _authenticate(self, scope: Scope, headers: Headers) -> AuthenticatedClient:
        scheme, _, secret = headers.get("authorization", "").partition(" ")
        token = await self._api.authenticate(secret.strip()) if scheme.lower() == "bearer" else None
        if token is None:
            self._api.access_metrics.unauthenticated.inc()
            raise Problem("token", headers={"www-authenticate": "Bearer"})
        client = AuthenticatedClient(self._api, token)
        await self._limit(client, scope["path"])
        if (
            scope["method"] == "POST"
            and headers.get("content-type", "").partition(";")[0].strip() != "application/json"
        ):
            raise Problem("media-type")
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > MAX_BYTES:
            raise Problem("too-large")
        return client

    async def _limit(self, client: AuthenticatedClient, path: str) -> None:
        name = client.token.name
        per_second = client.token.rate_per_minute / 60
        wait = self._api.limiter.take(name, time.monotonic(), per_second, burst_seconds=60 - 1 / per_second)
        if not wait:
            self._limited.discard(name)
            return
        operation = next(
            (operation for start, operation in OPERATIONS_BY_PATH.items() if f"{path}/".startswith(f"{start}/")), None
        )
        if name not in self._limited and operation is not None:
            self._limited.add(name)  # one record for a series of refused requests
            await client.record_limited(operation, Purpose.ADMINISTRATION)
        raise Problem("too-often", headers={"retry-after": str(int(wait) + 1)})

    def _report(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "")  # the route's template; the requested path may be personal
        self._api.access_metrics.took.labels(route, status).observe(seconds)
        method = scope["method"] if scope["method"] in METHODS else "unknown"
        log.info("request", method=method, route=route, status=status, seconds=round(seconds, 4))


def _bound(receive: Receive) -> Receive:
    """Return a `receive` that raises `HTTPException` (413) beyond `MAX_BYTES` of a body, whatever its `Content-Length` claims."""
    read = 0

    async def receive_bound() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > MAX_BYTES:
            raise HTTPException(413)
        return message

    return receive_bound
