"""Health over HTTP for processes that serve no pages: /healthz, /readyz, /metrics.

It answers from a thread of its own, so it answers while the process is busy; whether the process gets anywhere is for
`healthy` to say.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from threading import Thread
from typing import Any, Final

from prometheus_client import REGISTRY, CollectorRegistry, make_asgi_app

from connectors.sdk.listening import listen
from connectors.sdk.serving import Server
from streams.prechecks import check_port

State = tuple[bool, str]
"""Whether all is well, and one line for people."""

CONNECTIONS: Final = 128
"""Limit of connections: a supervisor, Prometheus and an operator need a few."""
CLOSE_SECONDS: Final = 1
"""Longest time that requests under way may take when the server closes."""


class HealthServer:
    """Answers on `host:port` until closed; `port` 0 takes a free one.

    `healthy` says whether the process gets anywhere (if not, it is to be restarted), `ready` whether it does its work.
    Both are called in the server's thread, and must not wait. What they raise counts as a no.

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
        app = _make_app({"/healthz": healthy, "/readyz": ready}, registry)
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


def _make_app(checks: dict[str, Callable[[], State]], registry: CollectorRegistry) -> Any:
    """Return the ASGI application."""
    metrics: Any = make_asgi_app(registry)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/metrics":
            await metrics(scope, receive, send)
            return
        check = checks.get(scope["path"])
        well, text = _ask(check) if check else (False, "not found")
        status = 404 if check is None else 200 if well else 503
        body = f"{text}\n".encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def _ask(check: Callable[[], State]) -> State:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - a check that fails is a state that fails
        return False, type(error).__name__
