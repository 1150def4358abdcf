"""Headers derived from messages of Graph."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.graph.config import GraphConfig
from connectors.graph.message_headers import EXTENDED, SELECT, read_message
from connectors.sdk.mail.classification import MailClassifier
from connectors.sdk.mail.conversations import ConversationStore
from connectors.sdk.mail.headers import LIMIT_BYTES, Headers, parse
from connectors.sdk.mail.mapping import Mail, MailKind, MailMapping
from connectors.sdk.testing.hostile import replaced
from connectors.sdk.testing.leaks import DISGUISED, forms_outside
from models.identities import PseudonymKey

AT = "2026-03-16T08:00:00Z"
KEY = PseudonymKey("general", b"k" * 32)
OURS, CITIZEN = "accueil@example.org", "mireille.exemple@example.org"
APPLICATION = {"tenant": "t", "client_id": "c", "client_secret": "s"}
CONFIG = GraphConfig.model_validate(APPLICATION | {"mailbox": OURS, "addresses": {OURS: {}}})


def person(address: str) -> dict[str, Any]:
    return {"emailAddress": {"name": "Mireille Exemple", "address": address}}


SENT: dict[str, Any] = {
    "id": "AAMk",
    "receivedDateTime": AT,
    "sentDateTime": AT,
    "isDraft": False,
    "internetMessageId": "<sent@example.org>",
    "from": person(OURS),
    "sender": person(OURS),
    "replyTo": [],
    "toRecipients": [person(CITIZEN), person("autre@example.org")],
    "ccRecipients": [person("copie@example.org")],
    "bccRecipients": [],
    "singleValueExtendedProperties": [
        {"id": "String 0x1042", "value": "<two@example.org>"},
        {"id": "String 0x1039", "value": "<one@example.org> <two@example.org>"},
        {"id": "String 0x1a", "value": "IPM.Note"},
    ],
}
"""Sent message: Graph returns no headers of it."""
RECEIVED: dict[str, Any] = {
    **SENT,
    "from": person(CITIZEN),
    "internetMessageHeaders": [
        {"name": "Received", "value": "from x by y"},
        {"name": "subject", "value": "dossier 48210"},
        {"name": "Message-ID", "value": "<received@example.org>"},
        {"name": "Date", "value": "Mon, 16 Mar 2026 09:00:00 +0100"},
        {"name": "From", "value": f"Mireille Exemple <{CITIZEN}>"},
        {"name": "To", "value": OURS},
        {"name": "auto-submitted", "value": "auto-replied"},
    ],
    "singleValueExtendedProperties": None,
}


def headers_of(message: dict[str, Any]) -> Headers:
    read = read_message(json.dumps(message).encode())
    assert read is not None
    return parse(read.headers)


def test_headers_of_a_sent_message_come_from_its_properties() -> None:
    assert headers_of(SENT) == Headers(
        message_id="sent@example.org",
        date="Mon, 16 Mar 2026 08:00:00 +0000",
        references=("two@example.org", "one@example.org"),
        sender=OURS,
        reply_to="",
        delivered_to=(),
        recipients=(CITIZEN, "autre@example.org", "copie@example.org"),
        automatic=False,
        report=False,
        subject="",
    )


def test_headers_of_a_received_message_are_its_own() -> None:
    headers = headers_of(RECEIVED)
    assert headers.message_id == "received@example.org"
    assert headers.date == "Mon, 16 Mar 2026 08:00:00 +0000"
    assert headers.sender == CITIZEN
    assert OURS in headers.recipients
    assert headers.automatic


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("String 0x001A", "REPORT.IPM.Note.NDR", (True, True)),
        ("String 0x1A", "IPM.Note.Rules.OofTemplate.Microsoft", (True, False)),
        ("String {00020386-0000-0000-C000-000000000046} Name Auto-Submitted", "auto-replied", (True, False)),
        ("String 0x001a", "IPM.Note", (False, False)),
    ],
)
def test_automatic_messages_are_recognised_without_headers(name: str, value: str, expected: tuple[bool, bool]) -> None:
    headers = headers_of(SENT | {"singleValueExtendedProperties": [{"id": name, "value": value}]})
    assert (headers.automatic, headers.report) == expected


def test_unused_headers_are_dropped() -> None:
    read = read_message(json.dumps(RECEIVED).encode())
    assert read is not None
    assert b"48210" not in b"".join(read.headers)
    assert b"Received" not in b"".join(read.headers)


def test_line_ends_in_values_start_no_other_header() -> None:
    value = "<a@example.org>\r\nFrom: faux@example.org\n\nBonjour"
    assert headers_of(RECEIVED | {"internetMessageHeaders": [{"name": "Message-ID", "value": value}]}).sender == CITIZEN


def test_long_headers_are_cut() -> None:
    read = read_message(
        json.dumps(SENT | {"toRecipients": [person(f"usager{n}@example.org") for n in range(9_000)]}).encode()
    )
    assert read is not None
    assert max(map(len, read.headers)) <= LIMIT_BYTES


@pytest.mark.parametrize(
    "entry",
    [
        {"id": "x", "@removed": {"reason": "deleted"}},
        {"id": "x", "isRead": True, "parentFolderId": "y"},
        SENT | {"isDraft": True},
    ],
)
def test_removals_updates_and_drafts_are_no_messages(entry: dict[str, Any]) -> None:
    assert read_message(json.dumps(entry).encode()) is None


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_any_value_in_any_field_can_be_read(value: Any) -> None:
    for entry in replaced(RECEIVED, value):
        read = read_message(json.dumps(entry).encode())
        assert read is None or not read.headers or parse(read.headers)


def test_unreadable_message_keeps_its_id() -> None:
    read = read_message(json.dumps(SENT | {"receivedDateTime": "yesterday"}).encode())
    assert read is not None
    assert (read.uid, read.received_at, read.headers) == ("AAMk", None, ())


def classify(directory: Path, entry: dict[str, Any], *, sent: bool) -> Iterator[Mail]:
    """Yield the message of an entry, as classified with a new store."""
    read = read_message(json.dumps(entry).encode())
    directory.mkdir()
    with closing(ConversationStore(directory, KEY, 0)) as conversations:
        classifier = MailClassifier(CONFIG, conversations)
        mail = classifier.classify("inbox", read, datetime.now(UTC), sent=sent) if read else None
        if mail:
            yield mail


@pytest.mark.parametrize("value", DISGUISED)
def test_no_personal_value_of_a_message_reaches_events(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sdk.database.SETTINGS", ("PRAGMA synchronous = OFF",))  # many short-lived stores
    mapping = MailMapping("graph/essai", CONFIG, lambda _: KEY)
    received = RECEIVED | {"internetMessageHeaders": RECEIVED["internetMessageHeaders"][:6]}
    leaks, kinds = set(), set()
    for number, entry in enumerate(replaced(received, value)):
        for mail in classify(tmp_path / str(number), entry, sent=False):
            kinds.add(mail.kind)
            leaks.update(forms_outside(value, mapping.map(mail), "graph/essai"))
    assert MailKind.RECEIVED in kinds
    assert leaks == set()


def test_requested_properties_are_named_once() -> None:
    names = SELECT.split(",")
    assert len(names) == len(set(names))
    assert len(EXTENDED) == len(set(EXTENDED))
