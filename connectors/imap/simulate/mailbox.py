"""A mailbox that is filled as citizens, agents and their programs would: by APPEND, each message with its time of receipt.

Use one that was made for this: what is written there looks like mail.
"""

from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from connectors.imap.config import ImapConfig
from connectors.imap.session import connect

DOMAIN: Final = "simulation.example.org"
Thread = Sequence[str]
"""The references of the messages before, the oldest first."""


class Mailbox:
    """The mailbox that `config` says, as its first address. Raises `session.FAILURES`, as do all methods.

    Each method takes a reference of the caller's, which makes the message's id.
    """

    def __init__(self, config: ImapConfig, *, inbox: str = "INBOX", sent: str = "Sent") -> None:
        self._address = next(iter(config.addresses))
        self._inbox, self._sent = inbox, sent
        self._client = connect(config)
        for folder in (inbox, sent):
            if not self._client.folder_exists(folder):
                self._client.create_folder(folder)

    def receive(self, reference: str, at: datetime, citizen: str, thread: Thread = ()) -> None:
        """A citizen writes, or goes on with a conversation."""
        self._put(self._inbox, self._message(reference, at, citizen, self._address, thread), at)

    def acknowledge(self, reference: str, at: datetime, citizen: str, thread: Thread) -> None:
        """A program of the service tells a citizen that the mail is there."""
        message = self._message(reference, at, self._address, citizen, thread)
        message["Auto-Submitted"] = "auto-replied"
        self._put(self._sent, message, at)

    def answer(self, reference: str, at: datetime, citizen: str, thread: Thread) -> None:
        """An agent answers."""
        self._put(self._sent, self._message(reference, at, self._address, citizen, thread), at)

    def forward(self, reference: str, at: datetime, colleague: str, thread: Thread) -> None:
        """An agent forwards a mail to a colleague."""
        self.answer(reference, at, colleague, thread)

    def be_away(self, reference: str, at: datetime, citizen: str, thread: Thread) -> None:
        """A program of the citizen's tells that the answer will not be read soon."""
        message = self._message(reference, at, citizen, self._address, thread)
        message["Auto-Submitted"] = "auto-replied"
        self._put(self._inbox, message, at)

    def bounce(self, reference: str, at: datetime, citizen: str, thread: Thread) -> None:
        """A server tells that the answer did not reach the citizen."""
        message = self._message(reference, at, f"mailer-daemon@{DOMAIN}", self._address, thread)
        message["Return-Path"] = "<>"
        message["X-Failed-Recipients"] = citizen
        message.replace_header("Content-Type", "multipart/report; report-type=delivery-status; boundary=x")
        self._put(self._inbox, message, at)

    def close(self) -> None:
        """Let go of the server."""
        self._client.logout()

    def _message(self, reference: str, at: datetime, sender: str, recipient: str, thread: Thread) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["Message-ID"] = _id(reference)
        message["Date"] = format_datetime(at)
        message["From"], message["To"] = sender, recipient
        message["Subject"] = "Simulation"
        if thread:
            message["In-Reply-To"] = _id(thread[-1])
            message["References"] = " ".join(map(_id, thread))
        message.set_content("Message fictif.\n")
        return message

    def _put(self, folder: str, message: EmailMessage, at: datetime) -> None:
        self._client.append(folder, message.as_bytes(), msg_time=at)


def _id(reference: str) -> str:
    return f"<{reference}@{DOMAIN}>"
