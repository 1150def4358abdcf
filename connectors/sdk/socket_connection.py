"""TCP connection to a system that sends events by itself, with detection of a dead peer."""

import socket
import ssl
import time
from contextlib import suppress
from typing import Final

from connectors.sdk.errors import SourceRefusedError, SourceUnavailableError
from connectors.sdk.telephony import decode_text
from models.locale import _

CONNECT_SECONDS: Final = 5.0
"""Timeout of connecting and of sending."""
LEAVE_SECONDS: Final = 0.2
"""Timeout of sending the farewell."""
PING_SECONDS: Final = 15.0
"""Longest time without received data before a ping is sent."""
ANSWER_SECONDS: Final = 30.0
"""Time without received data after a ping until the connection counts as dead."""
CHUNK_BYTES: Final = 262_144
"""Default limit of one read."""


def read_headers(block: bytes, end_of_line: bytes) -> dict[str, str]:
    """Return the headers in lines `Name: value`; of repeated names, the first."""
    headers: dict[str, str] = {}
    for line in block.split(end_of_line):
        name, colon, value = line.partition(b":")
        if colon:
            headers.setdefault(name.decode("ascii", "replace"), decode_text(value.strip(b" \r")))
    return headers


class SocketConnection:
    """One connection, with TLS if `secure` is given. `unreachable` is the error message for a failed connection.

    Raises `SourceUnavailableError`; the connection must then be closed.
    """

    def __init__(self, address: tuple[str, int], unreachable: str, secure: ssl.SSLContext | None) -> None:
        self._name = "{}:{}".format(*address)
        self.heard_at = self.asked_at = time.monotonic()
        try:
            plain = socket.create_connection(address, CONNECT_SECONDS)
        except OSError:
            raise self.trouble(unreachable) from None
        try:
            self._socket = secure.wrap_socket(plain, server_hostname=address[0]) if secure else plain
        except OSError:  # includes errors of TLS
            plain.close()
            raise self.trouble(
                _("speaks no TLS, or shows a certificate that is not trusted here"),
            ) from None

    def receive(self, wait_seconds: float, limit: int = CHUNK_BYTES) -> bytes:
        """Return received bytes, at most `limit`; none after `wait_seconds` without any."""
        try:
            self._socket.settimeout(max(wait_seconds, 0.001))
            content = self._socket.recv(limit)
        except (TimeoutError, ssl.SSLWantReadError):
            return b""
        except OSError:
            raise self._broken() from None
        if not content:
            raise self._broken()
        self.heard_at = time.monotonic()
        return content

    def send(self, content: bytes) -> None:
        """Send all bytes."""
        try:
            self._socket.settimeout(CONNECT_SECONDS)
            self._socket.sendall(content)
        except OSError:
            raise self._broken() from None

    def check_alive(self, ping: bytes) -> None:
        """Send a ping if necessary, or raise if the last one was not answered. Call it only when all received data was read."""
        now = time.monotonic()
        if self.asked_at <= self.heard_at:
            if now - self.heard_at > PING_SECONDS:
                self.asked_at = now
                self.send(ping)
        elif now - self.asked_at > ANSWER_SECONDS:
            raise self.trouble(_("does not answer any more"))

    def close(self, farewell: bytes) -> None:
        """Send the farewell and close."""
        with suppress(OSError):
            self._socket.settimeout(LEAVE_SECONDS)
            self._socket.sendall(farewell)
        self._socket.close()

    def trouble(self, problem: str) -> SourceUnavailableError:
        """Return the error to raise, with the address and a description of the problem."""
        return SourceUnavailableError(f"{self._name} {problem}")

    def refusal(self, problem: str) -> SourceRefusedError:
        """Return the error to raise if the system refuses access, with the address and the required correction."""
        return SourceRefusedError(f"{self._name} {problem}")

    def _broken(self) -> SourceUnavailableError:
        return self.trouble(_("broke the connection off"))
