"""An event socket that does not exist, on this machine: it speaks as FreeSWITCH's does, and refuses what that refuses.

Who has not shown the password can do nothing else; a wrong one ends the connection; only events that were asked for are told;
what happened while nobody was there is not told again.
"""

import socket
import socketserver
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final
from urllib.parse import quote

from connectors.freeswitch.simulate.callcenter import Happening, Tables
from connectors.freeswitch.wire import EVENT, Message
from connectors.sdk.simulating import HOST

PASSWORD: Final = "mot-de-passe-de-simulation"  # noqa: S105 - of a simulation
USER: Final = "accueil@default"
SAFE: Final = "!$'()*,-./_~"
"""What `switch_url_encode` leaves as it is, beside letters and digits."""
SEND_SECONDS: Final = 5
"""Who takes in nothing for so long is cut off."""
MAX_COMMAND_BYTES: Final = 65_536


class EventSocket:
    """Tells what happens in `tables` to whoever has shown the password. `clock` says what time it is there."""

    def __init__(self, tables: Tables, clock: Callable[[], float], *, port: int = 0, password: str = PASSWORD) -> None:
        self.tables = tables
        self.clock = clock
        self.password = password
        self.refusals = 0
        """How many requests were refused."""
        self.lock = threading.RLock()
        self._listeners: list[_Connection] = []
        self._server = _Server((HOST, port), _Connection)
        self._server.event_socket = self
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="event-socket", daemon=True
        )
        self._thread.start()

    @property
    def listeners(self) -> int:
        """How many are told what happens."""
        return len(self._listeners)

    def happen(self, happening: Happening) -> None:
        """Let something happen, and tell it."""
        with self.lock:
            self.tables.change(happening)
            for event in happening.events:
                for listener in [*self._listeners]:
                    if not listener.tell(event):
                        self._listeners.remove(listener)

    def drop_all(self) -> None:
        """Cut all connections, as a restart does; who comes again is welcome."""
        with self.lock:
            listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener.hang_up()

    def close(self) -> None:
        """Cut all connections and listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self.drop_all()
        self._thread.join()

    def welcome(self, listener: "_Connection") -> None:
        """Take in one who asked for events."""
        with self.lock:
            self._listeners.append(listener)

    def answered(self, listener: "_Connection", asked: str) -> None:
        """Take note of what one has asked, and was answered."""

    def forget(self, listener: "_Connection") -> None:
        """Tell one no more."""
        with self.lock:
            if listener in self._listeners:
                self._listeners.remove(listener)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    event_socket: EventSocket

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of who left in the middle."""


class _Connection(socketserver.BaseRequestHandler):
    server: _Server
    request: socket.socket

    def setup(self) -> None:
        self._sending = threading.Lock()
        self._known = False
        self._wanted: set[str] = set()
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", SEND_SECONDS, 0))

    def handle(self) -> None:
        pending = b""
        with suppress(OSError):
            self._send(b"Content-Type: auth/request\n\n")
            while len(pending) < MAX_COMMAND_BYTES and (content := self.request.recv(65_536)):
                *commands, pending = (pending + content).split(b"\n\n")
                for command in commands:
                    if not self._obey(command.decode().strip()):
                        return

    def finish(self) -> None:
        self.server.event_socket.forget(self)

    def hang_up(self) -> None:
        """Cut the connection."""
        with suppress(OSError):
            self.request.shutdown(socket.SHUT_RDWR)

    def tell(self, event: Message) -> bool:
        """Tell an event if it was asked for; return whether anybody is there."""
        if event.get("Event-Subclass", event["Event-Name"]) not in self._wanted:
            return True
        body = "".join(f"{name}: {quote(value, safe=SAFE)}\n" for name, value in event.items()) + "\n"
        head = f"Content-Length: {len(body)}\nContent-Type: {EVENT}\n\n"
        try:
            self._send((head + body).encode())
        except OSError:
            return False
        return True

    def _obey(self, command: str) -> bool:
        """Answer a command; return whether the connection goes on."""
        told, (verb, _, rest) = self.server.event_socket, command.partition(" ")
        if verb == "exit":
            self._reply("+OK bye")
            return False
        if not self._known:
            shown = {"auth": told.password, "userauth": f"{USER}:{told.password}"}
            self._known = bool(rest) and rest == shown.get(verb)
            told.refusals += not self._known
            self._reply("+OK accepted" if self._known else "-ERR invalid")
            return self._known
        if verb == "event" and rest.startswith("plain "):
            kinds = rest.split()[1:]
            self._wanted = {kind for kind in kinds if kind != "CUSTOM"}
            with told.lock:
                self._reply("+OK event listener enabled plain")
                told.welcome(self)
        elif verb == "api":
            with told.lock:
                self._answer(rest)
        else:
            told.refusals += 1
            self._reply("-ERR command not found")
        return True

    def _answer(self, asked: str) -> None:
        name, _, arguments = asked.partition(" ")
        match name:
            case "callcenter_config":
                body = self.server.event_socket.tables.answer(arguments)
            case "strepoch":
                body = str(int(self.server.event_socket.clock()))
            case _:
                self.server.event_socket.refusals += 1
                body = f"-ERR {name} Command not found!\n"
        content = body.encode()
        self._send(f"Content-Type: api/response\nContent-Length: {len(content)}\n\n".encode() + content)
        self.server.event_socket.answered(self, asked)

    def _reply(self, text: str) -> None:
        self._send(f"Content-Type: command/reply\nReply-Text: {text}\n\n".encode())

    def _send(self, content: bytes) -> None:
        with self._sending:
            self.request.sendall(content)
