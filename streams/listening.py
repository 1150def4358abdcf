"""What all processes share that serve pages: by which names they are asked, and how they stop."""

import ipaddress
import socket
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any, Final

import uvicorn

STOP_SECONDS: Final = 3
"""How long what is under way may take when a server stops."""


class Server(uvicorn.Server):
    """A server that ends well at SIGINT and SIGTERM."""

    def __init__(self, app: Any) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                ws="none",
                access_log=False,
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=STOP_SECONDS,
            )
        )

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Take SIGINT and SIGTERM as the wish to stop, and nothing more: the process ends well, not by a signal."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; on `::` by IPv4 too, where the system can do so. Raises OSError."""
    ipv6 = ":" in host
    listener = socket.create_server(
        (host, port),
        family=socket.AF_INET6 if ipv6 else socket.AF_INET,
        dualstack_ipv6=ipv6 and socket.has_dualstack_ipv6(),
    )
    # Connections inherit it; asyncio sets it on none of this listener's. Else a body waits up to 40 ms after its head, until
    # the client acknowledges that.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


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
