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
from connectors.sdk.i18n import say
from connectors.sdk.journaled_stream import Message, select_fields
from connectors.sdk.socket_session import SocketSession

MAX_BANNER_BYTES: Final = 512
MAX_LISTED: Final = 50_000
CLASSES: Final = "agent,call,dialplan,user"
"""Event classes requested at login."""
UNREACHABLE: Final = (
    "cannot be reached: is the manager interface enabled, and is the network available?",
    "est injoignable : l'interface de gestion est-elle activée, et le réseau disponible ?",
)


class ManagerSession(SocketSession[Message]):
    """A connection to the manager interface."""

    ping = encode_action("Ping")
    farewell = encode_action("Logoff")
    unreachable = UNREACHABLE

    def __init__(self, manager: Manager) -> None:
        self._reader = MessageReader()
        super().__init__(manager.address, _trust(manager) if manager.encrypted else None)
        self.members: list[Message] = []
        """One row for each agent in each queue."""
        self.entries: list[Message] = []
        """One row for each waiting caller."""
        try:
            self._greet()
            self._log_in(manager)
            self.now = seconds_of(self._ask("Ping"), time.time())
            """Switchboard time at the start of the connection, in seconds since 1970."""
            self._list_queues()
        except BaseException:
            self.close()
            raise

    def feed(self, content: bytes) -> list[Message]:
        """Add received bytes, and return the messages that they complete."""
        return self._reader.feed(content)

    def _greet(self) -> None:
        banner = b""
        while not banner.endswith(b"\r\n") and len(banner) < MAX_BANNER_BYTES:
            byte = self.read(self._deadline - time.monotonic(), 1)
            if not byte:
                break
            banner += byte
        if not banner.startswith(b"Asterisk Call Manager/"):
            raise self.trouble("is not an Asterisk manager interface", "n'est pas une interface de gestion d'Asterisk")

    def _log_in(self, manager: Manager) -> None:
        secret = manager.secret.get_secret_value()
        shown = {"Secret": secret}
        if manager.auth == "md5":
            challenge = self._ask("Challenge", AuthType="MD5").get("Challenge", "")
            key = hashlib.md5(f"{challenge}{secret}".encode(), usedforsecurity=False).hexdigest()
            shown = {"AuthType": "MD5", "Key": key}
        self._ask("Login", Username=manager.username, Events=CLASSES, **shown)

    def _list_queues(self) -> None:
        self._ask("QueueStatus")
        self.before = self.take_skipped()
        """Events received before the queue status."""
        lists = {"QueueMember": self.members, "QueueEntry": self.entries}
        while (row := self.await_message(_is_listed)).get("Event") != "QueueStatusComplete":
            lists.get(row.get("Event", ""), []).append(row)
            if len(self.members) + len(self.entries) > MAX_LISTED:
                raise self.trouble("lists too many agents and callers", "énumère trop d'agents et d'appelants")

    def _ask(self, action: str, **headers: str) -> Message:
        self.send(encode_action(action, ActionID=action, **headers))
        answer = self.await_message(lambda message: message.get("ActionID") == action and "Response" in message)
        if answer["Response"] != "Success":
            raise self.refusal(
                f"refuses {action}: are username and secret correct, and is this machine permitted?",
                f"refuse {action} : l'utilisateur et son mot de passe sont-ils corrects, et cette machine est-elle autorisée ?",
            )
        return answer


class ManagerConnection:
    """A session whose messages are reduced to the retained headers."""

    def __init__(self, manager: Manager, names: NameResolver) -> None:
        self._names = names
        self._session = session = ManagerSession(manager)
        now, timestamp = time.time(), {"Timestamp": f"{session.now:.6f}"}
        members = [select_fields(row, MEMBER) for row in session.members]
        entries = [select_fields(row, ENTRY) for row in session.entries]
        self.initial_records = [
            ManagerRecord(0, now, {"Event": CONNECTED} | timestamp),
            *self._filtered(session.before),
            ManagerRecord(0, now, {"Event": LISTED} | timestamp, members, entries),
        ]

    def receive(self, wait_seconds: float) -> list[ManagerRecord]:
        """Return new messages. Raises `SourceUnavailableError`."""
        return self._filtered(self._session.receive(wait_seconds))

    def close(self) -> None:
        """Log off and close the connection."""
        self._session.close()

    def _filtered(self, messages: list[Message]) -> list[ManagerRecord]:
        return ManagerRecord.filtered(messages, lambda message: filter_message(message, self._names))


def _trust(manager: Manager) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=manager.authorities)
    except OSError:
        problem = say(
            f"cannot be verified: {manager.authorities} is unreadable or contains no certificates",
            f"ne peut être vérifiée : {manager.authorities} est illisible ou ne contient pas de certificats",
        )
        raise SourceMisconfiguredError("{}:{} ".format(*manager.address) + problem) from None


def _is_listed(message: Message) -> bool:
    return message.get("ActionID") == "QueueStatus"
