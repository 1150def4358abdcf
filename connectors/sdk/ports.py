"""Allocation of free TCP ports for processes that start to listen later."""

import atexit
import errno
import secrets
import socket
import sys
from collections import deque
from typing import Final

PORTS: Final = range(20_000, 32_000)
"""Allocated ports, below the default range of ephemeral ports."""
TRIES: Final = 100
CLAIMS: Final = 32
"""Maximum number of claims of this process; the oldest ones are given up."""
_allocated: Final = set[int]()
_claims: Final = deque[socket.socket]()
"""Sockets that keep other processes from allocating the same ports before they are listened on."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 on which no process listens, a different one at each call of this process.

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
                _allocated.add(port)
                return port
    raise error


def _claim(port: int) -> bool:
    """Claim a port among all processes of this machine; return False if another process has claimed it.

    The claim is an abstract Unix socket, which Linux removes when the process ends. On other systems, two processes may
    allocate the same port.
    """
    if sys.platform == "linux":
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0accueil-port-{port}")
        except OSError:
            claim.close()
            return False
        _claims.append(claim)
        _release_claims(CLAIMS)
    return True


@atexit.register
def _release_claims(left: int = 0) -> None:
    while len(_claims) > left:
        _claims.popleft().close()
