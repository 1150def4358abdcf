"""A manager interface that does not exist, on this machine: it speaks as Asterisk's does, and refuses what that refuses.

Who is not logged in can do nothing else; a wrong secret ends the connection; only classes that were asked for are told; what
happened while nobody was there is not told again.
"""

import hashlib
import secrets
import ssl
from typing import Final

from connectors.asterisk.manager.ami_protocol import Message, MessageReader
from connectors.asterisk.simulate.ami_events import AmiEventWriter, Event
from connectors.sdk.simulation.event_server import ClientConnection, EventServer

USERNAME: Final = "accueil"
SECRET: Final = "mot-de-passe-de-simulation"  # noqa: S105 - of a simulation
BANNER: Final = b"Asterisk Call Manager/9.0.0\r\n"


class ManagerServer(EventServer):
    """Tells the lines of a simulated `queue_log`, as they are written, to whoever has logged in."""

    def __init__(
        self, voice: AmiEventWriter, *, port: int = 0, secret: str = SECRET, tls: ssl.SSLContext | None = None
    ) -> None:
        self.voice = voice
        self.secret = secret
        super().__init__(_Connection, port=port, tls=tls)

    def publish(self, line: str, at: float) -> None:
        """Tell what a line says that is written at `at`, seconds since 1970."""
        with self.lock:
            for event in self.voice.events_for(line, at):
                self.send_event(event)

    def list_queues(self, listener: "_Connection", action_id: Event) -> None:
        """Answer `QueueStatus`."""
        with self.lock:
            listener.send_message(
                {"Response": "Success"} | action_id | {"EventList": "start", "Message": "Queue status will follow"}
            )
            rows = self.voice.list_queues()
            for row in rows:
                listener.send_message(row | action_id)
            done = {"Event": "QueueStatusComplete"} | action_id
            listener.send_message(done | {"EventList": "Complete", "ListItems": str(len(rows))})


class _Connection(ClientConnection):
    event_server: ManagerServer

    def handle(self) -> None:
        self._classes: set[str] = set()
        self._challenge = ""
        self._known = False
        reader = MessageReader()
        self.send(BANNER)
        while content := self.request.recv(65_536):
            for action in reader.feed(content):
                if not self._answer(action):
                    return

    def send_event(self, event: Event) -> None:
        """Send an event if its class was asked for."""
        if event["Privilege"].partition(",")[0] in self._classes:
            self.send_message(event)

    def send_message(self, message: Event) -> None:
        """Send a message."""
        lines = "".join(f"{key}: {value}\r\n" for key, value in message.items())
        self.send(f"{lines}\r\n".encode())

    def _answer(self, action: Message) -> bool:
        """Answer an action, and return whether to go on."""
        action_id = {"ActionID": action["ActionID"]} if action.get("ActionID") else {}
        match action.get("Action", "").lower():
            case "challenge" if action.get("AuthType", "").lower() == "md5":
                self._challenge = f"{secrets.randbelow(1_000_000_000)}"
                self.send_message({"Response": "Success"} | action_id | {"Challenge": self._challenge})
            case "login":
                if not self._is_right(action):
                    self._refuse(action_id, "Authentication failed")
                    return False
                self._known = True
                self.send_message({"Response": "Success"} | action_id | {"Message": "Authentication accepted"})
                mask = action.get("Events", "on")
                if mask != "off":
                    self._classes = {"agent", "call", "dialplan", "user"} if mask == "on" else set(mask.split(","))
                    self.event_server.subscribe(self)
            case "logoff":
                self.send_message({"Response": "Goodbye"} | action_id | {"Message": "Thanks for all the fish."})
                return False
            case _ if not self._known:
                self._refuse(action_id, "Permission denied")
            case "ping":
                now = {"Ping": "Pong", "Timestamp": f"{self.event_server.voice.now:.6f}"}
                self.send_message({"Response": "Success"} | action_id | now)
            case "queuestatus":
                self.event_server.list_queues(self, action_id)
            case other:
                self._refuse(
                    action_id, f"Invalid/unknown command: {other}. Use Action: ListCommands to show available commands."
                )
        return True

    def _refuse(self, action_id: Event, why: str) -> None:
        self.event_server.refusals += 1
        self.send_message({"Response": "Error"} | action_id | {"Message": why})

    def _is_right(self, login: Message) -> bool:
        secret = self.event_server.secret
        if login.get("AuthType", "").lower() == "md5":
            key = hashlib.md5(f"{self._challenge}{secret}".encode(), usedforsecurity=False).hexdigest()
            shown = bool(self._challenge) and login.get("Key") == key
        else:
            shown = login.get("Secret") == secret
        return shown and login.get("Username") == USERNAME
