"""Sample mail, and mailboxes on a Dovecot server with the connector that reads them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from imapclient import IMAPClient

from connectors.imap import CONNECTOR
from connectors.sdk.contact_reasons import NO_REASONS, ContactReasons, ReasonRule
from connectors.sdk.contract import Connector
from connectors.sdk.keys import load_key
from connectors.sdk.testing import ConnectorHarness, comparable_form, take_part
from connectors.sdk.testing.leaks import contents
from models.codec import encode
from models.events import Event
from models.identities import IdentityKind, PseudonymKey
from tests.support.dovecot import Dovecot

BEGIN = datetime(2026, 3, 16, 8, tzinfo=UTC)
OURS = "accueil@example.org"
CITIZEN = "mireille.exemple@example.org"
OTHER = "jean.modele@example.org"
PERSONAL = ("Mireille", "Exemple", CITIZEN, OTHER, "06 39 98 55 11", "dossier 48210")
ADDRESSES: dict[str, Any] = {OURS: {"queue": "accueil", "service": "accueil", "site": "siege"}}
NUMBERS = count()


class Mail(NamedTuple):
    folder: str
    at: datetime
    content: bytes


def mail(
    name: str,
    minute: float,
    sender: str = CITIZEN,
    to: str = OURS,
    *,
    follows: Sequence[str] = (),
    folder: str = "INBOX",
    **headers: str,
) -> Mail:
    """Return a message; `name` becomes part of its id, and `headers` come first."""
    at = BEGIN + timedelta(minutes=minute)
    lines = [f"{header.replace('_', '-')}: {value}" for header, value in headers.items()]
    lines += [f"Message-ID: <{name}.{CITIZEN}>"] if name else []
    lines += [f"Date: {at:%a, %d %b %Y %H:%M:%S} +0000", f"From: Mireille Exemple <{sender}>", f"To: {to}"]
    lines += [f"Subject: dossier 48210 de Mireille Exemple, {PERSONAL[4]}", "Content-Type: text/plain; charset=utf-8"]
    if follows:
        ids = [f"<{reference}.{CITIZEN}>" for reference in follows]
        lines += [f"In-Reply-To: {ids[-1]}", f"References: {' '.join(ids)}"]
    return Mail(folder, at, "\r\n".join([*lines, "", f"Bonjour, rappelez le {PERSONAL[4]}.", ""]).encode())


def answer(name: str, minute: float, *follows: str, sender: str = OURS, to: str = CITIZEN, **headers: str) -> Mail:
    return mail(name, minute, sender, to, follows=follows, folder="Sent", **headers)


def automatic_reply(name: str, minute: float, *follows: str) -> Mail:
    return mail(name, minute, follows=follows, Auto_Submitted="auto-replied")


def bounce(name: str, minute: float, *follows: str) -> Mail:
    report = {"Return_Path": "<>", "Content_Type": "multipart/report; report-type=delivery-status; boundary=x"}
    return mail(name, minute, "MAILER-DAEMON@example.org", follows=follows, **report)


MAILS = [
    mail("a", 0),
    answer("a-acknowledged", 0.2, "a", Auto_Submitted="auto-replied"),
    mail("b", 1, OTHER),
    mail("a", 0),
    answer("a-answered", 2, "a"),
    automatic_reply("a-away", 2.1, "a", "a-answered"),
    mail("a-again", 3, follows=["a-answered"]),
    bounce("a-bounced", 4, "a", "a-answered"),
    mail("", 5),
    Mail("INBOX", BEGIN + timedelta(minutes=6), b"Subject: dossier 48210\r\n\r\nBonjour\r\n"),
    mail("b-again", 7, OTHER, follows=["b"], X_Latin_1="\xe9"),
    Mail("INBOX", datetime(1999, 1, 1, tzinfo=UTC), mail("old", 8).content),
    Mail("INBOX", BEGIN + timedelta(minutes=9), b"From: \xe9t\xe9 <ete@example.org>\nMessage-ID: <latin>\n\nBonjour\n"),
    Mail("INBOX", BEGIN + timedelta(minutes=10), b"\xff\xfe: x\r\n\r\n\r\n"),
    *(mail(f"more-{n}", 11 + n, f"usager{n}@example.org") for n in range(30)),
    *(answer(f"more-{n}-answered", 50 + n, f"more-{n}", to=f"usager{n}@example.org") for n in range(0, 30, 2)),
]
"""Sample messages in order of receipt."""


class ReadableMailbox(ABC):
    """Mailbox of a new user, and the connector that reads it."""

    connector: ClassVar[Connector[Any]]

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @abstractmethod
    def options(self, **changes: Any) -> dict[str, Any]:
        pass

    @abstractmethod
    def put(self, *mails: Mail) -> object:
        """Store these messages, in order."""

    def harness(self, contact_reasons: ContactReasons = NO_REASONS, **changes: Any) -> ConnectorHarness:
        data, keys = self._directory / "data", self._directory / "keys"
        return ConnectorHarness(self.connector, self.options(**changes), data, keys, contact_reasons)

    def read(self, **changes: Any) -> list[Event]:
        return self.harness(**changes).read_all(confirm=True)

    def pseudonym_key(self) -> PseudonymKey:
        return load_key(self._directory / "keys", "general")


class Mailbox(ReadableMailbox):
    """Mailbox on a Dovecot server."""

    connector = CONNECTOR

    def __init__(self, server: Dovecot, directory: Path) -> None:
        super().__init__(directory)
        self.server = server
        self.user = server.add_user(f"essai{next(NUMBERS)}")

    def options(self, **changes: Any) -> dict[str, Any]:
        return self.server.options(self.user, **{"addresses": ADDRESSES, "poll_seconds": 1500, **changes})

    def client(self) -> AbstractContextManager[IMAPClient]:
        return self.server.client(self.user)

    def put(self, *mails: Mail) -> None:
        with self.client() as client:
            for folder in dict.fromkeys(mail.folder for mail in mails):
                if not client.folder_exists(folder):
                    client.create_folder(folder)
            for folder, at, content in mails:
                client.append(folder, content, msg_time=at)


def events_by_contact(events: Sequence[Event]) -> list[tuple[int, str]]:
    """Return contact number and kind of each event; contacts are numbered in order of first appearance."""
    numbers = {subject: number for number, subject in enumerate(dict.fromkeys(event.subject for event in events))}
    return [(numbers[event.subject], event.type.partition(".")[2]) for event in events]


def check_conversation(mailbox: ReadableMailbox) -> None:
    """Put the conversation of `MAILS` into the mailbox, and check the events that its connector publishes."""
    mailbox.put(*MAILS[:8])
    events = mailbox.read()
    expected = [(0, "received"), (0, "acknowledged"), (1, "received"), (0, "answered"), (0, "received")]
    assert events_by_contact(events) == expected
    assert [event.time for event in events] == [BEGIN + timedelta(minutes=minute) for minute in (0, 0.2, 1, 2, 3)]
    assert {(event.service, event.site) for event in events} == {("accueil", "siege")}
    assert events[0].model_dump()["data"] == {"queue": "accueil"}
    key = mailbox.pseudonym_key()
    mine, others = (key.pseudonym(IdentityKind.EMAIL, address) for address in (CITIZEN, OTHER))
    assert [event.identities for event in events] == [mine, mine, others, mine, mine]


def check_reasons_by_subject(mailbox: ReadableMailbox) -> None:
    """Check that a conversation's first message sets the reason, and that no part of its subject is published."""
    reasons = ContactReasons(
        [
            ReasonRule("dechets", subject_words=("dechets",)),
            ReasonRule("dossier", subject_words=("Dossier",)),
            ReasonRule("autre", queues=("accueil",)),
        ]
    )
    mailbox.put(
        mail("a", 0),
        answer("a-answered", 1, "a"),
        mail("a-again", 2, follows=["a", "a-answered"]),
        mail("b", 3, OTHER, Subject="=?iso-8859-1?Q?D=E9chets?= verts"),
        mail("c", 4, OTHER, Subject="Bonjour"),
        mail("away", 5, Auto_Submitted="auto-replied"),
    )
    harness = mailbox.harness(reasons)
    again = harness.read_all(confirm=False)
    events = harness.read_all(confirm=True)
    assert comparable_form(again) == comparable_form(events)
    assert events_by_contact(events) == [
        *((0, "received"), (0, "reason_set"), (0, "answered"), (0, "received")),
        *((1, "received"), (1, "reason_set"), (2, "received"), (2, "reason_set")),
    ]
    set_by = [event.data.contact_reason for event in events if event.type == "contact.reason_set"]
    assert set_by == ["dossier", "dechets", "autre"]
    assert len({event.id for event in events}) == len(events)
    published = b"\n".join(map(encode, events)).decode()
    assert not [value for value in (*PERSONAL, "verts", "Bonjour") if value in published]
    harness.read_all(confirm=True)
    assert not [value for value in (*PERSONAL, "verts", "Bonjour") if value in contents(harness.directory)]


def supply_part(mailbox: ReadableMailbox, directory: Path, part: int, parts: int) -> None:
    """Put one of `parts` equal parts of `MAILS` into the mailbox, and a copy into `directory`."""
    mails = take_part(MAILS, part, parts)
    mailbox.put(*mails)
    (directory / f"supplied-{part}.eml").write_bytes(b"\n".join(mail.content for mail in mails))
