"""Mailbox filled with simulated messages by APPEND, each with its time of receipt.

Use a dedicated mailbox: the messages look like real mail.
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
"""References of the preceding messages, oldest first."""


class Mailbox:
    """Mailbox of `config`, for its first address. The constructor and all methods raise `session.FAILURES`.

    `reference` is chosen by the caller and becomes part of the `Message-ID`.
    """

    def __init__(self, config: ImapConfig, *, inbox: str = "INBOX", sent: str = "Sent") -> None:
        self._address = next(iter(config.addresses))
        self._inbox, self._sent = inbox, sent
        self._client = connect(config)
        for folder in (inbox, sent):
            if not self._client.folder_exists(folder):
                self._client.create_folder(folder)

    def receive(self, reference: str, at: datetime, citizen: str, thread: Thread = ()) -> None:
        """Add a message from a citizen; `thread` continues a conversation."""
        self._append(self._inbox, self._message(reference, at, citizen, self._address, thread), at)

    def acknowledge(self, reference: str, at: datetime, citizen: str, thread: Thread) -> None:
        """Add an automatic acknowledgement of the service."""
        message = self._message(reference, at, self._address, citizen, thread)
        message["Auto-Submitted"] = "auto-replied"
        self._append(self._sent, message, at)

    def answer(self, reference: str, at: datetime, citizen: str, thread: Thread) -> None:
        """Add an answer of an agent."""
        self._append(self._sent, self._message(reference, at, self._address, citizen, thread), at)

    def forward(self, reference: str, at: datetime, colleague: str, thread: Thread) -> None:
        """Add a message that an agent forwards to a colleague."""
        self.answer(reference, at, colleague, thread)

    def be_away(self, reference: str, at: datetime, citizen: str, thread: Thread) -> None:
        """Add an automatic out-of-office reply of the citizen."""
        message = self._message(reference, at, citizen, self._address, thread)
        message["Auto-Submitted"] = "auto-replied"
        self._append(self._inbox, message, at)

    def bounce(self, reference: str, at: datetime, citizen: str, thread: Thread) -> None:
        """Add a mail server's report that the answer was not delivered."""
        message = self._message(reference, at, f"mailer-daemon@{DOMAIN}", self._address, thread)
        message["Return-Path"] = "<>"
        message["X-Failed-Recipients"] = citizen
        message.replace_header("Content-Type", "multipart/report; report-type=delivery-status; boundary=x")
        self._append(self._inbox, message, at)

    def close(self) -> None:
        """Log out."""
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

    def _append(self, folder: str, message: EmailMessage, at: datetime) -> None:
        self._client.append(folder, message.as_bytes(), msg_time=at)


def _id(reference: str) -> str:
    return f"<{reference}@{DOMAIN}>"
