"""Mailbox filled with simulated messages by APPEND, each with its time of receipt.

Use a dedicated mailbox: the messages look like real mail.
"""

from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from connectors.imap.config import ImapConfig
from connectors.imap.session import connect

DOMAIN: Final = "simulation.example.org"
INBOX: Final = "INBOX"
SENT: Final = "Sent"


class Mailbox:
    """Mailbox of `config`, for its first address. The constructor and all methods raise `session.FAILURES`.

    `reference` is chosen by the caller and becomes part of the `Message-ID`; a reply names the citizen's message in `about`.
    """

    def __init__(self, config: ImapConfig) -> None:
        self._address = next(iter(config.addresses))
        self._client = connect(config)
        for folder in (INBOX, SENT):
            if not self._client.folder_exists(folder):
                self._client.create_folder(folder)

    def receive(self, reference: str, at: datetime, citizen: str) -> None:
        """Add a message from a citizen."""
        self._append(INBOX, reference, at, {"From": citizen, "To": self._address})

    def acknowledge(self, reference: str, at: datetime, citizen: str, about: str) -> None:
        """Add an automatic acknowledgement of the service."""
        self._reply(reference, at, citizen, about, {"Auto-Submitted": "auto-replied"})

    def answer(self, reference: str, at: datetime, citizen: str, about: str) -> None:
        """Add an answer of an agent."""
        self._reply(reference, at, citizen, about, {})

    def close(self) -> None:
        """Log out."""
        self._client.logout()

    def _reply(self, reference: str, at: datetime, citizen: str, about: str, headers: dict[str, str]) -> None:
        thread = {"In-Reply-To": _id(about), "References": _id(about)}
        self._append(SENT, reference, at, {"From": self._address, "To": citizen, **thread, **headers})

    def _append(self, folder: str, reference: str, at: datetime, headers: dict[str, str]) -> None:
        message = EmailMessage(policy=SMTP)
        fields = {"Message-ID": _id(reference), "Date": format_datetime(at), "Subject": "Simulation", **headers}
        for name, value in fields.items():
            message[name] = value
        message.set_content("Message fictif.\n")
        self._client.append(folder, message.as_bytes(), msg_time=at)


def _id(reference: str) -> str:
    return f"<{reference}@{DOMAIN}>"
