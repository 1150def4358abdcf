"""TCP session with a system that answers requests and sends messages by itself, with detection of a dead peer."""

import socket
import ssl
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import ClassVar, Final, Generic, TypeVar

from connectors.sdk.errors import SourceRefusedError, SourceUnavailableError
from connectors.sdk.telephony import decode_text
from models.locale import _

START_SECONDS: Final = 20.0
"""Timeout of all answers together, for a login with its lists. An instance without progress for 60 seconds counts as stuck."""
CONNECT_SECONDS: Final = 5.0
"""Timeout of connecting and of sending."""
LEAVE_SECONDS: Final = 0.2
PING_SECONDS: Final = 15.0
"""Longest time without received data before a ping is sent."""
ANSWER_SECONDS: Final = 30.0
"""Time without received data after a ping until the connection counts as dead."""
CHUNK_BYTES: Final = 262_144
MessageT = TypeVar("MessageT")


def read_headers(block: bytes, end_of_line: bytes) -> dict[str, str]:
    """Return the headers in lines `Name: value`; of repeated names, the first."""
    headers: dict[str, str] = {}
    for line in block.split(end_of_line):
        name, colon, value = line.partition(b":")
        if colon:
            headers.setdefault(name.decode("ascii", "replace"), decode_text(value.strip(b" \r")))
    return headers


class SocketSession(ABC, Generic[MessageT]):
    """One connection, with TLS if `secure` is given. Close it after an error.

    Construction and all methods that send or receive raise `SourceUnavailableError` if the connection breaks or no answer comes.
    """

    ping: ClassVar[bytes]
    """Request that has no effect."""
    farewell: ClassVar[bytes]
    """Request that ends the session."""
    unreachable: ClassVar[str]

    def __init__(self, address: tuple[str, int], secure: ssl.SSLContext | None = None) -> None:
        self._name = "{}:{}".format(*address)
        self._inbox = deque[MessageT]()
        self._skipped: list[MessageT] = []
        """Messages received before an answer."""
        self.heard_at = self.asked_at = time.monotonic()
        self.restart_timeout()
        try:
            plain = socket.create_connection(address, CONNECT_SECONDS)
        except OSError:
            raise self.trouble(_(self.unreachable)) from None
        try:
            self._socket = secure.wrap_socket(plain, server_hostname=address[0]) if secure else plain
        except OSError:  # includes errors of TLS
            plain.close()
            raise self.trouble(_("speaks no TLS, or shows a certificate that is not trusted here")) from None

    @abstractmethod
    def feed(self, content: bytes) -> Iterable[MessageT]:
        """Add received bytes, and return the messages that they complete."""

    def receive_messages(self, wait_seconds: float) -> list[MessageT]:
        """Return received messages in order, skipped ones first. Without any, wait up to `wait_seconds` for bytes.

        If these complete no message, return none. In that case send a ping if one is due, or raise if the last one was not
        answered in time.
        """
        if not self._skipped and not self._inbox:
            self._fill_inbox(wait_seconds)
        messages = [*self.take_skipped(), *self._inbox]
        self._inbox.clear()
        if not messages:
            self._check_alive()
        return messages

    def take_skipped(self) -> list[MessageT]:
        """Return the messages that `await_message` skipped, and forget them."""
        messages, self._skipped = self._skipped, []
        return messages

    def await_message(self, is_wanted: Callable[[MessageT], bool]) -> MessageT:
        """Return the next message that is wanted. Those before it are kept for `take_skipped` or `receive_messages`.

        Raises `SourceUnavailableError` if the timeout of `restart_timeout`, or of the construction, ends first.
        """
        while True:
            while self._inbox:
                message = self._inbox.popleft()
                if is_wanted(message):
                    return message
                self._skipped.append(message)
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise self.trouble(_("does not answer in time"))
            self._fill_inbox(left)

    def restart_timeout(self) -> None:
        """Restart the timeout of `START_SECONDS`, which all following answers share."""
        self._deadline = time.monotonic() + START_SECONDS

    def send(self, content: bytes) -> None:
        """Send all bytes."""
        try:
            self._socket.settimeout(CONNECT_SECONDS)
            self._socket.sendall(content)
        except OSError:
            raise self._broken() from None

    def read(self, wait_seconds: float, limit: int = CHUNK_BYTES) -> bytes:
        """Return received bytes, at most `limit`; none after `wait_seconds` without any. Raises if the connection has ended."""
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

    def close(self) -> None:
        """Send `farewell`, for at most `LEAVE_SECONDS`, and close the socket. A broken connection raises nothing."""
        with suppress(OSError):
            self._socket.settimeout(LEAVE_SECONDS)
            self._socket.sendall(self.farewell)
        self._socket.close()

    def trouble(self, problem: str) -> SourceUnavailableError:
        """Return the error to raise, with the address and a description of the problem."""
        return SourceUnavailableError(f"{self._name} {problem}")

    def refusal(self, problem: str) -> SourceRefusedError:
        """Return the error to raise if the system refuses access, with the address and the required correction."""
        return SourceRefusedError(f"{self._name} {problem}")

    def _fill_inbox(self, wait_seconds: float) -> None:
        self._inbox += self.feed(self.read(wait_seconds))

    def _check_alive(self) -> None:
        """Send a ping if one is due. Raise if nothing came within `ANSWER_SECONDS` after the last one."""
        now = time.monotonic()
        if self.asked_at <= self.heard_at:
            if now - self.heard_at > PING_SECONDS:
                self.asked_at = now
                self.send(self.ping)
        elif now - self.asked_at > ANSWER_SECONDS:
            raise self.trouble(_("does not answer any more"))

    def _broken(self) -> SourceUnavailableError:
        return self.trouble(_("broke the connection off"))
