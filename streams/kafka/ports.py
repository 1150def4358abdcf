"""Ports of this machine for who is yet to listen on them."""

import atexit
import errno
import secrets
import socket
import sys
from typing import Final

PORTS: Final = range(20_000, 32_000)
TRIES: Final = 100
_given: Final[dict[int, socket.socket | None]] = {}
"""Ports that were given, and what keeps other processes from being given the same, while they are not listened on yet."""
CLAIMS: Final = 32
"""So many of the latest are kept so."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on now, another one each time.

    It is none of those that a system lends by default to whoever connects, which may be lent before it is listened on. Raises
    OSError if there is none, or if the system lets nobody listen.
    """
    refused = OSError(errno.EADDRINUSE, "no port is free")
    for _ in range(TRIES):
        port = secrets.choice(PORTS)
        try:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError as error:
            refused = error
        else:
            if port not in _given and _claim(port):
                return port
    raise refused


def _claim(port: int) -> bool:
    """Keep all processes of this machine from being given a port; return False if another one keeps it.

    By a name that Linux forgets with the process; elsewhere there is none, and two may be given the same.
    """
    claim = None
    if sys.platform == "linux":
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0accueil-port-{port}")
        except OSError:
            claim.close()
            return False
    _given[port] = claim
    kept = [one for one in _given if _given[one]]
    for one in kept[:-CLAIMS]:
        _release(one)
    return True


def _release(port: int) -> None:
    if claim := _given[port]:
        claim.close()
        _given[port] = None


@atexit.register
def _release_all() -> None:
    for port in _given:
        _release(port)
