"""One authenticated connection to the event socket: lists at its start, then events."""

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
from models.locale import N_, _

START_SECONDS: Final = 20.0
"""Longest duration of a listing, in seconds. After 60 seconds without progress, an instance counts as stuck."""
OVERSIZED: Final = "=oversized"
"""`Event-Name` that replaces an event longer than `MAX_EVENT_BYTES`."""
ANSWERS: Final = frozenset({"command/reply", "api/response"})
DISCONNECTS: Final = frozenset({"text/disconnect-notice", "text/rude-rejection"})
CLOCK: Final = "api strepoch"
UNREACHABLE: Final = N_("cannot be reached: is mod_event_socket loaded, and is the network available?")


class EventSocketSession:
    """A connection to the event socket. Close it after an error.

    Construction and all methods raise `SourceUnavailableError`.
    """

    def __init__(self, config: FreeswitchConfig) -> None:
        self._config = config
        self._connection = SocketConnection((config.host, config.port), UNREACHABLE, None)
        self._reader = FrameReader()
        self.begin_lists()
        self._frames = deque[Frame]()
        self._events = deque[Message]()
        self._before_answer = 0
        """Number of events received before the last answer."""
        try:
            self._show_password()
            # Names before CUSTOM are event types, names after it are subclasses.
            calls = "CHANNEL_CREATE " if config.dids else ""
            self._command(f"event plain {calls}CUSTOM callcenter::info")
        except BaseException:
            self.close()
            raise

    def receive(self, wait_seconds: float) -> list[Message]:
        """Return new events in order; none after `wait_seconds` without any, which also checks the connection."""
        if not self._events:
            self._receive(wait_seconds)
            self._discard_answers()
            if not self._events:
                self._connection.check_alive(_line(CLOCK))
        events = [*self._events]
        self._events.clear()
        return events

    def drain_until_now(self) -> list[Message]:
        """Request the time, and return the events received before the answer; later ones are returned by `receive`."""
        self.clock()
        return [self._events.popleft() for _ in range(self._before_answer)]

    def clock(self) -> float:
        """Return the time of FreeSWITCH in seconds since 1970, or the local time if the answer is invalid."""
        answer = self._ask(CLOCK).strip()
        return float(answer) if answer.isascii() and answer.isdecimal() and len(answer) < 12 else time.time()

    def list_members(self) -> list[Message]:
        """Return a row for each caller who waits, talks, or abandoned recently."""
        rows: list[Message] = []
        for queue in self._list("queue list", "record_template"):
            if (name := queue.get("name", "")) and not any(character.isspace() for character in name):
                rows += self._list(f"queue list members {name}", "cid_name")
        return rows

    def list_agents(self) -> list[Message]:
        """Return a row for each agent."""
        return self._list("agent list", "contact")

    def list_tiers(self) -> list[Message]:
        """Return a row for each agent in each queue."""
        return self._list("tier list", "")

    def begin_lists(self) -> None:
        """Restart the timeout of `START_SECONDS`, which all following answers share."""
        self._deadline = time.monotonic() + START_SECONDS

    def close(self) -> None:
        """Close the connection."""
        self._connection.close(_line("exit"))

    def _show_password(self) -> None:
        greeting = self._await()
        if greeting.kind == "text/rude-rejection":
            raise self._connection.refusal(
                _("does not accept connections from this machine: its apply-inbound-acl forbids them"),
            )
        if greeting.kind != "auth/request":
            raise self._no_socket()
        password = self._config.password.get_secret_value()
        user = self._config.user
        self._connection.send(_line(f"userauth {user}:{password}" if user else f"auth {password}"))
        if not self._await().headers.get("Reply-Text", "").startswith("+OK"):
            raise self._connection.refusal(_("refuses the password"))

    def _command(self, command: str) -> None:
        self._connection.send(_line(command))
        if not self._await().headers.get("Reply-Text", "").startswith("+OK"):
            raise self._connection.refusal(
                _("refuses events: is this user allowed CUSTOM callcenter::info, and CHANNEL_CREATE for dids?"),
            )

    def _ask(self, command: str) -> str:
        self._connection.send(_line(command))
        answer = self._await()
        return answer.body.decode("utf-8", "replace") or answer.headers.get("Reply-Text", "")

    def _list(self, command: str, text: str) -> list[Message]:
        rows = rows_of(self._ask(f"api callcenter_config {command}"), text)
        if rows is None or len(rows) > MAX_LISTED:
            command = f"callcenter_config {command.partition(' members')[0]}"
            raise self._connection.trouble(
                _("does not answer {command}: is mod_callcenter loaded, and is this command allowed?", command=command),
            )
        return rows

    def _await(self) -> Frame:
        """Return the next frame that is not an event."""
        while not self._frames:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise self._connection.trouble(_("does not answer in time"))
            self._receive(left)
        if self._frames[0].kind == "text/disconnect-notice":
            raise self._disconnected()
        return self._frames.popleft()

    def _discard_answers(self) -> None:
        """Discard answers without a request. Raises `SourceUnavailableError` if one ends the connection."""
        if any(frame.kind in DISCONNECTS for frame in self._frames):
            raise self._disconnected()
        self._frames.clear()

    def _receive(self, wait_seconds: float) -> None:
        try:
            frames = self._reader.feed(self._connection.receive(wait_seconds))
        except UnreadableError:
            raise self._no_socket() from None
        for frame in frames:
            if frame.kind == EVENT:
                self._events.append({"Event-Name": OVERSIZED} if frame.oversized else event_of(frame.body))
            elif frame.kind in ANSWERS or frame.kind in DISCONNECTS or frame.kind == "auth/request":
                self._frames.append(frame)
                self._before_answer = len(self._events)

    def _disconnected(self) -> SourceUnavailableError:
        return self._connection.trouble(_("ends the connection"))

    def _no_socket(self) -> SourceUnavailableError:
        return self._connection.trouble(_("is not a FreeSWITCH event socket"))


def _line(command: str) -> bytes:
    return f"{command}\n\n".encode()
