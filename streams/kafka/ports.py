"""Allocation of free TCP ports for processes that start to listen later."""

import atexit
import errno
import secrets
import socket
import sys
from typing import Final

PORTS: Final = range(20_000, 32_000)
"""Allocated ports, below the default range of ephemeral ports."""
TRIES: Final = 100
_allocated: Final[dict[int, socket.socket | None]] = {}
"""Allocated ports, with the socket that keeps other processes from allocating the same port before it is listened on."""
CLAIMS: Final = 32
"""Maximum number of sockets kept open in `_allocated`; the oldest ones are closed."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 on which no process listens, a different one at each call.

    The port is outside the default range of ephemeral ports, which the system may assign to an outgoing connection at any time.
    Raises OSError if no port is free, or if the system does not allow this process to listen.
    """
    error = OSError(errno.EADDRINUSE, "no port is free")
    for _ in range(TRIES):
        port = secrets.choice(PORTS)
        try:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError as bind_error:
            error = bind_error
        else:
            if port not in _allocated and _claim(port):
                return port
    raise error


def _claim(port: int) -> bool:
    """Claim a port among all processes of this machine; return False if another process has claimed it.

    The claim is an abstract Unix socket, which Linux removes when the process ends. On other systems, two processes may
    allocate the same port.
    """
    claim = None
    if sys.platform == "linux":
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0accueil-port-{port}")
        except OSError:
            claim.close()
            return False
    _allocated[port] = claim
    claimed = [number for number, held in _allocated.items() if held]
    for number in claimed[:-CLAIMS]:
        _release(number)
    return True


def _release(port: int) -> None:
    if claim := _allocated[port]:
        claim.close()
        _allocated[port] = None


@atexit.register
def _release_all() -> None:
    for port in _allocated:
        _release(port)
