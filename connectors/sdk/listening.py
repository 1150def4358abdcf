"""What servers of connectors listen with."""

import socket
from typing import Final

BACKLOG: Final = 1_024
"""So many connections wait to be accepted, while a source that was held up sends all at once."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at a name or address of this machine. Raises OSError."""
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listener = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    # Connections inherit it; asyncio sets it on none of this listener's. Else a body waits up to 40 ms after its head, until
    # the client acknowledges that.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
