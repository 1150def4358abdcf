"""One connection to the manager interface: logged in, with what is so at its beginning, and then what happens."""

import hashlib
import ssl
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from connectors.asterisk.config import Manager
from connectors.asterisk.manager.ami_protocol import Message, MessageReader, encode_action, seconds_of
from connectors.sdk.errors import SourceMisconfiguredError
from connectors.sdk.i18n import say
from connectors.sdk.socket_connection import SocketConnection

START_SECONDS: Final = 20.0
"""How long it may take until all is told that is so at the beginning; an instance that does not move for 60 seconds is stuck."""
MAX_BANNER_BYTES: Final = 512
MAX_LISTED: Final = 50_000
CLASSES: Final = "agent,call,dialplan,user"
"""Classes of events that are asked for."""
UNREACHABLE: Final = (
    "cannot be reached: is the manager interface enabled, and the network there?",
    "est injoignable : l'interface de gestion est-elle activée, et le réseau là ?",
)


class ManagerSession:
    """Raises `SourceUnavailableError` from its making and from `receive`; then it is over: close it."""

    def __init__(self, manager: Manager, *, events: bool = True) -> None:
        self._manager = manager
        self._reader = MessageReader()
        self._deadline = time.monotonic() + START_SECONDS
        self._inbox = deque[Message]()
        self._peer = SocketConnection(manager.address, UNREACHABLE, _trust(manager) if manager.encrypted else None)
        try:
            self._greet()
            self.before: list[Message] = []
            """What happened until the list of queues was made."""
            self._log_in(events=events)
            self.now = seconds_of(self._ask("Ping"), time.time())
            """What time it was there when the connection began, seconds since 1970."""
            self.members: list[Message] = []
            """A row for each agent in each queue."""
            self.entries: list[Message] = []
            """A row for each caller who waits."""
            self._list_queues()
        except BaseException:
            self.close()
            raise

    def receive(self, wait_seconds: float) -> list[Message]:
        """Return what came after the list of queues was made, in order; nothing after `wait_seconds` without any."""
        if not self._inbox:
            self._take(wait_seconds)
        if not self._inbox:
            self._peer.check_alive(encode_action("Ping"))
        told = [*self._inbox]
        self._inbox.clear()
        return told

    def close(self) -> None:
        """Leave."""
        self._peer.close(encode_action("Logoff"))

    # -------------------------------------------------------------------------------------------------------- beginning
    def _greet(self) -> None:
        banner = b""
        while not banner.endswith(b"\r\n") and len(banner) < MAX_BANNER_BYTES:
            byte = self._peer.receive(self._deadline - time.monotonic(), 1)
            if not byte:
                break
            banner += byte
        if not banner.startswith(b"Asterisk Call Manager/"):
            raise self._peer.trouble(
                "is no manager interface of Asterisk", "n'est pas une interface de gestion d'Asterisk"
            )

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
                raise self._peer.trouble("lists more than can be", "énumère plus qu'il n'est possible")
        self._inbox.extendleft(reversed(meanwhile))

    def _ask(self, action: str, **headers: str) -> Message:
        self._peer.send(encode_action(action, ActionID=action, **headers))
        answer = self._await(lambda told: told.get("ActionID") == action and "Response" in told, self.before)
        if answer["Response"] != "Success":
            raise self._peer.refusal(
                f"refuses {action}: are user and secret right, and may it be used from this machine?",
                f"refuse {action} : l'utilisateur et son mot de passe sont-ils justes, et utilisables depuis cette machine ?",
            )
        return answer

    def _await(self, wanted: Callable[[Message], bool], others: list[Message]) -> Message:
        """Return the first message that is wanted, and put those before it to `others`."""
        while True:
            while self._inbox:
                told = self._inbox.popleft()
                if wanted(told):
                    return told
                others.append(told)
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise self._peer.trouble("does not answer in time", "ne répond pas à temps")
            self._take(left)

    def _take(self, wait_seconds: float) -> None:
        self._inbox += self._reader.feed(self._peer.receive(wait_seconds))


def _trust(manager: Manager) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=manager.authorities)
    except OSError:
        what = say(
            f"cannot be trusted: {manager.authorities} cannot be read, or holds no certificates",
            f"ne peut être vérifiée : {manager.authorities} est illisible, ou sans certificats",
        )
        raise SourceMisconfiguredError("{}:{} ".format(*manager.address) + what) from None


def _is_listed(told: Message) -> bool:
    return told.get("ActionID") == "QueueStatus"
