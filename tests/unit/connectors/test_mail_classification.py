"""Classification of messages with a real conversation store."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import count, permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from connectors.imap.config import ImapConfig
from connectors.imap.session import FetchedMessage
from connectors.sdk.mail import conversations as conversations_module
from connectors.sdk.mail.classification import MailClassifier
from connectors.sdk.mail.conversations import MAX_PEOPLE, ConversationStore
from connectors.sdk.mail.headers import FIELDS
from connectors.sdk.mail.mapping import Mail, MailKind, MailMapping
from connectors.sdk.testing.leaks import DISGUISED, forms_outside
from models.identities import PseudonymKey

AT = datetime(2026, 3, 16, 9, tzinfo=UTC)
KEY = PseudonymKey("general", b"k" * 32)
OURS, CITIZEN = "accueil@example.org", "mireille.exemple@example.org"
OPTIONS: dict[str, Any] = {"host": "localhost", "username": "u", "password": "p", "addresses": {OURS: {}}}
UIDS = count(1)


def config() -> ImapConfig:
    return ImapConfig.model_validate(OPTIONS)


def message(name: str, sender: str = CITIZEN, to: str = OURS, follows: str = "", **headers: str) -> FetchedMessage:
    lines = [f"Message-ID: <{name}>", f"Date: {name}", f"From: {sender}", f"To: {to}"]
    lines += [f"References: {' '.join(f'<{name}>' for name in follows.split())}"] if follows else []
    lines += [f"{header.replace('_', '-')}: {value}" for header, value in headers.items()]
    return FetchedMessage(next(UIDS), AT, ("\r\n".join([*lines, "", ""]).encode(),))


class ClassifierHarness:
    """Classifier with a conversation store, which a test can close and reopen."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.published = 0
        self.open()

    def open(self) -> None:
        self.conversations = ConversationStore(self._directory, KEY, self.published)
        self._classifier = MailClassifier(config(), self.conversations)

    def restart(self) -> None:
        self.conversations.close()
        self.open()

    def classify(self, fetched: FetchedMessage, *, sent: bool = False) -> Mail | None:
        mail = self._classifier.classify("INBOX", fetched, AT, sent=sent)
        self.conversations.commit()
        return mail


def kinds(*mails: Mail | None) -> list[MailKind | None]:
    return [mail and mail.kind for mail in mails]


@pytest.fixture
def classifier(tmp_path: Path) -> Iterator[ClassifierHarness]:
    classifier = ClassifierHarness(tmp_path)
    yield classifier
    classifier.conversations.close()


def classify(directory: Path, *mails: tuple[FetchedMessage, bool], key: PseudonymKey = KEY) -> list[Mail]:
    """Return the messages, each with whether it was sent, as classified with a new store."""
    with TemporaryDirectory(dir=directory) as own, closing(ConversationStore(Path(own), key, 0)) as conversations:
        classifier = MailClassifier(config(), conversations)
        classified = [classifier.classify("INBOX", fetched, AT, sent=sent) for fetched, sent in mails]
    return [mail for mail in classified if mail]


@pytest.mark.parametrize("value", DISGUISED)
def test_no_personal_value_of_a_header_reaches_events(value: str, tmp_path: Path) -> None:
    mapping = MailMapping("imap/essai", config(), lambda _: KEY)
    leaks = set()
    for field in (name for group in FIELDS for name in group):
        defaults = {"Message-ID": "<a>", "Date": "today", "From": CITIZEN, "To": OURS}
        planted = f"<{value}>" if field in {"Message-ID", "In-Reply-To", "References"} else value
        headers = "\r\n".join(f"{name}: {text}" for name, text in (defaults | {field: planted}).items())
        (mail,) = classify(tmp_path, (FetchedMessage(1, AT, (f"{headers}\r\n\r\n".encode(),)), False))
        leaks.update((field, form) for form in forms_outside(value, mapping.map(mail), "imap/essai"))
    assert leaks == set()


def test_ids_of_a_message_depend_on_the_key(tmp_path: Path) -> None:
    """Guessing the headers gives neither the event id nor the contact id."""
    mapping = MailMapping("imap/essai", config(), lambda _: KEY)
    events = []
    for key in (KEY, PseudonymKey(KEY.sector, b"o" * 32)):
        (mail,) = classify(tmp_path, (message("0639981234"), False), key=key)
        events += mapping.map(mail)
    one, other = events
    assert one.id != other.id
    assert one.subject != other.subject


def contacts(*mails: Mail | None) -> list[int]:
    """Number the contacts of these messages in order of first appearance."""
    numbers: dict[str, int] = {}
    return [numbers.setdefault(mail.contact, len(numbers)) for mail in mails if mail]


def test_contact_id_does_not_depend_on_the_order_of_messages(tmp_path: Path) -> None:
    """Holds if the messages refer to the first one."""
    mails = [(message("1"), False), (message("2", OURS, CITIZEN, "1"), True), (message("3", follows="1 2"), False)]
    names = {mail.contact for order in permutations(mails) for mail in classify(tmp_path, *order) if mail.contact}
    assert len(names) == 1


def test_reply_to_a_reply_joins_by_its_nearest_reference(classifier: ClassifierHarness) -> None:
    first = classifier.classify(message("1"))
    second = classifier.classify(message("2", OURS, CITIZEN, "1"), sent=True)
    third = classifier.classify(message("3", In_Reply_To="<2>"))
    other = classifier.classify(message("4", In_Reply_To="<nobody-knows>"))
    assert contacts(first, second, third, other) == [0, 0, 0, 1]


def test_reply_from_another_address_joins_the_contact(classifier: ClassifierHarness) -> None:
    first = classifier.classify(message("1", Reply_To="autre@example.org"))
    answered = classifier.classify(message("2", OURS, "autre@example.org", "1"), sent=True)
    third = classifier.classify(message("3", "autre@example.org", follows="1 2"))
    assert contacts(first, answered, third) == [0, 0, 0]
    assert kinds(first, answered, third) == [MailKind.RECEIVED, MailKind.ANSWERED, MailKind.RECEIVED]


def test_published_messages_are_not_repeated_after_a_restart(classifier: ClassifierHarness) -> None:
    mails = [message("1"), message("2"), message("3")]
    first = [classifier.classify(mail) for mail in mails[:2]]
    classifier.published = classifier.conversations.newest
    unconfirmed = classifier.classify(mails[2])
    classifier.restart()
    again = [classifier.classify(mail) for mail in (*mails, *mails)]
    assert all(first)
    assert again == [None, None, unconfirmed, None, None, None]


def test_unconfirmed_messages_are_repeated_after_each_restart(classifier: ClassifierHarness) -> None:
    """Holds also if other messages are published meanwhile."""
    first = message("1")
    classified = classifier.classify(first)
    for name in ("3", "4", "5"):
        classifier.restart()
        assert classifier.classify(message(name))
        classifier.published = classifier.conversations.newest
    classifier.restart()
    assert classifier.classify(first) == classified


def test_first_message_of_a_conversation_may_refer_to_itself_or_to_a_later_one(classifier: ClassifierHarness) -> None:
    mails = [
        message("a", follows="a"),
        message("b", follows="c"),
        message("c", "autre@example.org"),
        message("d", follows="b"),
    ]
    first = [classifier.classify(fetched) for fetched in mails]
    assert [mail and mail.is_first for mail in first] == [True, True, True, False]
    classifier.restart()
    assert [classifier.classify(fetched) for fetched in mails] == first


def test_store_of_a_former_version_is_continued(classifier: ClassifierHarness, tmp_path: Path) -> None:
    first = classifier.classify(message("a"))
    classifier.conversations.close()
    with closing(sqlite3.connect(tmp_path / "threads.sqlite")) as database:
        database.execute("ALTER TABLE messages DROP COLUMN is_first")
    classifier.open()
    again = classifier.classify(message("b", follows="a"))
    assert contacts(first, again) == [0, 0]


def test_new_message_does_not_count_as_published_after_a_restore_of_the_store(classifier: ClassifierHarness) -> None:
    classifier.classify(message("1"))
    classifier.published = 50
    classifier.restart()
    new = message("2")
    first = classifier.classify(new)
    classifier.restart()
    assert first
    assert classifier.classify(new) == first


def test_oldest_messages_are_deleted(classifier: ClassifierHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations_module, "MAX_MESSAGES", 10)
    for number in range(30):
        classifier.classify(message(f"{number}"))
    (stored,) = classifier.conversations._database.find("SELECT count(*) FROM messages")
    assert stored == 10


def test_citizens_of_a_conversation_are_bounded(classifier: ClassifierHarness) -> None:
    first = classifier.classify(message("0"))
    for number in range(1, 40):
        classifier.classify(message(f"{number}", f"usager{number}@example.org", follows="0"))
        classifier.classify(message(f"a{number}", f"autre{number}@example.org", follows=f"{number}"))
    last = classifier.classify(message("last", OURS, CITIZEN, "0 39"), sent=True)
    assert contacts(first, last) == [0, 0]
    found = classifier.conversations.follow(["a39"])
    assert found
    assert len(found.people) <= MAX_PEOPLE
    assert last
    assert last.kind is MailKind.ANSWERED


def test_store_holds_no_address_and_no_message_id(classifier: ClassifierHarness, tmp_path: Path) -> None:
    classifier.classify(message("un-identifiant@example.org"))
    classifier.conversations.close()
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    classifier.open()
    assert len(content) > 1000
    assert not [text for text in (b"mireille", b"identifiant") if text in content.lower()]


def test_message_without_id_and_date_is_unidentified(classifier: ClassifierHarness) -> None:
    unidentified = FetchedMessage(1, AT, (b"From: mireille.exemple@example.org\r\n\r\n",))
    dated = FetchedMessage(2, AT, (b"From: mireille.exemple@example.org\r\nDate: hier\r\n\r\n",))
    assert kinds(classifier.classify(unidentified), classifier.classify(FetchedMessage(3, AT, ()))) == [
        MailKind.UNIDENTIFIED,
        MailKind.UNREADABLE,
    ]
    assert kinds(classifier.classify(dated), classifier.classify(dated)) == [MailKind.RECEIVED, None]
