"""What messages are, and which conversation they are of, on a real file of conversations."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import count, permutations
from pathlib import Path
from typing import Any

import pytest

from connectors.imap import conversations as threads_module
from connectors.imap.classification import Addresses, MailClassifier
from connectors.imap.config import ImapConfig
from connectors.imap.conversations import MOST_PEOPLE, ConversationStore
from connectors.imap.headers import FIELDS
from connectors.imap.mail import Mail, MailKind
from connectors.imap.mapping import MailMapping
from connectors.imap.session import FetchedMessage
from connectors.sdk.contract import Reject
from connectors.sdk.testing.leaks import DISGUISED, forms_outside
from models.identities import PseudonymKey

AT = datetime(2026, 3, 16, 9, tzinfo=UTC)
KEY = PseudonymKey("general", b"k" * 32)
OURS, CITIZEN = "accueil@example.org", "mireille.exemple@example.org"
OPTIONS: dict[str, Any] = {"host": "localhost", "username": "u", "password": "p", "addresses": {OURS: {}}}
UIDS = count(1)


def config(**more: Any) -> ImapConfig:
    return ImapConfig.model_validate(OPTIONS | more)


def message(name: str, sender: str = CITIZEN, to: str = OURS, follows: str = "", **headers: str) -> FetchedMessage:
    lines = [f"Message-ID: <{name}>", f"Date: {name}", f"From: {sender}", f"To: {to}"]
    lines += [f"References: {' '.join(f'<{one}>' for one in follows.split())}"] if follows else []
    lines += [f"{header.replace('_', '-')}: {value}" for header, value in headers.items()]
    return FetchedMessage(next(UIDS), AT, ("\r\n".join([*lines, "", ""]).encode(),))


class Desk:
    """A sorter and its conversations, opened and closed at will."""

    def __init__(self, directory: Path, **more: Any) -> None:
        self._directory = directory
        self._config = config(**more)
        self.told = 0
        self.open()

    def open(self) -> None:
        self.conversations = ConversationStore(self._directory, KEY, self.told)
        self._sorter = MailClassifier(self._config, self.conversations)

    def classify(self, fetched: FetchedMessage, *, sent: bool = False) -> Mail | None:
        mail = self._sorter.classify("INBOX", fetched, AT, sent=sent)
        self.conversations.commit()
        return mail

    def kinds(self, *mails: Mail | None) -> list[MailKind | None]:
        return [mail and mail.kind for mail in mails]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    one = Desk(tmp_path)
    yield one
    one.conversations.close()


@pytest.mark.parametrize("value", DISGUISED)
def test_a_personal_value_in_any_header_stays_inside(value: str, tmp_path: Path) -> None:
    mapping = MailMapping("imap/essai", config(), lambda _: KEY)
    leaks = set()
    for number, field in enumerate(name for group in FIELDS for name in group):
        directory = tmp_path / str(number)
        directory.mkdir()
        with closing(ConversationStore(directory, KEY, 0)) as conversations:
            usual = {"Message-ID": "<a>", "Date": "today", "From": CITIZEN, "To": OURS}
            planted = f"<{value}>" if field in {"Message-ID", "In-Reply-To", "References"} else value
            headers = "\r\n".join(f"{name}: {text}" for name, text in (usual | {field: planted}).items())
            fetched = FetchedMessage(1, AT, (f"{headers}\r\n\r\n".encode(),))
            mail = MailClassifier(config(), conversations).classify(value, fetched, AT, sent=False)
            assert mail
            leaks.update((field, how) for how in forms_outside(value, mapping.map(mail), "imap/essai"))
    assert leaks == set()


def test_ids_of_a_message_depend_on_the_key(tmp_path: Path) -> None:
    """A guess of what the headers hold gives neither the id of the event nor that of the contact."""
    text = f"Message-ID: <0639981234>\r\nDate: today\r\nFrom: {CITIZEN}\r\nTo: {OURS}\r\n\r\n"
    events = []
    for key in (KEY, PseudonymKey(KEY.sector, b"o" * 32)):
        directory = tmp_path / str(len(events))
        directory.mkdir()
        with closing(ConversationStore(directory, key, 0)) as conversations:
            mail = MailClassifier(config(), conversations).classify(
                "INBOX", FetchedMessage(1, AT, (text.encode(),)), AT, sent=False
            )
            assert mail
            events += MailMapping("imap/essai", config(), lambda _: KEY).map(mail)
    one, other = events
    assert one.id != other.id
    assert one.subject != other.subject


def contacts(*mails: Mail | None) -> list[int]:
    """The numbers of their contacts, in the order in which they came up."""
    numbers: dict[str, int] = {}
    return [numbers.setdefault(mail.contact, len(numbers)) for mail in mails if mail]


def test_a_contact_has_the_same_name_wherever_its_conversation_is_met_first(tmp_path: Path) -> None:
    """Where the messages say what they all began with."""
    mails = [(message("1"), False), (message("2", OURS, CITIZEN, "1"), True), (message("3", follows="1 2"), False)]
    names = set()
    for number, order in enumerate(permutations(mails)):
        place = tmp_path / str(number)
        place.mkdir()
        with closing(ConversationStore(place, KEY, 0)) as conversations:
            sorter = MailClassifier(config(), conversations)
            told = [sorter.classify("INBOX", fetched, AT, sent=sent) for fetched, sent in order]
        names |= {mail.contact for mail in told if mail and mail.contact}
    assert len(names) == 1


def test_a_reply_to_a_reply_is_found_by_its_nearest(desk: Desk) -> None:
    first = desk.classify(message("1"))
    second = desk.classify(message("2", OURS, CITIZEN, "1"), sent=True)
    third = desk.classify(message("3", In_Reply_To="<2>"))
    other = desk.classify(message("4", In_Reply_To="<nobody-knows>"))
    assert contacts(first, second, third, other) == [0, 0, 0, 1]


def test_who_answers_from_another_address_is_of_the_same_contact(desk: Desk) -> None:
    first = desk.classify(message("1", Reply_To="autre@example.org"))
    answered = desk.classify(message("2", OURS, "autre@example.org", "1"), sent=True)
    third = desk.classify(message("3", "autre@example.org", follows="1 2"))
    assert contacts(first, answered, third) == [0, 0, 0]
    assert desk.kinds(first, answered, third) == [MailKind.RECEIVED, MailKind.ANSWERED, MailKind.RECEIVED]


def test_known_after_a_restart_what_was_told_is_not_told_again(desk: Desk) -> None:
    mails = [message("1"), message("2"), message("3")]
    first = [desk.classify(one) for one in mails[:2]]
    desk.told = desk.conversations.newest
    unsafe = desk.classify(mails[2])
    desk.conversations.close()
    desk.open()
    again = [desk.classify(one) for one in (*mails, *mails)]
    assert all(first)
    assert again == [None, None, unsafe, None, None, None]


def test_what_was_not_told_for_sure_is_told_after_every_restart(desk: Desk) -> None:
    """Also if others are told meanwhile."""
    first, second = message("1"), message("2")
    told = desk.classify(first)
    for name in ("3", "4", "5"):
        desk.conversations.close()
        desk.open()
        assert desk.classify(message(name))
        desk.told = desk.conversations.newest
    desk.conversations.close()
    desk.open()
    assert desk.classify(first) == told
    assert desk.classify(second)


def test_a_file_that_lacks_what_was_told_last_gives_no_number_twice(desk: Desk) -> None:
    """As one from a backup: what comes now must not pass for told."""
    desk.classify(message("1"))
    desk.told = 50
    desk.conversations.close()
    desk.open()
    fresh = message("2")
    first = desk.classify(fresh)
    desk.conversations.close()
    desk.open()
    assert first
    assert desk.classify(fresh) == first


def test_the_oldest_are_forgotten(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads_module, "MOST", 10)
    for number in range(30):
        desk.classify(message(f"{number}"))
    (kept,) = desk.conversations._database.execute("SELECT count(*) FROM messages").fetchone()
    assert kept == 10


def test_a_crowd_in_one_conversation_is_bounded(desk: Desk) -> None:
    first = desk.classify(message("0"))
    for number in range(1, 40):
        desk.classify(message(f"{number}", f"usager{number}@example.org", follows="0"))
        desk.classify(message(f"a{number}", f"autre{number}@example.org", follows=f"{number}"))
    last = desk.classify(message("last", OURS, CITIZEN, "0 39"), sent=True)
    assert contacts(first, last) == [0, 0]
    found = desk.conversations.follow(["a39"])
    assert found
    assert len(found.people) <= MOST_PEOPLE
    assert last
    assert last.kind is MailKind.ANSWERED


def test_no_address_and_no_id_is_in_the_file(desk: Desk, tmp_path: Path) -> None:
    desk.classify(message("un-identifiant@example.org"))
    desk.conversations.close()
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    desk.open()
    assert len(content) > 1000
    assert not [text for text in (b"mireille", b"identifiant") if text in content.lower()]


def test_what_has_neither_id_nor_date_is_nameless(desk: Desk) -> None:
    nameless = FetchedMessage(1, AT, (b"From: mireille.exemple@example.org\r\n\r\n",))
    dated = FetchedMessage(2, AT, (b"From: mireille.exemple@example.org\r\nDate: hier\r\n\r\n",))
    assert desk.kinds(desk.classify(nameless), desk.classify(FetchedMessage(3, AT, ()))) == [
        MailKind.UNIDENTIFIED,
        MailKind.UNREADABLE,
    ]
    assert desk.kinds(desk.classify(dated), desk.classify(dated)) == [MailKind.RECEIVED, None]


def test_what_the_server_cannot_read_is_rejected_as_such(desk: Desk) -> None:
    unreadable = desk.classify(FetchedMessage(3, AT, ()))
    assert unreadable
    rejected = MailMapping("imap/courriel", config(), lambda _: KEY).map(unreadable)
    assert isinstance(rejected, Reject)
    assert rejected.detail == "the server cannot read this message"
    assert b'"folder":"INBOX","uid":3' in rejected.record


def test_addresses_are_known_by_their_names() -> None:
    addresses = Addresses(
        config(addresses={OURS: {"aliases": ["Contact@example.org"]}}, domains=["Agents.example.org"])
    )
    assert addresses.main("x@example.org", "contact+recours@example.org") == OURS
    assert addresses.main("x@example.org") == ""
    assert addresses.is_ours("qui@agents.example.org")
    assert not addresses.is_ours("qui@autres.example.org")
