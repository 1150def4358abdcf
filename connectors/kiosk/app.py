"""The pages of a desk, and what they ask of it, over HTTP.

No page of another site can ask anything: it would have to send JSON, which browsers do not without asking first, and is not
answered; nor by a name of its own that leads here, since only known names are.
"""

from pathlib import Path
from typing import Final

import msgspec
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.kiosk.config import KioskConfig, is_loopback
from connectors.kiosk.service import KioskService
from connectors.kiosk.waiting_room import ActionRefusedError, ActionRequest, Ticket

STATIC: Final = Path(__file__).parent / "static"
MOST_BYTES: Final = 4_096
LOCAL: Final = ("localhost", "127.0.0.1", "[::1]")
HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",  # kept, but asked for again: an upgrade shows at once
}

_decode: Final = msgspec.json.Decoder(ActionRequest).decode


class Headers:
    """Adds `HEADERS` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class KioskRoutes:
    """The routes."""

    def __init__(self, desk: KioskService) -> None:
        self._desk = desk

    async def kiosk(self, _: Request) -> Response:
        """The page on which tickets are taken."""
        return FileResponse(STATIC / "kiosk.html")

    async def agent(self, _: Request) -> Response:
        """The page on which visitors are called."""
        return FileResponse(STATIC / "agent.html")

    async def state(self, _: Request) -> Response:
        """What the pages show."""
        return JSONResponse(await run_sync(self._desk.state))

    async def act(self, request: Request) -> Response:
        """Grant a wish: 200 and its ticket, 409 and a word if it cannot be, 503 if it is to be asked again."""
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
            ticket = await run_sync(self._desk.perform, _decode(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return JSONResponse({"refused": "wrong"}, 400)
        except ActionRefusedError as error:
            return JSONResponse({"refused": str(error)}, 409)
        except OSError:
            return JSONResponse({"refused": "later"}, 503)
        return JSONResponse({"ticket": _show(ticket)})


def create_app(desk: KioskService, config: KioskConfig) -> Starlette:
    """Return the application that serves the pages of `desk`."""
    site = KioskRoutes(desk)
    return Starlette(
        routes=[
            Route("/", site.kiosk),
            Route("/agent", site.agent),
            Route("/api/state", site.state),
            Route("/api/actions", site.act, methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[
            Middleware(Headers),
            Middleware(TrustedHostMiddleware, allowed_hosts=_answered(config), www_redirect=False),
        ],
    )


def _answered(config: KioskConfig) -> list[str]:
    """Return the names by which the desk may be asked: any, if it listens for other machines and is told none."""
    if is_loopback(config.host) or config.hosts:
        return [*LOCAL, *config.hosts]
    return ["*"]


def _show(ticket: Ticket) -> dict[str, str]:
    return {"id": ticket.id, "number": ticket.number, "queue": ticket.queue}
