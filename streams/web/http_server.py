"""HTTP server of processes that serve pages, and the host names it accepts."""

import ipaddress
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any, Final

from connectors.sdk import http_server
from connectors.sdk.sockets import listen

__all__ = ["STOP_SECONDS", "Server", "answered_hosts", "listen"]

STOP_SECONDS: Final = 3
"""Longest wait for open requests when a server stops, in seconds."""


class Server(http_server.Server):
    """Server for the main thread that stops cleanly at SIGINT and SIGTERM."""

    def __init__(self, app: Any, *, connections: int = http_server.CONNECTIONS) -> None:
        super().__init__(app, connections=connections, stop_seconds=STOP_SECONDS)

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Handle SIGINT and SIGTERM as requests to stop, without raising them again afterwards."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()


def answered_hosts(host: str, hosts: Iterable[str]) -> list[str]:
    """Return the host names that a server on `host` accepts.

    On the loopback interface these are local names, `host` and `hosts`; on others all (`*`). The limit prevents DNS rebinding:
    otherwise a page of evil.example, whose name an attacker resolves to 127.0.0.1, could read our responses.
    """
    return ["localhost", "127.0.0.1", "[::1]", host, *hosts] if _is_loopback(host) else ["*"]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
