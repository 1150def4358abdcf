"""Listening sockets of HTTP servers."""

import resource
import socket
from contextlib import suppress
from typing import Final

BACKLOG: Final = 1_024
"""Number of connections that the kernel queues until the server accepts them."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on a name or address of this machine; `::` includes IPv4 if the system supports it.

    A name with addresses of both versions resolves to its IPv4 address. Raises OSError if the name is unknown or the port in use.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, *_, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
    listener = socket.create_server(address[:2], family=family, backlog=BACKLOG, dualstack_ipv6=both)
    # Accepted connections inherit the option; asyncio does not set it. Without it a response body waits up to 40 ms after its
    # head, until the client acknowledges the head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def allow_files(wanted: int) -> int:
    """Raise this process's limit of open files to `wanted` if it is lower, as far as allowed. Return the resulting limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
