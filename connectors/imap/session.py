"""One connection to an IMAP server, logged in: RFC 3501, with IDLE (RFC 2177) and SPECIAL-USE (RFC 6154) where it has them.

Nothing is changed there: folders are opened by EXAMINE, headers are read by PEEK, and bodies are not asked for.
"""

import logging
import selectors
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError
from imapclient.imapclient import SENT

from connectors.imap.config import ImapConfig
from connectors.imap.headers import FIELDS, LIMIT_BYTES
from connectors.sdk.errors import describe_os_error
from connectors.sdk.i18n import say

TIMEOUT: Final = SocketTimeout(connect=10, read=20)
TOTAL_SECONDS: Final = 30.0
"""The longest that the server is waited for in one go, whatever comes meanwhile; an instance that does not move for 60 seconds
is stuck."""
TOKEN_SECONDS: Final = 15
HEADERS: Final = tuple(f"BODY.PEEK[HEADER.FIELDS ({' '.join(names).upper()})]<0.{LIMIT_BYTES}>" for names in FIELDS)
NO_MAIL: Final = frozenset(
    {b"\\noselect", b"\\nonexistent", b"\\drafts", b"\\junk", b"\\trash", b"\\all", b"\\flagged"}
)
"""Marks of folders that a pattern does not stand for."""

# At level DEBUG it tells whole answers, addresses and all.
logging.getLogger("imapclient").setLevel(logging.WARNING)


class Opened(NamedTuple):
    """What the server says of a folder."""

    validity: int
    """While this is the same, uids mean the same messages (UIDVALIDITY)."""
    next_uid: int
    """What the next message's uid is at least (UIDNEXT)."""


class FetchedMessage(NamedTuple):
    """One message."""

    uid: int
    received_at: datetime | None
    headers: tuple[bytes, ...]
    """As the server has them, by the groups of `FIELDS`; empty if it cannot read them."""


class HereError(Exception):
    """Something on this machine is not as it should be; the text says what, for people."""


FAILURES: Final = (IMAPClientError, OSError, ValueError, HereError)
"""What any method of a session may raise: the server is away, does not do what is asked, or answers otherwise."""


class ImapSession:
    """A connection as `config` says. It raises `FAILURES`, as do all methods; `explain` has words for them."""

    def __init__(self, config: ImapConfig) -> None:
        self._client = connect(config)
        with self.time_limit():
            self._can_idle = self._client.has_capability("IDLE")
        self.opened = ""
        """The folder that was opened last, and is watched by `wait`."""
        self._idling = False

    def names(self, pattern: str) -> list[str]:
        """Return the folders that `pattern` stands for, in order; those for drafts, junk and trash are left out."""
        self._stop_idling()
        found = self._client.list_folders("", pattern)
        return sorted(name for flags, _, name in found if NO_MAIL.isdisjoint(flag.lower() for flag in flags))

    def find_sent(self) -> str | None:
        """Return the folder that the server says, or custom has it, sent mail is in."""
        self._stop_idling()
        found: str | None = self._client.find_special_folder(SENT)
        return found

    def examine(self, folder: str) -> Opened:
        """Open `folder` for reading, and return how it is now."""
        self._stop_idling()
        self.opened = ""  # as it is if the server refuses
        told = self._client.select_folder(folder, readonly=True)
        opened = Opened(int(told.get(b"UIDVALIDITY", 0)), int(told.get(b"UIDNEXT", 0)) or self._find_next_uid(told))
        self.opened = folder
        return opened

    def search(self, folder: str, first: int, last: int, since: date | None) -> list[int]:
        """Return, in order, the uids between these two that are there, of mail that came on `since` or later."""
        self._enter(folder)
        criteria: list[Any] = ["UID", f"{first}:{last}"]
        found = self._client.search([*criteria, "SINCE", since] if since else criteria)
        return sorted(uid for uid in found if first <= uid <= last)

    def fetch(self, folder: str, uids: Sequence[int]) -> list[FetchedMessage]:
        """Return the messages that are still there, in order.

        Some servers refuse a whole answer for one message that they cannot read, or leave it out: that one has no headers.
        """
        self._enter(folder)
        return self._fetch_around(uids)

    def wait(self, seconds: float) -> bool:
        """Wait so long, and return whether the server had something to tell of the folder that was opened last."""
        if not self._can_idle:
            time.sleep(seconds)
            return False
        if not self._idling and (self._idle() or self._has_more()):
            return True
        with selectors.DefaultSelector() as selector:
            selector.register(self._client.socket(), selectors.EVENT_READ)
            return bool(selector.select(seconds))

    def time_limit(self) -> AbstractContextManager[None]:
        """Cut the connection off if what is done within takes longer than `TOTAL_SECONDS`: that raises `TimeoutError`."""
        return _in_time(self._client)

    def close(self) -> None:
        """Let go of the server, without waiting for it."""
        with suppress(OSError):
            self._client.shutdown()

    def _fetch_around(self, uids: Sequence[int]) -> list[FetchedMessage]:
        try:
            found = self._fetch(uids)
        except IMAPClientAbortError:
            raise
        except IMAPClientError:
            if len(uids) > 1:
                half = len(uids) // 2
                return [*self._fetch_around(uids[:half]), *self._fetch_around(uids[half:])]
            found = {}
        if missing := [uid for uid in uids if uid not in found]:
            told = self._client.fetch(missing, ["INTERNALDATE"])  # of what is gone it knows nothing more
            found |= {uid: FetchedMessage(uid, _received_at(told[uid]), ()) for uid in missing if uid in told}
        return [found[uid] for uid in sorted(found)]

    def _fetch(self, uids: Sequence[int]) -> dict[int, FetchedMessage]:
        found = {}
        for uid, told in self._client.fetch(uids, ["INTERNALDATE", *HEADERS]).items():
            groups = tuple(value or b"" for name, value in told.items() if name.startswith(b"BODY["))
            if groups:  # it may tell of a message of its own accord, though it does not read it
                found[uid] = FetchedMessage(uid, _received_at(told), groups)
        return found

    def _find_next_uid(self, told: dict[bytes, Any]) -> int:
        if not told.get(b"EXISTS"):
            return 1
        return max(self._client.search(["UID", "*"]), default=0) + 1

    def _enter(self, folder: str) -> None:
        if self.opened != folder:
            self.examine(folder)
        self._stop_idling()

    def _idle(self) -> bool:
        """Begin to idle, if the server lets us, and return whether it had something to tell before."""
        told = False
        try:
            self._client.idle()
        except IMAPClientAbortError:
            raise
        except IMAPClientError as error:
            if "b'* " not in str(error):
                self._can_idle = False
                return False
            # The library expects nothing here, but servers may tell at any time (RFC 3501, 5.2).
            told = True
            while self._client._imap._get_response() is not None:  # noqa: SLF001 - until it says that it idles
                pass
        self._idling = True
        return told

    def _has_more(self) -> bool:
        """Return whether more has come with what was read last: mail between a look and idling is told so, and once."""
        connection = self._client.socket()
        seconds = connection.gettimeout()
        connection.settimeout(0)
        try:
            with suppress(ssl.SSLWantReadError):
                return bool(self._client._imap.file.peek(1))  # noqa: SLF001 - the library looks at the socket alone
        finally:
            connection.settimeout(seconds)
        return False

    def _stop_idling(self) -> None:
        if self._idling:
            self._idling = False
            self._client.idle_done()


def explain(error: Exception, config: ImapConfig) -> str:
    """Return, in words for people that hold nothing of what the server said, what is wrong."""
    if isinstance(error, HereError):
        return str(error)
    host, port = config.endpoint
    return f"{host}:{port} {_explain(error)}"


def is_refused(error: Exception) -> bool:
    """Return whether the server did not let us in: to try again soon may lock the account."""
    return isinstance(error, LoginError) and not isinstance(error.__context__, IMAPClientAbortError)


def is_misconfigured(error: Exception) -> bool:
    """Return whether an option is to be mended; a command for a token that ran, and failed, may go well the next time."""
    return isinstance(error, HereError) and not isinstance(error.__context__, subprocess.SubprocessError)


def connect(config: ImapConfig) -> IMAPClient:
    """Return a connection that is logged in. Raises `FAILURES`."""
    host, port = config.endpoint
    context = _tls_context(config) if config.tls != "none" else None
    client = IMAPClient(host, port, ssl=config.tls == "implicit", ssl_context=context, timeout=TIMEOUT)
    try:
        client.normalise_times = False  # times come with their zone
        with _in_time(client):
            if config.tls == "starttls":
                client.starttls(context)
            _log_in(client, config)
    except BaseException:
        client.shutdown()
        raise
    return client


@contextmanager
def _in_time(client: IMAPClient) -> Iterator[None]:
    late = threading.Event()

    def cut() -> None:
        late.set()
        with suppress(OSError):  # it is closed already
            socket.socket.shutdown(client.socket(), socket.SHUT_RDWR)  # below TLS, whose state is the other thread's

    timer = threading.Timer(TOTAL_SECONDS, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except FAILURES:
        if late.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()


def _received_at(told: dict[bytes, Any]) -> datetime | None:
    received_at: datetime | None = told.get(b"INTERNALDATE")
    try:
        return received_at.astimezone(UTC) if received_at else None
    except OverflowError:  # a program that stores a message may give it any time
        return None


def _tls_context(config: ImapConfig) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=config.ca_file)
    except ssl.SSLError:
        raise HereError(
            say(f"{config.ca_file} is no certificate in PEM", f"{config.ca_file} n'est pas un certificat en PEM")
        ) from None
    except OSError as error:
        raise HereError(describe_os_error(error, config.ca_file)) from None


def _log_in(client: IMAPClient, config: ImapConfig) -> None:
    if config.token_command:
        client.oauth2_login(config.username, _fetch_token(config.token_command))
    elif config.password:
        password = config.password.get_secret_value()
        log_in = client.login if password.isascii() else client.plain_login  # LOGIN knows no other letters
        log_in(config.username, password)


def _fetch_token(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=TOKEN_SECONDS)  # noqa: S603
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError) as error:
        name = type(error).__name__  # what it printed may be a token
        raise HereError(say(f"token_command failed ({name})", f"token_command a échoué ({name})")) from None
    return done.stdout.strip()


def _explain(error: Exception) -> str:
    match error:
        case LoginError() if is_refused(error):
            return say(
                "refuses the user name, or the password or token: are they right, and is IMAP allowed for this user?",
                "refuse le nom d'utilisateur, ou le mot de passe ou jeton : sont-ils justes, et IMAP est-il permis ?",
            )
        case IMAPClientAbortError() | LoginError() | ConnectionResetError() | BrokenPipeError():
            return say("broke the connection off", "a coupé la connexion")
        case ssl.SSLCertVerificationError():
            return say(
                "shows a certificate that is not trusted here: name its authority in ca_file",
                "présente un certificat auquel on ne fait pas confiance ici : nommer son autorité par ca_file",
            )
        case ssl.SSLError():
            return say("does not speak TLS in this way: is tls right?", "ne parle pas TLS ainsi : tls est-il juste ?")
        case TimeoutError():
            return say("does not answer in time", "ne répond pas à temps")
        case socket.gaierror():
            return say("is not known: is the name right?", "est inconnu : le nom est-il juste ?")
        case OSError():
            return say("cannot be reached: is the network there?", "est injoignable : le réseau est-il là ?")
        case _:
            return say(
                "refuses what is asked, or answers otherwise than expected",
                "refuse ce qui est demandé, ou répond autrement que prévu",
            )
