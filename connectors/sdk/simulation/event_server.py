"""A system that talks by itself, on this machine, to whoever listens: what connections to it have in common.

What happened while nobody was there is not told again.
"""

import socket
import socketserver
import ssl
import struct
import threading
from abc import abstractmethod
from contextlib import suppress
from typing import Any, Final

from connectors.sdk.simulation.cli_options import HOST

SEND_SECONDS: Final = 5
"""Who takes in nothing for so long is cut off."""


class EventServer:
    """Takes connections in at `port`, each a `Listener` of a `kind` of its own, with TLS if it is given; any free one if it is 0.

    Raises `OSError` if it cannot have the port.
    """

    def __init__(self, kind: "type[ClientConnection]", *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.refusals = 0
        """How many requests were refused."""
        self.lock = threading.RLock()
        """Held while something happens, and while a listener is told how things are."""
        self._listeners: list[ClientConnection] = []
        self._server = _Server((HOST, port), kind)
        self._server.event_server, self._server.tls = self, tls
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="talker", daemon=True)
        self._thread.start()

    @property
    def listeners(self) -> int:
        """How many are told what happens."""
        return len(self._listeners)

    def send_event(self, event: dict[str, str]) -> None:
        """Tell all who listen."""
        with self.lock:
            for listener in [*self._listeners]:
                try:
                    listener.send_event(event)
                except OSError:
                    listener.hang_up()
                    self._listeners.remove(listener)

    def subscribe(self, listener: "ClientConnection") -> None:
        """Take in one who is to be told from now on."""
        with self.lock:
            self._listeners.append(listener)

    def unsubscribe(self, listener: "ClientConnection") -> None:
        """Tell one no more."""
        with self.lock:
            if listener in self._listeners:
                self._listeners.remove(listener)

    def drop_all(self) -> None:
        """Cut all who listen, as a restart does; who comes again is welcome."""
        with self.lock:
            listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener.hang_up()

    def close(self) -> None:
        """Cut all who listen, and take no more connections in."""
        self._server.shutdown()
        self._server.server_close()
        self.drop_all()
        self._thread.join()


class ClientConnection(socketserver.BaseRequestHandler):
    """One connection, in a thread of its own: `handle` answers what is asked until it is over."""

    server: "_Server"
    request: socket.socket
    event_server: Any
    """The `Talker` of its own kind."""

    def setup(self) -> None:
        """Begin."""
        self.event_server = self.server.event_server
        self._sending = threading.Lock()

    @abstractmethod
    def send_event(self, event: dict[str, str]) -> None:
        """Send an event, if it was asked for. Raises `OSError` if nobody is there any more."""

    def send(self, content: bytes) -> None:
        """Send. Raises `OSError`."""
        with self._sending:
            self.request.sendall(content)

    def hang_up(self) -> None:
        """Cut the connection."""
        with suppress(OSError):
            self.request.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        """Be told no more."""
        self.event_server.unsubscribe(self)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    event_server: EventServer
    tls: ssl.SSLContext | None

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", SEND_SECONDS, 0))
        return (self.tls.wrap_socket(connection, server_side=True) if self.tls else connection), address

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of who left in the middle."""
