"""One connection to the event socket: known there, with what is so at its beginning, and then what happens."""

import time
from collections import deque
from typing import Final

from connectors.freeswitch.config import FreeswitchConfig
from connectors.freeswitch.event_socket_protocol import (
    EVENT,
    MAX_LISTED,
    Frame,
    FrameReader,
    Message,
    UnreadableError,
    event_of,
    rows_of,
)
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.socket_connection import SocketConnection

START_SECONDS: Final = 20.0
"""How long it may take until all is listed, whenever that is; an instance that does not move for 60 seconds is stuck."""
OVERSIZED: Final = "=oversized"
"""The `Event-Name` of an event that was too long to be kept."""
ANSWERS: Final = frozenset({"command/reply", "api/response"})
LEAVING: Final = frozenset({"text/disconnect-notice", "text/rude-rejection"})
CLOCK: Final = "api strepoch"
UNREACHABLE: Final = (
    "cannot be reached: is mod_event_socket loaded, and the network there?",
    "est injoignable : mod_event_socket est-il chargé, et le réseau là ?",
)


class EventSocketSession:
    """Raises `SourceUnavailableError` from its making and from all that it does; then it is over: close it."""

    def __init__(self, config: FreeswitchConfig) -> None:
        self._config = config
        self._peer = SocketConnection((config.host, config.port), UNREACHABLE, None)
        self._reader = FrameReader()
        self.begin_lists()
        self._frames = deque[Frame]()
        self._events = deque[Message]()
        self._before_answer = 0
        """How many events came before the last answer."""
        try:
            self._show_password()
            # Those before CUSTOM are kinds, those after it subclasses.
            calls = "CHANNEL_CREATE " if config.dids else ""
            self._command(f"event plain {calls}CUSTOM callcenter::info")
        except BaseException:
            self.close()
            raise

    def receive(self, wait_seconds: float) -> list[Message]:
        """Return the events that came, in order; nothing after `wait_seconds` without any."""
        if not self._events:
            self._take(wait_seconds)
            self._sort()
            if not self._events:
                self._peer.check_alive(_line(CLOCK))
        told = [*self._events]
        self._events.clear()
        return told

    def drain_until_now(self) -> list[Message]:
        """Return the events of what had happened by now; those that come after it are received."""
        self.clock()
        return [self._events.popleft() for _ in range(self._before_answer)]

    def clock(self) -> float:
        """Return what time it is there, seconds since 1970; ours if it does not say."""
        said = self._ask(CLOCK).strip()
        return float(said) if said.isascii() and said.isdecimal() and len(said) < 12 else time.time()

    def list_members(self) -> list[Message]:
        """Return a row for each caller who waits, talks, or gave up not long ago."""
        rows: list[Message] = []
        for queue in self._list("queue list", "record_template"):
            if (name := queue.get("name", "")) and not any(one.isspace() for one in name):
                rows += self._list(f"queue list members {name}", "cid_name")
        return rows

    def list_agents(self) -> list[Message]:
        """Return a row for each agent."""
        return self._list("agent list", "contact")

    def list_tiers(self) -> list[Message]:
        """Return a row for each agent in each queue."""
        return self._list("tier list", "")

    def begin_lists(self) -> None:
        """Give it time anew for answers."""
        self._deadline = time.monotonic() + START_SECONDS

    def close(self) -> None:
        """Leave."""
        self._peer.close(_line("exit"))

    def _show_password(self) -> None:
        greeting = self._await()
        if greeting.kind == "text/rude-rejection":
            raise self._peer.refusal(
                "takes no connection from this machine: its apply-inbound-acl forbids it",
                "n'accepte pas de connexion de cette machine : son apply-inbound-acl l'interdit",
            )
        if greeting.kind != "auth/request":
            raise self._no_socket()
        password = self._config.password.get_secret_value()
        user = self._config.user
        self._peer.send(_line(f"userauth {user}:{password}" if user else f"auth {password}"))
        if not self._await().headers.get("Reply-Text", "").startswith("+OK"):
            raise self._peer.refusal("refuses the password", "refuse le mot de passe")

    def _command(self, command: str) -> None:
        self._peer.send(_line(command))
        if not self._await().headers.get("Reply-Text", "").startswith("+OK"):
            raise self._peer.refusal(
                "refuses its events: may this user have CUSTOM callcenter::info, and CHANNEL_CREATE for dids?",
                "refuse ses événements : cet utilisateur a-t-il droit à CUSTOM callcenter::info, et CHANNEL_CREATE pour dids ?",
            )

    def _ask(self, command: str) -> str:
        self._peer.send(_line(command))
        answer = self._await()
        return answer.body.decode("utf-8", "replace") or answer.headers.get("Reply-Text", "")

    def _list(self, what: str, text: str) -> list[Message]:
        rows = rows_of(self._ask(f"api callcenter_config {what}"), text)
        if rows is None or len(rows) > MAX_LISTED:
            what = f"callcenter_config {what.partition(' members')[0]}"
            raise self._peer.trouble(
                f"does not answer {what}: is mod_callcenter loaded, and may it be asked?",
                f"ne répond pas à {what} : mod_callcenter est-il chargé, et peut-on le lui demander ?",
            )
        return rows

    def _await(self) -> Frame:
        """Return the next frame that is no event."""
        while not self._frames:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise self._peer.trouble("does not answer in time", "ne répond pas à temps")
            self._take(left)
        if self._frames[0].kind == "text/disconnect-notice":
            raise self._leaves()
        return self._frames.popleft()

    def _sort(self) -> None:
        """Let go of answers that nobody waits for."""
        if any(frame.kind in LEAVING for frame in self._frames):
            raise self._leaves()
        self._frames.clear()

    def _take(self, wait_seconds: float) -> None:
        try:
            frames = self._reader.feed(self._peer.receive(wait_seconds))
        except UnreadableError:
            raise self._no_socket() from None
        for frame in frames:
            if frame.kind == EVENT:
                self._events.append({"Event-Name": OVERSIZED} if frame.oversized else event_of(frame.body))
            elif frame.kind in ANSWERS or frame.kind in LEAVING or frame.kind == "auth/request":
                self._frames.append(frame)
                self._before_answer = len(self._events)

    def _leaves(self) -> SourceUnavailableError:
        return self._peer.trouble("ends the connection", "met fin à la connexion")

    def _no_socket(self) -> SourceUnavailableError:
        return self._peer.trouble("is no event socket of FreeSWITCH", "n'est pas un event socket de FreeSWITCH")


def _line(command: str) -> bytes:
    return f"{command}\n\n".encode()
