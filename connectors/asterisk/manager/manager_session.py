"""One logged-in connection to the manager interface: the queue status at its start, then the events."""

import hashlib
import ssl
import time
from typing import Final

from connectors.asterisk.config import Manager
from connectors.asterisk.manager.ami_protocol import CONNECTED, LISTED, MessageReader, encode_action, seconds_of
from connectors.asterisk.manager.message_filter import ENTRY, MEMBER, ManagerRecord, filter_message
from connectors.asterisk.name_resolver import NameResolver
from connectors.sdk.errors import SourceMisconfiguredError
from connectors.sdk.journaled_stream import Message, select_fields
from connectors.sdk.socket_session import SocketSession
from models.locale import N_, _

MAX_BANNER_BYTES: Final = 512
MAX_LISTED: Final = 50_000
CLASSES: Final = "agent,call,dialplan,user"
"""Event classes requested at login."""
UNREACHABLE: Final = N_("cannot be reached: is the manager interface enabled, and is the network available?")


class ManagerSession(SocketSession[Message]):
    """A connection to the manager interface, whose messages are reduced to the retained headers."""

    ping = encode_action("Ping")
    farewell = encode_action("Logoff")
    unreachable = UNREACHABLE

    def __init__(self, manager: Manager, names: NameResolver) -> None:
        self._names = names
        self._reader = MessageReader()
        super().__init__(manager.address, _trust(manager) if manager.encrypted else None)
        try:
            self._greet()
            self._log_in(manager)
            self.initial_records = self._list_queues()
        except BaseException:
            self.close()
            raise

    def receive(self, wait_seconds: float) -> list[ManagerRecord]:
        """Wait up to `wait_seconds` for messages, and return the records of those that `filter_message` retains, in order.

        The list may be empty before the time is over: all messages were dropped, or one is still incomplete. If no complete
        message came, send a ping if one is due. Raises `SourceUnavailableError` if the last ping was not answered in time.
        """
        return self._filtered(self.receive_messages(wait_seconds))

    def feed(self, content: bytes) -> list[Message]:
        """Add received bytes, and return the messages that they complete, with all headers."""
        return self._reader.feed(content)

    def _greet(self) -> None:
        banner = b""
        while not banner.endswith(b"\r\n") and len(banner) < MAX_BANNER_BYTES:
            byte = self.read(self._deadline - time.monotonic(), 1)
            if not byte:
                break
            banner += byte
        if not banner.startswith(b"Asterisk Call Manager/"):
            raise self.trouble(_("is not an Asterisk manager interface"))

    def _log_in(self, manager: Manager) -> None:
        secret = manager.secret.get_secret_value()
        shown = {"Secret": secret}
        if manager.auth == "md5":
            challenge = self._ask("Challenge", AuthType="MD5").get("Challenge", "")
            key = hashlib.md5(f"{challenge}{secret}".encode(), usedforsecurity=False).hexdigest()
            shown = {"AuthType": "MD5", "Key": key}
        self._ask("Login", Username=manager.username, Events=CLASSES, **shown)

    def _list_queues(self) -> list[ManagerRecord]:
        """Request the queue status. Return a `CONNECTED` record, the events received before the status, and a `LISTED` record."""
        timestamp = {"Timestamp": f"{seconds_of(self._ask('Ping'), time.time()):.6f}"}
        self._ask("QueueStatus")
        before = self._filtered(self.take_skipped())
        members: list[Message] = []
        entries: list[Message] = []
        while (row := self.await_message(_is_listed)).get("Event") != "QueueStatusComplete":
            if row.get("Event") == "QueueMember":
                members.append(select_fields(row, MEMBER))
            elif row.get("Event") == "QueueEntry":
                entries.append(select_fields(row, ENTRY))
            if len(members) + len(entries) > MAX_LISTED:
                raise self.trouble(_("lists too many agents and callers"))
        now = time.time()
        connected = ManagerRecord(0, now, {"Event": CONNECTED} | timestamp)
        return [connected, *before, ManagerRecord(0, now, {"Event": LISTED} | timestamp, members, entries)]

    def _ask(self, action: str, **headers: str) -> Message:
        self.send(encode_action(action, ActionID=action, **headers))
        answer = self.await_message(lambda message: message.get("ActionID") == action and "Response" in message)
        if answer["Response"] != "Success":
            raise self.refusal(
                _("refuses {action}: are username and secret correct, and is this machine permitted?", action=action)
            )
        return answer

    def _filtered(self, messages: list[Message]) -> list[ManagerRecord]:
        return ManagerRecord.filtered(messages, lambda message: filter_message(message, self._names))


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
