"""Health over HTTP for processes that serve no pages: /healthz, /readyz, /metrics.

It answers from a thread of its own, so it answers while the process is busy; whether the process gets anywhere is for
`healthy` to say.
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
"""Whether all is well, and one line for people."""

CONNECTIONS: Final = 128
"""Limit of connections: a supervisor, Prometheus and an operator need a few."""
CLOSE_SECONDS: Final = 1
"""Longest time that requests under way may take when the server closes."""


class HealthServer:
    """Answers on `host:port` until closed; `port` 0 takes a free one.

    `healthy` says whether the process gets anywhere (if not, it is to be restarted), `ready` whether it does its work.
    `healthy` is called in the server's thread, and must not wait; `ready` and the collectors of `registry` are called in other
    threads, and may wait, as for a database. What the checks raise counts as a no.

    Raises OSError if the port cannot be had.
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
        self._port: int = self._socket.getsockname()[1]
        app = _make_app(healthy, ready, registry)
        self._server = Server(
            app, connections=CONNECTIONS, stop_seconds=CLOSE_SECONDS, lifespan="off", log_level="warning"
        )
        self._thread = Thread(target=self._server.run, args=([self._socket],), name="health", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    def close(self) -> None:
        """Stop listening."""
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
    """Answer on `host:port` meanwhile; nowhere if `port` is 0. Raises `OperatorError`, which names `setting`."""
    if not port:
        yield
        return
    check_port(host, port, setting)
    with closing(HealthServer(host, port, healthy=healthy, ready=ready, registry=registry)):
        yield


def _make_app(healthy: Callable[[], State], ready: Callable[[], State], registry: CollectorRegistry) -> Any:
    """Return the ASGI application."""

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
    """Return the status and the body that report a check."""
    try:
        well, text = check()
    except Exception as error:  # noqa: BLE001 - whatever it is, the process is not as it should be
        well, text = False, type(error).__name__
    return 200 if well else 503, f"{text}\n".encode()
