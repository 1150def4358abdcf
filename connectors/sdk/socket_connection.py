"""A connection to a system that talks by itself, and falls silent when it is gone."""

import socket
import ssl
import time
from contextlib import suppress
from typing import Final

from connectors.sdk.errors import SourceRefusedError, SourceUnavailableError
from connectors.sdk.i18n import say
from connectors.sdk.telephony import decode_text

CONNECT_SECONDS: Final = 5.0
LEAVE_SECONDS: Final = 0.2
PING_SECONDS: Final = 15.0
"""After this long without a word it is asked whether it is still there."""
ANSWER_SECONDS: Final = 30.0
"""After this long without an answer to that, nor another word, it is taken for dead."""
CHUNK_BYTES: Final = 262_144


def read_headers(block: bytes, end_of_line: bytes) -> dict[str, str]:
    """Return what lines `Name: value` say; of names that repeat, the first."""
    headers: dict[str, str] = {}
    for line in block.split(end_of_line):
        name, colon, value = line.partition(b":")
        if colon:
            headers.setdefault(name.decode("ascii", "replace"), decode_text(value.strip(b" \r")))
    return headers


class SocketConnection:
    """One connection, with TLS if `secure` is given. `unreachable` says what to look for, in English and in French.

    Raises `SourceUnavailableError`, and is over then: close it.
    """

    def __init__(self, address: tuple[str, int], unreachable: tuple[str, str], secure: ssl.SSLContext | None) -> None:
        self._name = "{}:{}".format(*address)
        self.heard_at = self.asked_at = time.monotonic()
        try:
            plain = socket.create_connection(address, CONNECT_SECONDS)
        except OSError:
            raise self.trouble(*unreachable) from None
        try:
            self._socket = secure.wrap_socket(plain, server_hostname=address[0]) if secure else plain
        except OSError:  # those of TLS are such too
            plain.close()
            raise self.trouble(
                "speaks no TLS, or shows a certificate that is not trusted here",
                "ne parle pas TLS, ou présente un certificat auquel on ne fait pas confiance ici",
            ) from None

    def receive(self, wait_seconds: float, limit: int = CHUNK_BYTES) -> bytes:
        """Return what came, of at most `limit` bytes; nothing after `wait_seconds` without any."""
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
        """Send."""
        try:
            self._socket.settimeout(CONNECT_SECONDS)
            self._socket.sendall(content)
        except OSError:
            raise self._broken() from None

    def check_alive(self, ping: bytes) -> None:
        """Ask by `ping` whether it is still there, or give it up. Only once all was read: nobody may have looked for long."""
        now = time.monotonic()
        if self.asked_at <= self.heard_at:
            if now - self.heard_at > PING_SECONDS:
                self.asked_at = now
                self.send(ping)
        elif now - self.asked_at > ANSWER_SECONDS:
            raise self.trouble("does not answer any more", "ne répond plus")

    def close(self, farewell: bytes) -> None:
        """Leave, and say so."""
        with suppress(OSError):
            self._socket.settimeout(LEAVE_SECONDS)
            self._socket.sendall(farewell)
        self._socket.close()

    def trouble(self, english: str, french: str) -> SourceUnavailableError:
        """Return what to raise: its name, and what is wrong with it."""
        return SourceUnavailableError(f"{self._name} {say(english, french)}")

    def refusal(self, english: str, french: str) -> SourceRefusedError:
        """Return what to raise if it refuses: its name, and what is to be mended."""
        return SourceRefusedError(f"{self._name} {say(english, french)}")

    def _broken(self) -> SourceUnavailableError:
        return self.trouble("broke the connection off", "a coupé la connexion")
