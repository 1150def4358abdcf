"""Authenticated connection to FreeSWITCH's event socket: lists at the start, then events and changed agent lists."""

import time
from collections.abc import Sequence
from typing import Final

from connectors.freeswitch.config import FreeswitchConfig
from connectors.freeswitch.event_filter import (
    AGENT_ROW,
    AT,
    LISTED,
    MEMBER,
    OVERSIZED,
    TIER,
    EventSocketRecord,
    filter_event,
    subject,
)
from connectors.freeswitch.event_socket_protocol import (
    EVENT,
    MAX_LISTED,
    Frame,
    FrameReader,
    UnreadableError,
    event_of,
    rows_of,
)
from connectors.freeswitch.name_resolver import NameResolver
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.journaled_stream import Message, select_fields
from connectors.sdk.socket_session import SocketSession
from models.locale import N_, _

RELIST_SECONDS: Final = 60.0
"""Shortest interval between agent lists, in seconds: no event reports changes of an agent's queues."""
DISCONNECTS: Final = frozenset({"text/disconnect-notice", "text/rude-rejection"})
ANSWERS: Final = frozenset({"command/reply", "api/response", "auth/request"}) | DISCONNECTS
CLOCK: Final = "api strepoch"
UNREACHABLE: Final = N_("cannot be reached: is mod_event_socket loaded, and is the network available?")


class EventSocketSession(SocketSession[Frame]):
    """A connection to the event socket, whose events and lists are reduced to the retained headers."""

    ping = f"{CLOCK}\n\n".encode()
    farewell = b"exit\n\n"
    unreachable = UNREACHABLE

    def __init__(self, config: FreeswitchConfig, names: NameResolver) -> None:
        self._names = names
        self._reader = FrameReader()
        super().__init__((config.host, config.port))
        try:
            self._show_password(config)
            self._subscribe(config)
            self.initial_records = self._list_all()
            """A `LISTED` record with the lists, then the events received during the listing."""
        except BaseException:
            self.close()
            raise

    def receive(self, wait_seconds: float) -> list[EventSocketRecord]:
        """Return new events in order. Return none after `wait_seconds`, or earlier if what arrived gives no event.

        Without events, request the agent lists every `RELIST_SECONDS`, and return them if they have changed. If the request
        fails, return the events received before; the next call raises. Raises `SourceUnavailableError` if the connection ends.
        """
        records = self._receive_events(wait_seconds)
        if records or time.monotonic() - self._listed_at < RELIST_SECONDS:
            return records
        self.restart_timeout()
        known = self._rows
        try:
            status = self._list_agents()
        except SourceUnavailableError:
            return self._receive_events(0.0)  # those received before the failure; the next call raises again
        return [status] if self._rows != known else []

    def feed(self, content: bytes) -> list[Frame]:
        """Add received bytes, and return the frames that they complete. Raises `SourceUnavailableError` if they are no frames."""
        try:
            return self._reader.feed(content)
        except UnreadableError:
            raise self._no_socket() from None

    def _receive_events(self, wait_seconds: float) -> list[EventSocketRecord]:
        frames = self.receive_messages(wait_seconds)
        if any(frame.kind in DISCONNECTS for frame in frames):
            raise self._disconnected()
        return self._filtered(frames)

    def _list_all(self) -> list[EventSocketRecord]:
        members: list[Message] = []
        for queue in self._list("queue list", "record_template"):
            if (name := queue.get("name", "")) and not any(character.isspace() for character in name):
                members += [select_fields(row, MEMBER) for row in self._list(f"queue list members {name}", "cid_name")]
        status = self._list_agents()
        status.members = members
        # Rows change just before their event is sent, so the events of all listed changes come before the next answer.
        self._clock()
        events = self._filtered(self.take_skipped())
        status.reported = sorted({subject(event.message) for event in events})
        return [status, *events]

    def _list_agents(self) -> EventSocketRecord:
        """Return agents and tiers (agents by queue) as a `LISTED` record, and remember them for comparison."""
        self._listed_at = time.monotonic()
        tiers = [select_fields(row, TIER) for row in self._list("tier list", "")]
        agents = [select_fields(row, AGENT_ROW) for row in self._list("agent list", "contact")]
        listed = {"CC-Action": LISTED, AT: str(int(self._clock() * 1_000_000))}
        self._rows = agents, tiers
        return EventSocketRecord(0, time.time(), listed, agents=agents, tiers=tiers)

    def _clock(self) -> float:
        """Return the time of FreeSWITCH in seconds since 1970, or the local time if the answer is invalid."""
        answer = self._ask(CLOCK).strip()
        return float(answer) if answer.isascii() and answer.isdecimal() and len(answer) < 12 else time.time()

    def _show_password(self, config: FreeswitchConfig) -> None:
        greeting = self._answer()
        if greeting.kind == "text/rude-rejection":
            raise self.refusal(_("does not accept connections from this machine: its apply-inbound-acl forbids them"))
        if greeting.kind != "auth/request":
            raise self._no_socket()
        password = config.password.get_secret_value()
        if not self._command(f"userauth {config.user}:{password}" if config.user else f"auth {password}"):
            raise self.refusal(_("refuses the password"))

    def _subscribe(self, config: FreeswitchConfig) -> None:
        # Names before CUSTOM are event types, names after it are subclasses.
        calls = "CHANNEL_CREATE " if config.dids else ""
        if not self._command(f"event plain {calls}CUSTOM callcenter::info"):
            raise self.refusal(
                _("refuses events: is this user allowed CUSTOM callcenter::info, and CHANNEL_CREATE for dids?")
            )

    def _command(self, command: str) -> bool:
        self.send(f"{command}\n\n".encode())
        return self._answer().headers.get("Reply-Text", "").startswith("+OK")

    def _ask(self, command: str) -> str:
        self.send(f"{command}\n\n".encode())
        answer = self._answer()
        return answer.body.decode("utf-8", "replace") or answer.headers.get("Reply-Text", "")

    def _list(self, command: str, text: str) -> list[Message]:
        rows = rows_of(self._ask(f"api callcenter_config {command}"), text)
        if rows is None or len(rows) > MAX_LISTED:
            command = f"callcenter_config {command.partition(' members')[0]}"
            raise self.trouble(
                _("does not answer {command}: is mod_callcenter loaded, and is this command allowed?", command=command)
            )
        return rows

    def _answer(self) -> Frame:
        answer = self.await_message(lambda frame: frame.kind in ANSWERS)
        if answer.kind == "text/disconnect-notice":
            raise self._disconnected()
        return answer

    def _disconnected(self) -> SourceUnavailableError:
        return self.trouble(_("ends the connection"))

    def _no_socket(self) -> SourceUnavailableError:
        return self.trouble(_("is not a FreeSWITCH event socket"))

    def _filtered(self, frames: Sequence[Frame]) -> list[EventSocketRecord]:
        events = (
            {"Event-Name": OVERSIZED} if frame.oversized else event_of(frame.body)
            for frame in frames
            if frame.kind == EVENT
        )
        return EventSocketRecord.filtered(events, lambda event: filter_event(event, self._names))
