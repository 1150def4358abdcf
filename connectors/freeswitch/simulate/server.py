"""An event socket that does not exist, on this machine: it speaks as FreeSWITCH's does, and refuses what that refuses.

Who has not shown the password can do nothing else; a wrong one ends the connection; only events that were asked for are told;
what happened while nobody was there is not told again.
"""

from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from connectors.freeswitch.event_socket_protocol import EVENT, Message
from connectors.freeswitch.simulate.callcenter import CallcenterChange, Tables
from connectors.sdk.simulation.event_server import ClientConnection, EventServer

PASSWORD: Final = "mot-de-passe-de-simulation"  # noqa: S105 - of a simulation
USER: Final = "accueil@default"
SAFE: Final = "!$'()*,-./_~"
"""What `switch_url_encode` leaves as it is, beside letters and digits."""
MAX_COMMAND_BYTES: Final = 65_536


class EventSocket(EventServer):
    """Tells what happens in `tables` to whoever has shown the password. `clock` says what time it is there."""

    def __init__(self, tables: Tables, clock: Callable[[], float], *, port: int = 0, password: str = PASSWORD) -> None:
        self.tables = tables
        self.clock = clock
        self.password = password
        super().__init__(_Connection, port=port)

    def happen(self, happening: CallcenterChange) -> None:
        """Let something happen, and tell it."""
        with self.lock:
            self.tables.change(happening)
            for event in happening.events:
                self.send_event(event)

    def answered(self, listener: ClientConnection, asked: str) -> None:
        """Take note of what one has asked, and was answered."""


class _Connection(ClientConnection):
    event_server: EventSocket

    def handle(self) -> None:
        self._known = False
        self._wanted: set[str] = set()
        pending = b""
        self.send(b"Content-Type: auth/request\n\n")
        while len(pending) < MAX_COMMAND_BYTES and (content := self.request.recv(65_536)):
            *commands, pending = (pending + content).split(b"\n\n")
            for command in commands:
                if not self._obey(command.decode().strip()):
                    return

    def send_event(self, event: Message) -> None:
        """Send an event if it was asked for."""
        if event.get("Event-Subclass", event["Event-Name"]) in self._wanted:
            body = "".join(f"{name}: {quote(value, safe=SAFE)}\n" for name, value in event.items()) + "\n"
            self.send(f"Content-Length: {len(body)}\nContent-Type: {EVENT}\n\n{body}".encode())

    def _obey(self, command: str) -> bool:
        """Answer a command; return whether the connection goes on."""
        verb, _, rest = command.partition(" ")
        if verb == "exit":
            self._reply("+OK bye")
            return False
        if not self._known:
            shown = {"auth": self.event_server.password, "userauth": f"{USER}:{self.event_server.password}"}
            self._known = bool(rest) and rest == shown.get(verb)
            self.event_server.refusals += not self._known
            self._reply("+OK accepted" if self._known else "-ERR invalid")
            return self._known
        if verb == "event" and rest.startswith("plain "):
            kinds = rest.split()[1:]
            self._wanted = {kind for kind in kinds if kind != "CUSTOM"}
            with self.event_server.lock:
                self._reply("+OK event listener enabled plain")
                self.event_server.subscribe(self)
        elif verb == "api":
            with self.event_server.lock:
                self._answer(rest)
        else:
            self.event_server.refusals += 1
            self._reply("-ERR command not found")
        return True

    def _answer(self, asked: str) -> None:
        name, _, arguments = asked.partition(" ")
        match name:
            case "callcenter_config":
                body = self.event_server.tables.answer(arguments)
            case "strepoch":
                body = str(int(self.event_server.clock()))
            case _:
                self.event_server.refusals += 1
                body = f"-ERR {name} Command not found!\n"
        content = body.encode()
        self.send(f"Content-Type: api/response\nContent-Length: {len(content)}\n\n".encode() + content)
        self.event_server.answered(self, asked)

    def _reply(self, text: str) -> None:
        self.send(f"Content-Type: command/reply\nReply-Text: {text}\n\n".encode())
