"""Simulated event socket on this machine, with FreeSWITCH's responses and refusals."""

from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from connectors.freeswitch.event_socket_protocol import EVENT
from connectors.freeswitch.simulate.callcenter import CallcenterChange, Tables
from connectors.sdk.journaled_stream import Message
from connectors.sdk.simulation.event_server import ClientConnection, EventServer

PASSWORD: Final = "mot-de-passe-de-simulation"  # noqa: S105 - of a simulation
USER: Final = "accueil@default"
SAFE: Final = "!$'()*,-./_~"
"""Characters that `switch_url_encode` leaves unchanged, in addition to letters and digits."""
MAX_COMMAND_BYTES: Final = 65_536


class EventSocket(EventServer):
    """Sends events, and lists of `tables`, to authenticated clients. `clock` returns the time in seconds since 1970."""

    def __init__(self, tables: Tables, clock: Callable[[], float], *, port: int = 0) -> None:
        self.tables = tables
        self.clock = clock
        super().__init__(_Connection, port=port)

    def apply(self, change: CallcenterChange) -> None:
        """Apply a change to the tables, and send its events to the clients that subscribed to them."""
        with self.lock:
            self.tables.change(change)
            for event in change.events:
                self.send_event(event)

    def answered(self, client: ClientConnection, command: str) -> None:
        """Hook, called after each answered API command; does nothing by default."""


class _Connection(ClientConnection):
    event_server: EventSocket

    def handle(self) -> None:
        self._authenticated = False
        self._subscribed: set[str] = set()
        pending = b""
        self.send(b"Content-Type: auth/request\n\n")
        while len(pending) < MAX_COMMAND_BYTES and (content := self.request.recv(65_536)):
            *commands, pending = (pending + content).split(b"\n\n")
            for command in commands:
                if not self._handle_command(command.decode().strip()):
                    return

    def send_event(self, event: Message) -> None:
        """Send an event if the client subscribed to its subclass, or else to its name."""
        if event.get("Event-Subclass", event["Event-Name"]) in self._subscribed:
            body = "".join(f"{name}: {quote(value, safe=SAFE)}\n" for name, value in event.items()) + "\n"
            self.send(f"Content-Length: {len(body)}\nContent-Type: {EVENT}\n\n{body}".encode())

    def _handle_command(self, command: str) -> bool:
        """Answer a command; return whether the connection continues."""
        verb, _, rest = command.partition(" ")
        if verb == "exit":
            self._reply("+OK bye")
            return False
        if not self._authenticated:
            credentials = {"auth": PASSWORD, "userauth": f"{USER}:{PASSWORD}"}
            self._authenticated = bool(rest) and rest == credentials.get(verb)
            self.event_server.refusals += not self._authenticated
            self._reply("+OK accepted" if self._authenticated else "-ERR invalid")
            return self._authenticated
        if verb == "event" and rest.startswith("plain "):
            kinds = rest.split()[1:]
            self._subscribed = {kind for kind in kinds if kind != "CUSTOM"}
            with self.event_server.lock:
                self._reply("+OK event listener enabled plain")
                self.event_server.subscribe(self)
        elif verb == "api":
            with self.event_server.lock:
                self._run_api(rest)
        else:
            self.event_server.refusals += 1
            self._reply("-ERR command not found")
        return True

    def _run_api(self, command: str) -> None:
        is_clock = command == "strepoch"
        body = str(int(self.event_server.clock())) if is_clock else self.event_server.tables.answer(command)
        content = body.encode()
        self.send(f"Content-Type: api/response\nContent-Length: {len(content)}\n\n".encode() + content)
        self.event_server.answered(self, command)

    def _reply(self, text: str) -> None:
        self.send(f"Content-Type: command/reply\nReply-Text: {text}\n\n".encode())
