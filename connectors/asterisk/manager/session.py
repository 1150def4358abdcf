"""One connection to the manager interface: logged in, with what is so at its beginning, and then what happens."""

import hashlib
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from connectors.asterisk.config import Manager
from connectors.asterisk.manager.wire import Message, Reader, seconds_of, write
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.words import say

CONNECT_SECONDS: Final = 5.0
START_SECONDS: Final = 20.0
"""How long it may take until all is told that is so at the beginning; an instance that does not move for 60 seconds is stuck."""
PING_SECONDS: Final = 15.0
"""After this long without a word it is asked whether it is still there."""
ANSWER_SECONDS: Final = 30.0
"""After this long without an answer to that, nor another word, it is taken for dead."""
MAX_BANNER_BYTES: Final = 512
MAX_LISTED: Final = 50_000
CHUNK_BYTES: Final = 262_144
CLASSES: Final = "agent,call,dialplan,user"
"""Classes of events that are asked for."""


class Session:
    """Raises `SourceUnavailableError` from its making and from `receive`; then it is over: close it."""

    def __init__(self, manager: Manager, *, events: bool = True) -> None:
        self._name = "{}:{}".format(*manager.address)
        self._manager = manager
        self._reader = Reader()
        self._heard_at = self._asked_at = time.monotonic()
        self._deadline = self._heard_at + START_SECONDS
        self._inbox = deque[Message]()
        self._socket = self._connect()
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
            self._mind_silence()
        told = [*self._inbox]
        self._inbox.clear()
        return told

    def close(self) -> None:
        """Leave."""
        with suppress(OSError):
            self._socket.settimeout(0.2)
            self._socket.sendall(write("Logoff"))
        self._socket.close()

    # -------------------------------------------------------------------------------------------------------- beginning
    def _connect(self) -> socket.socket:
        secure = self._trust() if self._manager.encrypted else None
        try:
            plain = socket.create_connection(self._manager.address, CONNECT_SECONDS)
        except OSError:
            raise self._trouble(
                "cannot be reached: is the manager interface enabled, and the network there?",
                "est injoignable : l'interface de gestion est-elle activée, et le réseau là ?",
            ) from None
        if secure is None:
            return plain
        try:
            return secure.wrap_socket(plain, server_hostname=self._manager.host)
        except OSError:  # those of TLS are such too
            plain.close()
            raise self._trouble(
                "speaks no TLS, or shows a certificate that is not trusted here",
                "ne parle pas TLS, ou présente un certificat auquel on ne fait pas confiance ici",
            ) from None

    def _trust(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._manager.authorities)
        except OSError:
            raise self._trouble(
                f"cannot be trusted: {self._manager.authorities} cannot be read, or holds no certificates",
                f"ne peut être vérifiée : {self._manager.authorities} est illisible, ou sans certificats",
            ) from None

    def _greet(self) -> None:
        banner = b""
        while not banner.endswith(b"\r\n") and len(banner) < MAX_BANNER_BYTES:
            try:
                banner += self._read_raw(1, self._deadline - time.monotonic())
            except TimeoutError:
                break
        if not banner.startswith(b"Asterisk Call Manager/"):
            raise self._trouble("is no manager interface of Asterisk", "n'est pas une interface de gestion d'Asterisk")

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
                raise self._trouble("lists more than can be", "énumère plus qu'il n'est possible")
        self._inbox.extendleft(reversed(meanwhile))

    def _ask(self, action: str, **headers: str) -> Message:
        self._send(write(action, ActionID=action, **headers))
        answer = self._await(lambda told: told.get("ActionID") == action and "Response" in told, self.before)
        if answer["Response"] != "Success":
            raise self._trouble(
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
                raise self._trouble("does not answer in time", "ne répond pas à temps")
            self._take(left)

    # -------------------------------------------------------------------------------------------------------------- wire
    def _mind_silence(self) -> None:
        """Ask whether it is still there, or give it up. Only once all was read: nobody may have looked for long."""
        now = time.monotonic()
        if self._asked_at <= self._heard_at:
            if now - self._heard_at > PING_SECONDS:
                self._asked_at = now
                self._send(write("Ping"))
        elif now - self._asked_at > ANSWER_SECONDS:
            raise self._trouble("does not answer any more", "ne répond plus")

    def _take(self, wait_seconds: float) -> None:
        with suppress(TimeoutError):
            self._inbox += self._reader.feed(self._read_raw(CHUNK_BYTES, wait_seconds))

    def _read_raw(self, limit: int, wait_seconds: float) -> bytes:
        try:
            self._socket.settimeout(max(wait_seconds, 0.001))
            content = self._socket.recv(limit)
        except (TimeoutError, ssl.SSLWantReadError):
            raise TimeoutError from None
        except OSError:
            raise self._broken() from None
        if not content:
            raise self._broken()
        self._heard_at = time.monotonic()
        return content

    def _send(self, content: bytes) -> None:
        try:
            self._socket.settimeout(CONNECT_SECONDS)
            self._socket.sendall(content)
        except OSError:
            raise self._broken() from None

    def _broken(self) -> SourceUnavailableError:
        return self._trouble("broke the connection off", "a coupé la connexion")

    def _trouble(self, english: str, french: str) -> SourceUnavailableError:
        return SourceUnavailableError(f"{self._name} {say(english, french)}")


def _is_listed(told: Message) -> bool:
    return told.get("ActionID") == "QueueStatus"
