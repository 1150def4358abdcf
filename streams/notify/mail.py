"""Letters as e-mail, by SMTP."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from connectors.sdk.errors import ConnectorError
from connectors.sdk.i18n import say
from models.timestamps import to_datetime
from streams.notify.links import Links
from streams.notify.message_delivery import OutgoingMessage, RefusedError
from streams.notify.options import MailOptions, NotifyOptions
from streams.notify.texts import LINKS, STOPS, make_incident_formatter

TIMEOUT_SECONDS: Final = 15.0
PERMANENT: Final = 500
"""From here on a reply means that the same will be refused again (RFC 5321, 4.2.1)."""
UNFOLDED: Final = policy.SMTP.clone(max_line_length=998)
"""As long as a line may be (RFC 5322): a subject that is folded at once, after its name, is shown with a space before it."""


class NotMailedError(ConnectorError):
    """The server did not take a message; the text says why, for people. Send it again, the same."""


class MailTransport:
    """Hands messages for one recipient to a mail server: of several, one may be refused, now or for good, and the others not.

    A message that is sent again, since nobody knows whether it arrived, has the same Message-ID.
    """

    def __init__(self, options: MailOptions, recipient: str, common: NotifyOptions) -> None:
        self._options = options
        self._recipient = recipient
        self._links = Links(common.dashboard_url, common.runbook_url)
        self._phrasing = make_incident_formatter(common, options.language)

    def close(self) -> None:
        """Nothing is open: each message has a connection of its own."""

    def send(self, letter: OutgoingMessage) -> None:
        """Return once the server has taken the message. Raises `NotMailedError`, or `RefusedError`: it never will."""
        message = self._write(letter)
        try:
            with self._connect() as server:
                server.send_message(message, self._options.sender, [self._recipient])
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            words = f"{self._options.host}:{self._options.port}: {_explain(error)}"
            match error:
                case smtplib.SMTPRecipientsRefused() if _code_of(error) >= PERMANENT:
                    raise RefusedError(words, wholly=True) from None
                case smtplib.SMTPDataError() if error.smtp_code >= PERMANENT:
                    raise RefusedError(words) from None
            raise NotMailedError(words) from None

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
            if options.username:
                server.login(options.username, options.password.get_secret_value() if options.password else "")
            yield server
        finally:
            with suppress(smtplib.SMTPException):  # what was taken is taken, however the server says goodbye
                server.quit()

    def _write(self, letter: OutgoingMessage) -> EmailMessage:
        options = self._options
        message = EmailMessage(UNFOLDED)
        message["From"] = options.sender
        message["To"] = ", ".join(options.recipients)
        message["Subject"] = self._phrasing.headline(letter.notices)
        message["Date"] = format_datetime(to_datetime(letter.at))
        message["Message-ID"] = f"<{letter.id}@{options.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine is to answer
        message.set_content("\n".join(self._lines(letter)) + "\n")
        return message

    def _lines(self, letter: OutgoingMessage) -> Iterator[str]:
        phrasing, at = self._phrasing, letter.at
        yield phrasing.headline(letter.notices)
        for notice in letter.notices:
            yield ""
            yield phrasing.explain(notice, at) if len(letter.notices) == 1 else phrasing.line(notice, at)
            for name, url in self._links.of(notice.incident).items():
                yield f"{LINKS[name][self._options.language]}{STOPS[self._options.language]}{url}"


def _explain(error: Exception) -> str:
    match error:
        case smtplib.SMTPAuthenticationError():
            return say("refuses the user or the password", "refuse l'utilisateur ou le mot de passe")
        case smtplib.SMTPRecipientsRefused():
            return say(f"refuses the recipient ({_code_of(error)})", f"refuse le destinataire ({_code_of(error)})")
        case smtplib.SMTPSenderRefused():
            return say("refuses the sender", "refuse l'expéditeur")
        case smtplib.SMTPNotSupportedError():
            return say("does not know STARTTLS, or no login", "ne connaît pas STARTTLS, ou pas d'identification")
        case smtplib.SMTPDataError() if error.smtp_code >= PERMANENT:
            return say(f"refuses the message ({error.smtp_code})", f"refuse le message ({error.smtp_code})")
        case smtplib.SMTPResponseException():
            return say(f"takes no mail now ({error.smtp_code})", f"ne prend pas de courriel ({error.smtp_code})")
        case UnicodeError():
            return say(
                "is told nothing: the user or the password is not ASCII",
                "rien n'est envoyé : l'utilisateur ou le mot de passe n'est pas en ASCII",
            )
        case ssl.SSLError():
            return say("its certificate is not trusted", "son certificat n'est pas reconnu")
        case _:
            return say("does not answer", "ne répond pas")


def _code_of(error: smtplib.SMTPRecipientsRefused) -> int:
    """Return the reply about the one recipient that there was."""
    ((code, _),) = error.recipients.values()
    return code
