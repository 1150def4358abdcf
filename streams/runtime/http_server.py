"""The HTTP server of processes that serve pages, and the host names that it answers to."""

import ipaddress
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any, Final

from connectors.sdk import http_server
from connectors.sdk.sockets import listen

__all__ = ["STOP_SECONDS", "Server", "answered_hosts", "listen"]

STOP_SECONDS: Final = 3
"""Longest time that requests under way may take when a server stops."""


class Server(http_server.Server):
    """A server of the main thread, which ends well at SIGINT and SIGTERM."""

    def __init__(self, app: Any, *, connections: int = http_server.CONNECTIONS) -> None:
        super().__init__(app, connections=connections, stop_seconds=STOP_SECONDS)

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Take SIGINT and SIGTERM as the request to stop, and do not raise them again afterwards."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()


def answered_hosts(host: str, hosts: Iterable[str]) -> list[str]:
    """Return the names by which who listens on `host` may be asked; on the loopback only its own and `hosts`.

    (DNS rebinding: a page on evil.example whose name is made to mean 127.0.0.1 would read what is served as its own.)
    """
    return ["localhost", "127.0.0.1", "[::1]", host, *hosts] if _is_loopback(host) else ["*"]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
