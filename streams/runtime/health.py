"""HTTP endpoints /healthz, /readyz and /metrics for processes that serve no pages.

The server runs in its own thread, so that it answers even if the process is stuck; the `healthy` check must detect that.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from threading import Thread
from typing import Any, Final

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.datastructures import Headers

from connectors.sdk.http_server import Server
from connectors.sdk.sockets import listen
from streams.runtime.prechecks import check_port

State = tuple[bool, str]
"""Whether a check passed, and a message of one line."""

CONNECTIONS: Final = 128
"""Maximum number of connections; a supervisor, Prometheus and an operator need a few."""
CLOSE_SECONDS: Final = 1
"""Longest wait for open requests when the server closes."""


class HealthServer:
    """Server on `host:port` that runs until closed; `port` 0 uses a free one.

    `healthy` reports whether the process makes progress; if not, its supervisor restarts it. `ready` reports whether it does its
    work. `healthy` is called in the server's thread and must not block. `ready` and the collectors of `registry` are called in
    other threads and may block, for instance on a database. An exception of a check counts as failure.

    Raises `OSError` if the port is not available.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        healthy: Callable[[], State],
        ready: Callable[[], State],
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._socket = listen(host, port)
        self.port: int = self._socket.getsockname()[1]
        app = _make_app(healthy, ready, registry)
        self._server = Server(
            app, connections=CONNECTIONS, stop_seconds=CLOSE_SECONDS, lifespan="off", log_level="warning"
        )
        self._thread = Thread(target=self._server.run, args=([self._socket],), name="health", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening, and wait at most three seconds for open requests."""
        self._server.should_exit = True
        self._thread.join(CLOSE_SECONDS + 2)
        self._socket.close()


@contextmanager
def serve_health(
    host: str,
    port: int,
    setting: str,
    *,
    healthy: Callable[[], State],
    ready: Callable[[], State],
    registry: CollectorRegistry = REGISTRY,
) -> Iterator[None]:
    """Run a `HealthServer` during a `with` block, unless `port` is 0.

    Raise `OperatorError`, which names `setting`, if the port is not available.
    """
    if not port:
        yield
        return
    check_port(host, port, setting)
    with closing(HealthServer(host, port, healthy=healthy, ready=ready, registry=registry)):
        yield


def _make_app(healthy: Callable[[], State], ready: Callable[[], State], registry: CollectorRegistry) -> Any:
    async def app(scope: Any, _receive: Any, send: Any) -> None:
        status, kind = 200, "text/plain; charset=utf-8"
        match scope["path"]:
            case "/metrics":
                encode, kind = choose_encoder(Headers(scope=scope).get("accept", ""))
                body = await asyncio.to_thread(encode, registry)
            case "/healthz":
                status, body = _answer(healthy)
            case "/readyz":
                status, body = await asyncio.to_thread(_answer, ready)
            case _:
                status, body = 404, b"not found\n"
        headers = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def _answer(check: Callable[[], State]) -> tuple[int, bytes]:
    try:
        passed, text = check()
    except Exception as error:  # noqa: BLE001 - any exception means failure
        passed, text = False, type(error).__name__
    return 200 if passed else 503, f"{text}\n".encode()
