"""API process: citizens' timelines over HTTP."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import structlog
from anyio.to_thread import run_sync
from prometheus_client import CollectorRegistry, ProcessCollector
from yarl import URL

from streams.access.concealment import load_secret, secret_path
from streams.api.app import create_app
from streams.api.auth import Api
from streams.api.metrics import AccessMetrics
from streams.runtime.audited_actions import open_audit
from streams.runtime.prechecks import check_port, prepare_private_directory
from streams.runtime.privacy_backend import open_privacy_requests
from streams.runtime.timeline_database import open_reader, open_timeline
from streams.runtime.token_changes import open_tokens
from streams.settings.schema import ConfigError, Settings
from streams.timeline.database import Unavailable
from streams.web.http_server import Server, answered_hosts, listen

if TYPE_CHECKING:
    from streams.access.oidc import Provider

RETRY_SECONDS: Final = 0.5
"""Pause between two attempts to open the database."""

log = structlog.get_logger(__name__)


def run(settings: Settings) -> int:
    """Serve the API until SIGTERM or SIGINT; return 0. While the database does not answer, requests get an error.

    Raise `OperatorError` if the port is not available, or if the database cannot be used as configured: without its driver or
    password, or with the schema of a newer release.
    """
    check_port(settings.api.host, settings.api.port, "api.port")
    prepare_private_directory(settings.data)
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    options = settings.api
    reader, audit = open_reader(settings, options.threads), open_audit(settings)
    api = Api(
        settings,
        tokens=open_tokens(settings),
        audit=audit,
        reader=reader,
        open_timeline=lambda: open_timeline(settings),
        keys=settings.data / "connectors" / "keys",
        secret=load_secret(secret_path(settings.data)),
        access_metrics=AccessMetrics(registry, options.unusual_citizens_per_hour),
        privacy_requests=open_privacy_requests(settings),
        provider=_open_provider(settings),
    )
    app = create_app(api, registry, answered_hosts(options.host, options.hosts))
    server = Server(app)
    failures: list[ConfigError] = []

    async def prepare() -> None:
        """Wait for the database and migrate its schema to this release. On a `ConfigError`, stop the server."""
        while True:
            try:
                (await run_sync(open_timeline, settings)).close()
            except Unavailable as error:
                log.warning("waiting_for_database", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)
            except ConfigError as error:
                failures.append(error)
                server.should_exit = True
                return
            else:
                return

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        preparing = asyncio.create_task(prepare())
        yield
        preparing.cancel()
        with suppress(asyncio.CancelledError):
            await preparing

    app.router.lifespan_context = lifespan
    gc.collect()
    gc.freeze()  # later collections skip the loaded modules, which would delay requests by 100 ms and more
    with listen(options.host, options.port) as listener:
        port = listener.getsockname()[1]
        log.info("serving", url=str(URL.build(scheme="http", host=options.host, port=port, path="/")))
        server.run([listener])
    audit.close()
    reader.close()
    if failures:
        raise failures[0]
    return 0


def _open_provider(settings: Settings) -> "Provider | None":
    if settings.api.oidc is None:
        return None
    from streams.access.oidc import Provider  # noqa: PLC0415 - optional and slow to import

    return Provider(settings.api.oidc)
