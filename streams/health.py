"""Health over HTTP for processes that serve no pages: /healthz, /readyz, /metrics.

It answers from a thread of its own, so it answers while the process is busy; whether the process gets anywhere is for
`healthy` to say.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

from prometheus_client import REGISTRY, CollectorRegistry, MetricsHandler

from streams.prechecks import check_port

State = tuple[bool, str]
"""Whether all is well, and one line for people."""

CLOSE_SECONDS: Final = 0.05
"""How long closing takes at most: so often the server looks whether it is to. Every process waits for it at its end."""


class HealthServer:
    """Answers on `host:port` until closed; `port` 0 takes a free one.

    `healthy` says whether the process gets anywhere (if not, it is to be restarted), `ready` whether it does its work.
    Both are called in another thread. What they raise counts as a no. Raises OSError if the port cannot be had.
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
        self._server = _Server(host, port, _handler({"/healthz": healthy, "/readyz": ready}, registry))
        self._thread = Thread(target=self._server.serve_forever, args=(CLOSE_SECONDS,), name="health", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


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


class _Server(ThreadingHTTPServer):
    def __init__(self, host: str, port: int, handler: type[MetricsHandler]) -> None:
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), handler)


def _handler(checks: dict[str, Callable[[], State]], metrics: CollectorRegistry) -> type[MetricsHandler]:
    class Handler(MetricsHandler):
        registry = metrics

        def do_GET(self) -> None:  # noqa: N802 - the name is http.server's
            path = self.path.partition("?")[0]
            if path == "/metrics":
                super().do_GET()
            elif check := checks.get(path):
                well, text = _ask(check)
                self._answer(200 if well else 503, text)
            else:
                self._answer(404, "not found")

        def _answer(self, status: int, text: str) -> None:
            body = f"{text}\n".encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
            """Say nothing: a probe every few seconds is no news."""

    return Handler


def _ask(check: Callable[[], State]) -> State:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - a check that fails is a state that fails
        return False, type(error).__name__
