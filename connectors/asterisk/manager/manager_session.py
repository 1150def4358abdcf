"""One logged-in connection to the manager interface: the queue status at its start, then the events."""

import hashlib
import ssl
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from connectors.asterisk.config import Manager
from connectors.asterisk.manager.ami_protocol import Message, MessageReader, encode_action, seconds_of
from connectors.sdk.errors import SourceMisconfiguredError
from connectors.sdk.socket_connection import SocketConnection
from models.locale import N_, _

START_SECONDS: Final = 20.0
"""Longest duration of login and queue status, in seconds. After 60 seconds without progress, an instance counts as stuck."""
MAX_BANNER_BYTES: Final = 512
MAX_LISTED: Final = 50_000
CLASSES: Final = "agent,call,dialplan,user"
"""Event classes requested at login."""
UNREACHABLE: Final = N_("cannot be reached: is the manager interface enabled, and is the network available?")


class ManagerSession:
    """A connection to the manager interface. Close it after an error.

    Construction and `receive` raise `SourceUnavailableError`.
    """

    def __init__(self, manager: Manager, *, events: bool = True) -> None:
        self._manager = manager
        self._reader = MessageReader()
        self._deadline = time.monotonic() + START_SECONDS
        self._inbox = deque[Message]()
        self._connection = SocketConnection(
            manager.address, UNREACHABLE, _trust(manager) if manager.encrypted else None
        )
        try:
            self._greet()
            self.before: list[Message] = []
            """Events received before the queue status."""
            self._log_in(events=events)
            self.now = seconds_of(self._ask("Ping"), time.time())
            """Switchboard time at the start of the connection, in seconds since 1970."""
            self.members: list[Message] = []
            """One row for each agent in each queue."""
            self.entries: list[Message] = []
            """One row for each waiting caller."""
            self._list_queues()
        except BaseException:
            self.close()
            raise

    def receive(self, wait_seconds: float) -> list[Message]:
        """Return messages received after the queue status, in order; none after `wait_seconds` without any.

        Without messages, also check that the connection is alive.
        """
        if not self._inbox:
            self._receive(wait_seconds)
        if not self._inbox:
            self._connection.check_alive(encode_action("Ping"))
        messages = [*self._inbox]
        self._inbox.clear()
        return messages

    def close(self) -> None:
        """Log off and close the connection."""
        self._connection.close(encode_action("Logoff"))

    # -------------------------------------------------------------------------------------------------------- beginning
    def _greet(self) -> None:
        banner = b""
        while not banner.endswith(b"\r\n") and len(banner) < MAX_BANNER_BYTES:
            byte = self._connection.receive(self._deadline - time.monotonic(), 1)
            if not byte:
                break
            banner += byte
        if not banner.startswith(b"Asterisk Call Manager/"):
            raise self._connection.trouble(_("is not an Asterisk manager interface"))

    def _log_in(self, *, events: bool) -> None:
        name, secret = self._manager.username, self._manager.secret.get_secret_value()
        shown = {"Secret": secret}
        if self._manager.auth == "md5":
            challenge = self._ask("Challenge", AuthType="MD5").get("Challenge", "")
            key = hashlib.md5(f"{challenge}{secret}".encode(), usedforsecurity=False).hexdigest()
            shown = {"AuthType": "MD5", "Key": key}
        self._ask("Login", Username=name, Events=CLASSES if events else "off", **shown)

    def _list_queues(self) -> None:
        self._ask("QueueStatus")
        meanwhile: list[Message] = []
        lists = {"QueueMember": self.members, "QueueEntry": self.entries}
        while (row := self._await(_is_listed, meanwhile)).get("Event") != "QueueStatusComplete":
            lists.get(row.get("Event", ""), []).append(row)
            if len(self.members) + len(self.entries) > MAX_LISTED:
                raise self._connection.trouble(_("lists too many agents and callers"))
        self._inbox.extendleft(reversed(meanwhile))

    def _ask(self, action: str, **headers: str) -> Message:
        self._connection.send(encode_action(action, ActionID=action, **headers))
        answer = self._await(lambda message: message.get("ActionID") == action and "Response" in message, self.before)
        if answer["Response"] != "Success":
            raise self._connection.refusal(
                _("refuses {action}: are username and secret correct, and is this machine permitted?", action=action),
            )
        return answer

    def _await(self, wanted: Callable[[Message], bool], skipped: list[Message]) -> Message:
        """Return the first message that is `wanted`, and append the messages before it to `skipped`."""
        while True:
            while self._inbox:
                message = self._inbox.popleft()
                if wanted(message):
                    return message
                skipped.append(message)
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise self._connection.trouble(_("does not answer in time"))
            self._receive(left)

    def _receive(self, wait_seconds: float) -> None:
        self._inbox += self._reader.feed(self._connection.receive(wait_seconds))


def _trust(manager: Manager) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=manager.authorities)
    except OSError:
        problem = _(
            "cannot be verified: {authorities} is unreadable or contains no certificates",
            authorities=manager.authorities,
        )
        raise SourceMisconfiguredError("{}:{} ".format(*manager.address) + problem) from None


def _is_listed(message: Message) -> bool:
    return message.get("ActionID") == "QueueStatus"
