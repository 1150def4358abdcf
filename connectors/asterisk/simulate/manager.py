"""A manager interface that does not exist, on this machine: it speaks as Asterisk's does, and refuses what that refuses.

Who is not logged in can do nothing else; a wrong secret ends the connection; only classes that were asked for are told; what
happened while nobody was there is not told again.
"""

import hashlib
import secrets
import socket
import socketserver
import ssl
import struct
import threading
from contextlib import suppress
from typing import Any, Final

from connectors.asterisk.manager.wire import Message, Reader
from connectors.asterisk.simulate.voice import Event, Voice

HOST: Final = "127.0.0.1"
USERNAME: Final = "accueil"
SECRET: Final = "mot-de-passe-de-simulation"  # noqa: S105 - of a simulation
BANNER: Final = b"Asterisk Call Manager/9.0.0\r\n"
SEND_SECONDS: Final = 5
"""Who takes in nothing for so long is cut off."""


class ManagerServer:
    """Tells the lines of a simulated `queue_log`, as they are written, to whoever has logged in."""

    def __init__(self, voice: Voice, *, port: int = 0, secret: str = SECRET, tls: ssl.SSLContext | None = None) -> None:
        self.voice = voice
        self.secret = secret
        self.refusals = 0
        """How many requests were refused."""
        self._lock = threading.Lock()
        self._listeners: list[_Connection] = []
        self._server = _Server((HOST, port), _Connection)
        self._server.manager = self
        self._server.tls = tls
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="manager", daemon=True)
        self._thread.start()

    @property
    def listeners(self) -> int:
        """How many have logged in and are told what happens."""
        return len(self._listeners)

    def publish(self, line: str, at: float) -> None:
        """Tell what a line says that is written at `at`, seconds since 1970."""
        with self._lock:
            for event in self.voice.tell(line, at):
                self._tell(event)

    def drop_all(self) -> None:
        """Cut all connections, as a restart does; who comes again is welcome."""
        with self._lock:
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
        """Take in one who has logged in and wants to be told."""
        with self._lock:
            self._listeners.append(listener)

    def forget(self, listener: "_Connection") -> None:
        """Tell one no more."""
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)

    def list_queues(self, listener: "_Connection", action_id: Event) -> None:
        """Answer `QueueStatus`."""
        with self._lock:
            listener.send(
                {"Response": "Success"} | action_id | {"EventList": "start", "Message": "Queue status will follow"}
            )
            rows = self.voice.list_queues()
            for row in rows:
                listener.send(row | action_id)
            done = {"Event": "QueueStatusComplete"} | action_id
            listener.send(done | {"EventList": "Complete", "ListItems": str(len(rows))})

    def _tell(self, event: Event) -> None:
        for listener in [*self._listeners]:
            if not listener.tell(event):
                self._listeners.remove(listener)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    manager: ManagerServer
    tls: ssl.SSLContext | None

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", SEND_SECONDS, 0))
        return (self.tls.wrap_socket(connection, server_side=True) if self.tls else connection), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of who left in the middle."""


class _Connection(socketserver.BaseRequestHandler):
    server: _Server
    request: socket.socket

    def setup(self) -> None:
        self._sending = threading.Lock()

    def handle(self) -> None:
        self._classes: set[str] = set()
        self._challenge = ""
        self._known = False
        reader = Reader()
        try:
            self.request.sendall(BANNER)
            while content := self.request.recv(65_536):
                for action in reader.feed(content):
                    if not self._answer(action):
                        return
        finally:
            self.server.manager.forget(self)

    def tell(self, event: Event) -> bool:
        """Send an event if its class was asked for; return whether one is still there."""
        try:
            if event["Privilege"].partition(",")[0] in self._classes:
                self.send(event)
        except OSError:
            self.hang_up()
            return False
        return True

    def send(self, message: Event) -> None:
        lines = "".join(f"{key}: {value}\r\n" for key, value in message.items())
        with self._sending:
            self.request.sendall(f"{lines}\r\n".encode())

    def hang_up(self) -> None:
        with suppress(OSError):
            self.request.shutdown(socket.SHUT_RDWR)

    def _answer(self, action: Message) -> bool:
        """Answer an action, and return whether to go on."""
        manager = self.server.manager
        action_id = {"ActionID": action["ActionID"]} if action.get("ActionID") else {}
        match action.get("Action", "").lower():
            case "challenge" if action.get("AuthType", "").lower() == "md5":
                self._challenge = f"{secrets.randbelow(1_000_000_000)}"
                self.send({"Response": "Success"} | action_id | {"Challenge": self._challenge})
            case "login":
                if not self._is_right(action):
                    self._refuse(action_id, "Authentication failed")
                    return False
                self._known = True
                self.send({"Response": "Success"} | action_id | {"Message": "Authentication accepted"})
                mask = action.get("Events", "on")
                if mask != "off":
                    self._classes = {"agent", "call", "dialplan", "user"} if mask == "on" else set(mask.split(","))
                    manager.welcome(self)
            case "logoff":
                self.send({"Response": "Goodbye"} | action_id | {"Message": "Thanks for all the fish."})
                return False
            case _ if not self._known:
                self._refuse(action_id, "Permission denied")
            case "ping":
                now = {"Ping": "Pong", "Timestamp": f"{manager.voice.now:.6f}"}
                self.send({"Response": "Success"} | action_id | now)
            case "queuestatus":
                manager.list_queues(self, action_id)
            case other:
                self._refuse(
                    action_id, f"Invalid/unknown command: {other}. Use Action: ListCommands to show available commands."
                )
        return True

    def _refuse(self, action_id: Event, why: str) -> None:
        self.server.manager.refusals += 1
        self.send({"Response": "Error"} | action_id | {"Message": why})

    def _is_right(self, login: Message) -> bool:
        secret = self.server.manager.secret
        if login.get("AuthType", "").lower() == "md5":
            key = hashlib.md5(f"{self._challenge}{secret}".encode(), usedforsecurity=False).hexdigest()
            shown = bool(self._challenge) and login.get("Key") == key
        else:
            shown = login.get("Secret") == secret
        return shown and login.get("Username") == USERNAME
