"""Simulated manager interface on this machine, with Asterisk's responses and refusals."""

import hashlib
import secrets
import ssl
from typing import Final

from connectors.asterisk.manager.ami_protocol import MessageReader
from connectors.asterisk.simulate.ami_events import AmiEventWriter, Event
from connectors.sdk.journaled_stream import Message
from connectors.sdk.simulation.event_server import ClientConnection, EventServer

USERNAME: Final = "accueil"
SECRET: Final = "mot-de-passe-de-simulation"  # noqa: S105 - of a simulation
BANNER: Final = b"Asterisk Call Manager/9.0.0\r\n"


class ManagerServer(EventServer):
    """Sends the lines of a simulated `queue_log` as events to logged-in clients."""

    def __init__(
        self, writer: AmiEventWriter, *, port: int = 0, secret: str = SECRET, tls: ssl.SSLContext | None = None
    ) -> None:
        self.writer = writer
        self.secret = secret
        super().__init__(_Connection, port=port, tls=tls)

    def publish(self, line: str, at: float) -> None:
        """Send the events of a line that is written at `at`, in seconds since 1970."""
        with self.lock:
            for event in self.writer.events_for(line, at):
                self.send_event(event)

    def list_queues(self, client: "_Connection", action_id: Event) -> None:
        """Send the answer to `QueueStatus` to `client`. Each message repeats the header `action_id`, if not empty."""
        with self.lock:
            client.send_message(
                {"Response": "Success"} | action_id | {"EventList": "start", "Message": "Queue status will follow"}
            )
            rows = self.writer.list_queues()
            for row in rows:
                client.send_message(row | action_id)
            done = {"Event": "QueueStatusComplete"} | action_id
            client.send_message(done | {"EventList": "Complete", "ListItems": str(len(rows))})


class _Connection(ClientConnection):
    event_server: ManagerServer

    def handle(self) -> None:
        self._classes: set[str] = set()
        self._challenge = ""
        self._logged_in = False
        reader = MessageReader()
        self.send(BANNER)
        while content := self.request.recv(65_536):
            for action in reader.feed(content):
                if not self._answer(action):
                    return

    def send_event(self, event: Event) -> None:
        """Send an event if the client requested the event's class at login."""
        if event["Privilege"].partition(",")[0] in self._classes:
            self.send_message(event)

    def send_message(self, message: Event) -> None:
        lines = "".join(f"{key}: {value}\r\n" for key, value in message.items())
        self.send(f"{lines}\r\n".encode())

    def _answer(self, action: Message) -> bool:
        """Answer an action, and return whether the connection continues."""
        action_id = {"ActionID": action["ActionID"]} if action.get("ActionID") else {}
        match action.get("Action", "").lower():
            case "challenge" if action.get("AuthType", "").lower() == "md5":
                self._challenge = f"{secrets.randbelow(1_000_000_000)}"
                self.send_message({"Response": "Success"} | action_id | {"Challenge": self._challenge})
            case "login":
                if not self._is_authenticated(action):
                    self._refuse(action_id, "Authentication failed")
                    return False
                self._logged_in = True
                self.send_message({"Response": "Success"} | action_id | {"Message": "Authentication accepted"})
                self._classes = set(action["Events"].split(","))
                self.event_server.subscribe(self)
            case "logoff":
                self.send_message({"Response": "Goodbye"} | action_id | {"Message": "Thanks for all the fish."})
                return False
            case "ping" if self._logged_in:
                now = {"Ping": "Pong", "Timestamp": f"{self.event_server.writer.now:.6f}"}
                self.send_message({"Response": "Success"} | action_id | now)
            case "queuestatus" if self._logged_in:
                self.event_server.list_queues(self, action_id)
            case _:
                self._refuse(action_id, "Permission denied")
        return True

    def _refuse(self, action_id: Event, reason: str) -> None:
        self.event_server.refusals += 1
        self.send_message({"Response": "Error"} | action_id | {"Message": reason})

    def _is_authenticated(self, login: Message) -> bool:
        secret = self.event_server.secret
        if login.get("AuthType", "").lower() == "md5":
            key = hashlib.md5(f"{self._challenge}{secret}".encode(), usedforsecurity=False).hexdigest()
            is_valid = bool(self._challenge) and login.get("Key") == key
        else:
            is_valid = login.get("Secret") == secret
        return is_valid and login.get("Username") == USERNAME
