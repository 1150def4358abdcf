"""HTTP application of the kiosk: pages, and the API that they use.

Pages of other sites cannot send requests: the API accepts JSON only, for which browsers require a preflight request that gets no
permission. Requests with unknown host names are refused, which prevents DNS rebinding.
"""

from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.kiosk.config import KioskConfig
from connectors.kiosk.service import KioskService
from connectors.kiosk.waiting_room import ActionRefusedError, ActionRequest, Ticket
from connectors.sdk.host_names import HostMiddleware
from connectors.sdk.telephony import is_here

STATIC: Final = Path(__file__).parent / "static"
MOST_BYTES: Final = 4_096
"""Longest body of a request, in bytes."""
LOCAL: Final = ("localhost", "127.0.0.1", "[::1]")
HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",  # browsers revalidate, so that an upgrade takes effect immediately
}

_decode: Final = msgspec.json.Decoder(ActionRequest).decode


class Headers:
    """Middleware that sets `HEADERS` in every response, in place of the application's own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request with the application, and add the headers to its response."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def create_app(service: KioskService, config: KioskConfig) -> Starlette:
    """Return the application that serves the pages and the API of `service` under the host names that `config` allows."""
    return Starlette(
        routes=[
            Route("/", partial(_page, "kiosk.html")),
            Route("/agent", partial(_page, "agent.html")),
            Route("/api/state", partial(_state, service)),
            Route("/api/actions", partial(_act, service), methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[
            Middleware(Headers),
            Middleware(HostMiddleware, _allowed_hosts(config), "hosts"),
        ],
    )


async def _page(name: str, _: Request) -> Response:
    return FileResponse(STATIC / name)


async def _state(service: KioskService, _: Request) -> Response:
    return JSONResponse(await run_sync(service.state))


async def _act(service: KioskService, request: Request) -> Response:
    """Perform an action: 200 with its ticket, 409 with the code of `ActionRefusedError`, 503 if the page must try again.

    Malformed requests get 400 with the code `wrong`, 413 above `MOST_BYTES`, or 415 if they are not JSON.
    """
    if request.headers.get("content-type") != "application/json":
        return JSONResponse({"refused": "wrong"}, 415)
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                return JSONResponse({"refused": "wrong"}, 413, {"connection": "close"})
    except ClientDisconnect:
        return JSONResponse({"refused": "wrong"}, 400)
    try:
        ticket = await run_sync(service.perform, _decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return JSONResponse({"refused": "wrong"}, 400)
    except ActionRefusedError as error:
        return JSONResponse({"refused": str(error)}, 409)
    except OSError:
        return JSONResponse({"refused": "later"}, 503)
    return JSONResponse({"ticket": _show(ticket)})


def _allowed_hosts(config: KioskConfig) -> list[str]:
    """Return the accepted host names: `LOCAL` and `hosts`, or any if the server listens for other machines without `hosts`."""
    if is_here(config.host) or config.hosts:
        return [*LOCAL, *config.hosts]
    return ["*"]


def _show(ticket: Ticket) -> dict[str, str]:
    return {"id": ticket.id, "number": ticket.number, "queue": ticket.queue}
