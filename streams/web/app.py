"""HTTP application of `accueil web`: board, event stream, metrics and health checks."""

import asyncio
import contextlib
import gc
import hashlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from anyio.to_thread import current_default_thread_limiter, run_sync
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.registry import Collector
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as AsgiMessage
from yarl import URL

from connectors.sdk.host_names import HostMiddleware
from models.locale import LANGUAGES
from models.policies import Policies
from models.timestamps import milliseconds
from models.topics import CITIZEN_FIGURES, FIGURES, SLA
from streams.web import http_server
from streams.web.board.at_risk import AtRiskView
from streams.web.board.explain_names import EXPLAIN_NAMES
from streams.web.board.payload import DataState, Message, make_message
from streams.web.board.texts import TEXTS
from streams.web.broadcast import Broadcaster, encode
from streams.web.citizens import CitizensView
from streams.web.collector import FiguresCollector
from streams.web.exposition import CONTENT_TYPE, Exposition
from streams.web.figures_reader import FiguresReader
from streams.web.metrics.citizens import CitizensCollector
from streams.web.options import WebOptions
from streams.web.preferences import THEMES, find_language, find_theme, save_preferences
from streams.web.view import NO_POLICIES, FiguresView

log = logging.getLogger(__name__)

HERE: Final = Path(__file__).parent
TICK_SECONDS: Final = 5
"""Longest time between two messages while a board is open, in seconds; a third of `stale_after_seconds` if that is shorter.

A board that receives none for `stale_after_seconds` reports a lost connection."""
SEND_TIMEOUT_SECONDS: Final = 30
"""Longest time that a write to a browser may block, in seconds. The stream is then closed, and the browser reconnects."""
CONNECTIONS: Final = 500
"""Maximum number of connections in addition to the `max_viewers` event streams."""
THREADS: Final = 2
"""Threads that render pages, figures and metrics. More would not be faster, and would delay /healthz under load."""
GC_THRESHOLDS: Final = (100_000, 20, 50)
"""Thresholds of the garbage collector. A scrape allocates tens of thousands of objects without reference cycles. With the default
thresholds, each scrape would trigger full collections."""
READY: Final = {DataState.LIVE, DataState.CATCHING_UP}
"""States in which `/readyz` answers 200; in all others 503. `CATCHING_UP` is ready: the board shows the age."""
HEADERS: Final = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",  # cached, but revalidated: an upgrade takes effect immediately
}


class Headers:
    """Middleware that adds to each response those of `HEADERS` that it does not set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""

        async def send_with_headers(message: AsgiMessage) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class Stream:
    """The `/events` endpoint: serves at most `max_viewers` streams, and answers 503 beyond."""

    def __init__(self, broadcaster: Broadcaster, max_viewers: int) -> None:
        self._broadcaster = broadcaster
        self._max_viewers = max_viewers
        self._open = 0
        self._is_limit_logged = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the viewer leaves or the server stops; answer 503 and log a warning if too many streams are open."""
        if self._open >= self._max_viewers:
            if not self._is_limit_logged:
                log.warning("%s boards are open (web.max_viewers): refusing more", self._open)
            self._is_limit_logged = True
            await PlainTextResponse("too many boards are open\n", 503)(scope, receive, send)
            return
        self._open += 1
        try:
            stream = EventSourceResponse(self._broadcaster.listen(), send_timeout=SEND_TIMEOUT_SECONDS)
            await stream(scope, receive, send)
        finally:
            self._open -= 1
            # Log again only after half of the streams have closed, not for every client at the limit.
            self._is_limit_logged &= 2 * self._open > self._max_viewers


RejectedCounts = Callable[[int], Mapping[str, int]]
"""Returns connector instance → number of records that it rejected since a time, in seconds since 1970."""


def _no_rejects(_since: int) -> Mapping[str, int]:
    return {}


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Site:
    """Request handlers of the application `app`, which starts and stops `readers`.

    The board shows `view`, `risks` and `rejected`; `/metrics` exports `view`, `citizens` and `collectors`. `readers` must keep
    the views up to date. Without `citizens` or `risks`, their figures are left out.
    """

    def __init__(
        self,
        view: FiguresView,
        options: WebOptions,
        readers: Sequence[FiguresReader] = (),
        now: Callable[[], datetime] = _utc_now,
        citizens: CitizensView | None = None,
        collectors: Iterable[Collector] = (),
        risks: AtRiskView | None = None,
        rejected: RejectedCounts = _no_rejects,
    ) -> None:
        self._view = view
        self._readers = readers
        self._options = options
        self._now = now
        self._version = _version()
        self._risks = risks or AtRiskView()
        self._rejected = rejected
        self._templates = _load_templates()
        self._titles = dict(zip(LANGUAGES, (options.title, options.title_en or options.title), strict=True))
        registry = CollectorRegistry()
        registry.register(FiguresCollector(view.snapshot, options, now))
        registry.register(CitizensCollector((citizens or CitizensView()).disclosed_figures, options.time_zone))
        for collector in collectors:
            registry.register(collector)
        ProcessCollector(registry=registry)
        self._exposition = Exposition(registry)
        self.broadcaster = Broadcaster(self._message, min(TICK_SECONDS, options.stale_after_seconds / 3))
        hosts = http_server.answered_hosts(options.host, options.hosts)
        self.app = Starlette(
            routes=self._routes,
            middleware=[
                Middleware(Headers),
                Middleware(HostMiddleware, hosts, "web.hosts"),
            ],
            lifespan=self._lifespan,
        )

    @property
    def _routes(self) -> list[BaseRoute]:
        return [
            Route("/", self._board),
            Route("/wall", self._wall),
            Route("/events", Stream(self.broadcaster, self._options.max_viewers), methods=["GET"]),
            Route("/api/board", self._api),
            Route("/metrics", self._metrics),
            Route("/healthz", self._live),
            Route("/readyz", self._ready),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ]

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Run the readers and the broadcaster for the lifetime of the application. Limit its threads to `THREADS`."""
        current_default_thread_limiter().total_tokens = THREADS
        self._view.on_change = self.broadcaster.notify_change
        publishing = asyncio.create_task(self.broadcaster.run())
        for reader in self._readers:
            reader.start()
        yield
        for reader in self._readers:
            await run_sync(reader.stop)
        publishing.cancel()

    def _message(self) -> Message:
        now = self._now()
        snapshot = self._view.snapshot(now)
        rejected = self._rejected(snapshot.day.start)
        return make_message(snapshot, self._options, self._version, self._risks.next(milliseconds(now)), rejected)

    async def _board(self, request: Request) -> Response:
        return await self._page(request, "board.html")

    async def _wall(self, request: Request) -> Response:
        return await self._page(request, "wall.html")

    async def _page(self, request: Request, template: str) -> Response:
        page = await run_sync(self._render, template, find_language(request), find_theme(request))
        # Not cached: the page contains figures and depends on the language.
        response = HTMLResponse(page, headers={"cache-control": "no-store"})
        save_preferences(request, response)
        return response

    def _render(self, template: str, language: str, theme: str) -> str:
        """Return a page that already contains the figures, so that it need not wait for the event stream."""
        return self._templates.get_template(template).render(
            lang=language,
            other=_other(LANGUAGES, language),
            theme=theme,
            other_theme=_other(THEMES, theme),
            t=TEXTS[language],
            title=self._titles[language],
            time_zone=self._options.time_zone.key,
            version=self._version,
            message=msgspec.to_builtins(self._message()),
            figures=EXPLAIN_NAMES,
            views=self._options.wall_views,
            wall_seconds=self._options.wall_seconds,
        )

    async def _api(self, _: Request) -> Response:
        return Response(encode(await run_sync(self._message)), media_type="application/json")

    async def _metrics(self, _: Request) -> Response:
        return Response(await run_sync(self._exposition.write), headers={"content-type": CONTENT_TYPE})

    async def _live(self, _: Request) -> Response:
        return PlainTextResponse("live\n")

    async def _ready(self, _: Request) -> Response:
        state = (await run_sync(self._message)).clock.state
        return PlainTextResponse(f"{state.value}\n", 200 if state in READY else 503)


class Server(http_server.Server):
    """Server that closes the event streams on shutdown, and that stops when the broadcaster has failed."""

    def __init__(self, site: Site, viewers: int = WebOptions(brokers="").max_viewers) -> None:
        super().__init__(site.app, connections=viewers + CONNECTIONS)
        self._broadcaster = site.broadcaster

    async def on_tick(self, counter: int) -> bool:
        """Return whether to stop, on request or because the broadcaster failed; called ten times a second."""
        return await super().on_tick(counter) or self._broadcaster.failed

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the streams and stop; running requests get at most `http_server.STOP_SECONDS`."""
        await self._broadcaster.close()
        await super().shutdown(sockets)


def serve(
    options: WebOptions,
    policies: Callable[[], Policies] = lambda: NO_POLICIES,
    collectors: Iterable[Collector] = (),
    rejected: RejectedCounts = _no_rejects,
) -> bool:
    """Serve the board until SIGINT or SIGTERM, and return True; return False if it stopped because the broadcaster failed.

    Raise `OSError` immediately if the port cannot be bound. `policies` returns the SLA policies at each call. `/metrics`
    also exports the metrics of `collectors`. The board also shows `rejected`.

    If `options.host` is `::`, IPv4 is served too where the system allows it.
    """
    gc.set_threshold(*GC_THRESHOLDS)
    with http_server.listen(options.host, options.port) as listener:
        view, citizens, risks = FiguresView(options.time_zone, _utc_now(), policies), CitizensView(), AtRiskView()
        readers = [
            FiguresReader(fed, options.brokers, options.client, topic=topic.name)
            for fed, topic in ((view, FIGURES), (citizens, CITIZEN_FIGURES), (risks, SLA))
        ]
        port = listener.getsockname()[1]
        log.info("the board is at %s", URL.build(scheme="http", host=options.host, port=port, path="/"))
        site = Site(view, options, readers, citizens=citizens, collectors=collectors, risks=risks, rejected=rejected)
        Server(site, options.max_viewers).run([listener])
        return not site.broadcaster.failed


def _load_templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=select_autoescape(), undefined=StrictUndefined
    )


def _other(values: tuple[str, str], value: str) -> str:
    return values[1 - values.index(value)]


def _version() -> str:
    """Return a hash of the texts and files of the pages: 12 hexadecimal digits."""
    digest = hashlib.sha256(repr(TEXTS).encode())
    for path in sorted(path for folder in ("static", "templates") for path in (HERE / folder).rglob("*.*")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
