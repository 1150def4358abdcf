"""Server on this machine that sends events to its connected clients.

A client gets no events from before it subscribed.
"""

import socket
import socketserver
import ssl
import struct
import threading
from abc import abstractmethod
from contextlib import suppress
from typing import Any, Final

from connectors.sdk.simulation import HOST

SEND_SECONDS: Final = 5
"""Timeout of sending; clients that exceed it are disconnected."""


class EventServer:
    """Accepts connections at `port` (0: any free port), each handled by an instance of `kind`. Raises `OSError`."""

    def __init__(self, kind: "type[ClientConnection]", *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.refusals = 0
        """Number of refused requests."""
        self.lock = threading.RLock()
        """Held while the state changes, and while a new client gets the current state."""
        self._clients: list[ClientConnection] = []
        self._server = _Server((HOST, port), kind)
        self._server.event_server, self._server.tls = self, tls
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="events", daemon=True)
        self._thread.start()

    @property
    def listeners(self) -> int:
        """Number of subscribed clients."""
        return len(self._clients)

    def send_event(self, event: dict[str, str]) -> None:
        """Send an event to all subscribed clients; disconnect those to which it cannot be sent."""
        with self.lock:
            for client in [*self._clients]:
                try:
                    client.send_event(event)
                except OSError:
                    client.hang_up()
                    self._clients.remove(client)

    def subscribe(self, client: "ClientConnection") -> None:
        """Send events to `client` from now on."""
        with self.lock:
            self._clients.append(client)

    def unsubscribe(self, client: "ClientConnection") -> None:
        """Stop sending events to `client`."""
        with self.lock:
            if client in self._clients:
                self._clients.remove(client)

    def drop_all(self) -> None:
        """Disconnect all subscribed clients, as a restart does; they may connect again. Other connections stay open."""
        with self.lock:
            clients, self._clients = self._clients, []
        for client in clients:
            client.hang_up()

    def close(self) -> None:
        """Stop accepting connections, and disconnect all subscribed clients."""
        self._server.shutdown()
        self._server.server_close()
        self.drop_all()
        self._thread.join()


class ClientConnection(socketserver.BaseRequestHandler):
    """One connection, in its own thread: `handle` answers its requests until it ends."""

    server: "_Server"
    request: socket.socket
    event_server: Any
    """The `EventServer`, of the system's own class."""

    def setup(self) -> None:
        """Set `event_server`; called before `handle`."""
        self.event_server = self.server.event_server
        self._sending = threading.Lock()

    @abstractmethod
    def send_event(self, event: dict[str, str]) -> None:
        """Send an event, if the client asked for such events. Raises `OSError` if the connection is lost."""

    def send(self, content: bytes) -> None:
        """Send bytes. Raises `OSError`."""
        with self._sending:
            self.request.sendall(content)

    def hang_up(self) -> None:
        """Shut the connection down, so that `handle` ends. Raises nothing."""
        with suppress(OSError):
            self.request.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        """Unsubscribe when the connection ends."""
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
        """Ignore clients that disconnect early."""
