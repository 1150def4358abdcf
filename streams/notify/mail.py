"""Messages as e-mail, by SMTP or by Microsoft Graph."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

import httpx

from connectors.sdk.errors import ConnectorError, SourceUnavailableError
from connectors.sdk.microsoft.graph import GraphClient, GraphError
from connectors.sdk.microsoft.tokens import OUTLOOK_SCOPE, TokenProvider
from models.locale import _
from models.timestamps import to_datetime
from streams.notify.digest_delivery import OutgoingMessage, RefusedError
from streams.notify.options import MailOptions, NotifyOptions
from streams.notify.texts import LINKS, make_incident_formatter

TIMEOUT_SECONDS: Final = 15.0
PERMANENT: Final = 500
"""Lowest code of a permanent SMTP refusal (RFC 5321, 4.2.1)."""
UNFOLDED: Final = policy.SMTP.clone(max_line_length=998)
"""Policy with the longest line of RFC 5322. A subject folded right after its name would be shown with a leading space."""


class NotMailedError(ConnectorError):
    """The server did not accept a message. The same message must be sent again."""


class MailTransport:
    """Send messages to one recipient. The server may refuse one recipient of several, temporarily or permanently.

    A message that is sent again has the same Message-ID, because the first attempt may have arrived.
    """

    def __init__(self, options: MailOptions, recipient: str, common: NotifyOptions) -> None:
        self._options = options
        self._recipient = recipient
        self._links_of = common.settings.links_of
        self._formatter = make_incident_formatter(common, options.language)
        self._graph = GraphClient(options.oauth) if options.oauth and not options.host else None
        self._tokens = TokenProvider(options.oauth, OUTLOOK_SCOPE) if options.oauth and options.host else None

    def close(self) -> None:
        """Close the connections to Microsoft 365. By SMTP, each message has its own connection."""
        for opened in (self._graph, self._tokens):
            if opened:
                opened.close()

    def send(self, outgoing: OutgoingMessage) -> None:
        """Send a message. Raises `RefusedError` if the recipient or the content is refused permanently, else `NotMailedError`."""
        message = self._write(outgoing)
        try:
            if self._graph:
                self._graph.send_mail(self._options.sender, message.as_bytes())
            else:
                self._send_by_smtp(message)
        except GraphError as error:
            if error.status == httpx.codes.BAD_REQUEST:
                raise RefusedError(str(error)) from None
            raise NotMailedError(str(error)) from None
        except SourceUnavailableError as error:
            raise NotMailedError(str(error)) from None

    def _send_by_smtp(self, message: EmailMessage) -> None:
        try:
            with self._connect() as server:
                server.send_message(message, self._options.sender, [self._recipient])
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            text = f"{self._options.host}:{self._options.port}: {_explain(error)}"
            match error:
                case smtplib.SMTPRecipientsRefused() if _code_of(error) >= PERMANENT:
                    raise RefusedError(text, wholly=True) from None
                case smtplib.SMTPDataError() if error.smtp_code >= PERMANENT:
                    raise RefusedError(text) from None
            raise NotMailedError(text) from None

    @contextmanager
    def _connect(self) -> Iterator[smtplib.SMTP]:
        options, context = self._options, ssl.create_default_context()
        if options.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                options.host, options.port, timeout=TIMEOUT_SECONDS, context=context
            )
        else:
            server = smtplib.SMTP(options.host, options.port, timeout=TIMEOUT_SECONDS)
        try:
            if options.security == "starttls":
                server.starttls(context=context)
            if self._tokens:
                login = f"user={options.username or options.sender}\1auth=Bearer {self._tokens.fetch()}\1\1"
                server.ehlo_or_helo_if_needed()
                server.auth("XOAUTH2", lambda challenge=None: "" if challenge else login)
            elif options.username:
                server.login(options.username, options.password.get_secret_value() if options.password else "")
            yield server
        finally:
            with suppress(smtplib.SMTPException):  # the message was accepted, even if QUIT fails
                server.quit()

    def _write(self, outgoing: OutgoingMessage) -> EmailMessage:
        options = self._options
        message = EmailMessage(UNFOLDED)
        message["From"] = options.sender
        # Graph sends to the addresses in the headers.
        message["To"] = self._recipient if self._graph else ", ".join(options.recipients)
        message["Subject"] = self._formatter.headline(outgoing.notices)
        message["Date"] = format_datetime(to_datetime(outgoing.at))
        message["Message-ID"] = f"<{outgoing.id}@{options.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automatic answers
        message.set_content("\n".join(self._lines(outgoing)) + "\n")
        return message

    def _lines(self, outgoing: OutgoingMessage) -> Iterator[str]:
        formatter, at = self._formatter, outgoing.at
        yield formatter.headline(outgoing.notices)
        for notice in outgoing.notices:
            yield ""
            yield formatter.explain(notice, at) if len(outgoing.notices) == 1 else formatter.line(notice, at)
            for name, url in self._links_of(notice.incident).items():
                yield formatter.labelled(LINKS[name], url)


def _explain(error: Exception) -> str:
    match error:
        case smtplib.SMTPAuthenticationError():
            return _("refuses the user, or the password or token")
        case smtplib.SMTPRecipientsRefused():
            return _("refuses the recipient ({code_of})", code_of=_code_of(error))
        case smtplib.SMTPSenderRefused():
            return _("refuses the sender")
        case smtplib.SMTPNotSupportedError():
            return _("does not support STARTTLS or authentication")
        case smtplib.SMTPDataError() if error.smtp_code >= PERMANENT:
            return _("refuses the message ({smtp_code})", smtp_code=error.smtp_code)
        case smtplib.SMTPResponseException():
            return _("accepts no mail at present ({smtp_code})", smtp_code=error.smtp_code)
        case UnicodeError():
            return _("nothing is sent: the user or the password is not ASCII")
        case ssl.SSLError():
            return _("its certificate is not trusted")
        case _:
            return _("does not answer")


def _code_of(error: smtplib.SMTPRecipientsRefused) -> int:
    ((code, _),) = error.recipients.values()
    return code
