"""Read-only IMAP session (RFC 3501), with IDLE (RFC 2177) and SPECIAL-USE (RFC 6154) where the server supports them.

The session changes nothing in the mailbox: it opens folders with EXAMINE, reads headers with PEEK, and requests no bodies.
"""

import logging
import selectors
import socket
import ssl
import subprocess
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError
from imapclient.imapclient import SENT

from connectors.imap.config import ImapConfig
from connectors.sdk.errors import describe_os_error
from connectors.sdk.mail.headers import FIELDS, LIMIT_BYTES
from connectors.sdk.microsoft.tokens import OUTLOOK_SCOPE, TokenProvider
from models.locale import _

TIMEOUT: Final = SocketTimeout(connect=10, read=20)
TOKEN_SECONDS: Final = 15
"""Longest run time of `token_command`, in seconds."""
NO_MAIL: Final = frozenset(
    {b"\\noselect", b"\\nonexistent", b"\\drafts", b"\\junk", b"\\trash", b"\\all", b"\\flagged"}
)
"""Flags, in lower case, of folders that `ImapSession.names` leaves out."""

# At level DEBUG the library logs whole responses, which hold addresses.
logging.getLogger("imapclient").setLevel(logging.WARNING)


class Opened(NamedTuple):
    """State of an opened folder."""

    validity: int
    """UIDVALIDITY: uids are stable while this value stays the same. 0 if the server sends none."""
    next_uid: int
    """UIDNEXT: lower bound of the next message's uid."""


class FetchedMessage(NamedTuple):
    """Message as fetched from the server."""

    uid: int
    received_at: datetime | None
    headers: tuple[bytes, ...]
    """Raw headers, one item per requested group; empty if the server cannot read the message."""


class LocalError(Exception):
    """Wrong certificate file or failed token command on this machine; the text is a message for the operator."""


FAILURES: Final = (IMAPClientError, OSError, ValueError, LocalError)
"""Exceptions of a session: the server is unreachable, refuses a command or sends an unexpected response, or a `LocalError`."""


class ImapSession:
    """Logged-in connection to the server of `config`. `fields` are the groups of headers to fetch.

    The constructor and all methods but `close` raise `FAILURES`; `explain` returns the message for the operator. The constructor
    also raises `SourceUnavailableError`, as `connect` does.
    """

    def __init__(self, config: ImapConfig, fields: Sequence[Sequence[str]] = FIELDS) -> None:
        names = (" ".join(group).upper() for group in fields)
        self._items = ["INTERNALDATE", *(f"BODY.PEEK[HEADER.FIELDS ({group})]<0.{LIMIT_BYTES}>" for group in names)]
        self._client = connect(config)
        self.can_idle: bool = self._client.has_capability("IDLE")
        """Whether the server supports IDLE, which `wait` needs; False once it has refused the command."""
        self.idling = False
        """Whether IDLE is active: the server reports changes of the open folder. Any other command ends it."""
        self._opened = ""

    def names(self, pattern: str) -> list[str]:
        """Return the names of the folders that match `pattern`, sorted, without folders that have a flag in `NO_MAIL`."""
        self._stop_idling()
        found = self._client.list_folders("", pattern)
        return sorted(name for flags, _, name in found if NO_MAIL.isdisjoint(flag.lower() for flag in flags))

    def find_sent(self) -> str | None:
        """Return the name of the folder of sent mail, found by its flag or a usual name; None if there is none."""
        self._stop_idling()
        found: str | None = self._client.find_special_folder(SENT)
        return found

    def examine(self, folder: str) -> Opened:
        """Open `folder` read-only and return its state."""
        self._stop_idling()
        self._opened = ""  # stays empty if the server refuses
        response = self._client.select_folder(folder, readonly=True)
        next_uid = int(response.get(b"UIDNEXT", 0)) or self._find_next_uid(response)
        self._opened = folder
        return Opened(int(response.get(b"UIDVALIDITY", 0)), next_uid)

    def search(self, folder: str, first: int, last: int, since: date | None) -> list[int]:
        """Return the uids of mail in `folder` from `first` to `last` inclusive, received on `since` or later (None: any time).

        They are sorted. Opens `folder` if another one is open.
        """
        self._enter(folder)
        criteria: list[Any] = ["UID", f"{first}:{last}"]
        found = self._client.search([*criteria, "SINCE", since] if since else criteria)
        return sorted(uid for uid in found if first <= uid <= last)

    def fetch(self, folder: str, uids: Sequence[int]) -> list[FetchedMessage]:
        """Fetch the headers of the messages `uids` that still exist, ordered by uid.

        Some servers refuse a whole fetch because of one unreadable message, or leave it out. Such a message is returned without
        headers.
        """
        self._enter(folder)
        return self._fetch_readable(uids)

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds`, and return whether the server sent anything, usually a change of the open folder.

        Starts IDLE if it is not active. If the server refuses it, `can_idle` becomes False, and the result is False immediately.
        """
        if not self.idling:
            if self._start_idling() or self._has_more():
                return True
            if not self.idling:
                return False
        with selectors.DefaultSelector() as selector:
            selector.register(self._client.socket(), selectors.EVENT_READ)
            return bool(selector.select(seconds))

    def close(self) -> None:
        """Close the connection without logging out."""
        with suppress(OSError):
            self._client.shutdown()

    def _fetch_readable(self, uids: Sequence[int]) -> list[FetchedMessage]:
        try:
            found = self._fetch(uids)
        except IMAPClientAbortError:
            raise
        except IMAPClientError:
            if len(uids) > 1:
                half = len(uids) // 2
                return [*self._fetch_readable(uids[:half]), *self._fetch_readable(uids[half:])]
            found = {}
        if missing := [uid for uid in uids if uid not in found]:
            times = self._client.fetch(missing, ["INTERNALDATE"])  # deleted messages are not in the response
            found |= {uid: FetchedMessage(uid, _received_at(times[uid]), ()) for uid in missing if uid in times}
        return [found[uid] for uid in sorted(found)]

    def _fetch(self, uids: Sequence[int]) -> dict[int, FetchedMessage]:
        found = {}
        for uid, items in self._client.fetch(uids, self._items).items():
            groups = tuple(value or b"" for name, value in items.items() if name.startswith(b"BODY["))
            if groups:  # an unsolicited response, for instance on changed flags, has none
                found[uid] = FetchedMessage(uid, _received_at(items), groups)
        return found

    def _find_next_uid(self, response: dict[bytes, Any]) -> int:  # UIDNEXT is optional before RFC 3501
        if not response.get(b"EXISTS"):
            return 1
        return max(self._client.search(["UID", "*"]), default=0) + 1

    def _enter(self, folder: str) -> None:
        if self._opened != folder:
            self.examine(folder)
        self._stop_idling()

    def _start_idling(self) -> bool:
        """Start IDLE, and return whether the server reported new mail first. Clear `can_idle` if the server refuses."""
        responses = ""
        try:
            self._client.idle()
        except IMAPClientAbortError:
            raise
        except IMAPClientError as error:
            responses = str(error)
            if "b'* " not in responses:
                self.can_idle = False
                return False
            # The library expects nothing here, but servers may send anything at any time (RFC 3501, 5.2).
            while (response := self._client._imap._get_response()) is not None:  # noqa: SLF001 - until IDLE is accepted
                responses += str(response)
        self.idling = True
        return "EXISTS" in responses

    def _has_more(self) -> bool:
        """Return whether the library's buffer holds more data.

        The server reports mail received between EXAMINE and IDLE only once, and the report may already be in this buffer.
        """
        connection = self._client.socket()
        seconds = connection.gettimeout()
        connection.settimeout(0)
        try:
            with suppress(ssl.SSLWantReadError):
                return bool(self._client._imap.file.peek(1))  # noqa: SLF001 - the library checks only the socket
        finally:
            connection.settimeout(seconds)
        return False

    def _stop_idling(self) -> None:
        if self.idling:
            self.idling = False
            self._client.idle_done()


def explain(error: Exception, config: ImapConfig) -> str:
    """Return a message for the operator that quotes nothing of the server's responses."""
    if isinstance(error, LocalError):
        return str(error)
    host, port = config.endpoint
    if config.oauth and is_refused(error):
        text = _(
            "refuses the token: grant the application IMAP.AccessAsApp with admin consent, register it in Exchange Online "
            "(New-ServicePrincipal), and give it the mailbox in username"
        )
        return f"{host}:{port} {text}"
    return f"{host}:{port} {_explain(error)}"


def is_refused(error: Exception) -> bool:
    """Return whether the server refused the login; frequent attempts may lock the account.

    False if it closed the connection during the login.
    """
    return isinstance(error, LoginError) and not isinstance(error.__context__, IMAPClientAbortError)


def is_without_mailbox(error: Exception) -> bool:
    """Return whether Exchange Online accepted the login, but refuses all commands: the user has no right to the mailbox."""
    return "authenticated but not connected" in str(error)


def is_misconfigured(error: Exception) -> bool:
    """Return whether `error` is a `LocalError` that only another setting resolves.

    False for a token command that ran and failed: it may succeed the next time.
    """
    return isinstance(error, LocalError) and not isinstance(error.__context__, subprocess.SubprocessError)


def connect(config: ImapConfig) -> IMAPClient:
    """Return a new connection, logged in with a token of `oauth` or `token_command`, or else with the password.

    Raises `FAILURES`, and `SourceUnavailableError` if Microsoft Entra gives no token.
    """
    host, port = config.endpoint
    context = _tls_context(config) if config.tls != "none" else None
    client = IMAPClient(host, port, ssl=config.tls == "implicit", ssl_context=context, timeout=TIMEOUT)
    try:
        client.normalise_times = False  # keep the time zone
        if config.tls == "starttls":
            client.starttls(context)
        _log_in(client, config)
    except BaseException:
        client.shutdown()
        raise
    return client


def _received_at(items: dict[bytes, Any]) -> datetime | None:
    received_at: datetime | None = items.get(b"INTERNALDATE")
    try:
        return received_at.astimezone(UTC) if received_at else None
    except OverflowError:  # APPEND accepts any time
        return None


def _tls_context(config: ImapConfig) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=config.ca_file)
    except ssl.SSLError:
        raise LocalError(_("{ca_file} is not a PEM certificate", ca_file=config.ca_file)) from None
    except OSError as error:
        raise LocalError(describe_os_error(error, config.ca_file)) from None


def _log_in(client: IMAPClient, config: ImapConfig) -> None:
    if config.oauth:
        with closing(TokenProvider(config.oauth, OUTLOOK_SCOPE)) as tokens:
            client.oauth2_login(config.username, tokens.fetch())
    elif config.token_command:
        client.oauth2_login(config.username, _fetch_token(config.token_command))
    elif config.password:
        password = config.password.get_secret_value()
        log_in = client.login if password.isascii() else client.plain_login  # LOGIN accepts only ASCII
        log_in(config.username, password)


def _fetch_token(command: Sequence[str]) -> str:
    try:
        completed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=TOKEN_SECONDS)  # noqa: S603
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError) as error:
        name = type(error).__name__  # the output may hold a token
        raise LocalError(_("token_command failed ({name})", name=name)) from None
    return completed.stdout.strip()


def _explain(error: Exception) -> str:
    match error:
        case LoginError() if is_refused(error):
            return _(
                "refuses the user name, or the password or token: check them, and check that IMAP is allowed "
                "for this user"
            )
        case IMAPClientAbortError() | LoginError() | ConnectionResetError() | BrokenPipeError():
            return _("closed the connection")
        case ssl.SSLCertVerificationError():
            return _("shows a certificate that is not trusted here: set ca_file to its authority")
        case ssl.SSLError():
            return _("does not accept TLS this way: check tls and port")
        case IMAPClientError() if is_without_mailbox(error):
            return _(
                "accepts the login, but not for this mailbox: give it to the user or application (Add-MailboxPermission)"
            )
        case TimeoutError():
            return _("does not answer in time")
        case socket.gaierror():
            return _("is unknown: check the host name")
        case OSError():
            return _("cannot be reached: check the network")
        case _:
            return _("refuses a command, or sends an unexpected response")
