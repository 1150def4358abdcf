"""Incremental reading of folders on a Dovecot server: each message once, and no change in the mailbox."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from connectors.sdk.cursor import Cursor
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.rejects import read as read_rejects
from models.reasons import Reason
from tests.support.dovecot import needs_dovecot
from tests.support.imap_mails import BEGIN, MAILS, Mailbox, answer, events_by_contact, mail

pytestmark = needs_dovecot


def test_moved_messages_are_published_once(mailbox: Mailbox) -> None:
    mailbox.put(mail("a", 0), mail("b", 1), mail("draft", 2)._replace(folder="Brouillons"))
    imap = mailbox.harness(folders=["INBOX", "Dossiers*"])
    assert len(imap.read_all(confirm=True)) == 2
    mailbox.put(mail("c", 3), mail("d", 4, folder="Dossiers.2026"))
    with mailbox.client() as client:
        client.select_folder("INBOX")
        client.move(client.search(), "Dossiers.2026")
    events = imap.read_all(confirm=True)
    assert {event.time for event in events} == {BEGIN + timedelta(minutes=minute) for minute in (3, 4)}
    assert len(events) == 2


def test_cursor_holds_no_folder_name_and_older_cursors_are_read(mailbox: Mailbox) -> None:
    mailbox.put(mail("a", 0), mail("b", 1, folder="Camille Exemple"))
    imap = mailbox.harness(folders=["INBOX", "Camille*"])
    assert len(imap.read_all(confirm=True)) == 2
    cursor = b"".join(path.read_bytes() for path in imap.directory.glob("cursor-*"))
    assert b"Camille" not in cursor
    assert b"INBOX" not in cursor
    with mailbox.client() as client:
        validity = {name: client.select_folder(name)[b"UIDVALIDITY"] for name in ("INBOX", "Camille Exemple")}
    marks = {name: {"validity": number, "uid": 1} for name, number in validity.items()}
    newest = json.loads(imap.positions[-1])["told"]
    for path in imap.directory.glob("cursor-*"):
        path.unlink()
    Cursor(imap.directory).save(json.dumps({"marks": marks, "told": newest}).encode())
    assert imap.read_all(confirm=True) == []
    assert imap.records_read() == 2
    assert b"Camille" not in imap.positions[-1]


def test_renumbered_folder_repeats_and_misses_nothing(mailbox: Mailbox) -> None:
    """After renumbering, new messages may have smaller uids than those read before."""
    mailbox.put(*(mail(f"{n}", n) for n in range(70)))
    imap = mailbox.harness()
    assert len(imap.read_all(confirm=True)) == 70
    with mailbox.client() as client:
        before = client.select_folder("INBOX")
        client.delete_messages(client.search()[:40])
        client.expunge()
    mailbox.server.renumber(mailbox.user)
    mailbox.put(mail("after", 99))
    with mailbox.client() as client:
        after = client.select_folder("INBOX")
    assert after[b"UIDVALIDITY"] != before[b"UIDVALIDITY"]
    assert after[b"UIDNEXT"] < before[b"UIDNEXT"]
    assert [event.time for event in imap.read_all(confirm=True)] == [BEGIN + timedelta(minutes=99)]
    assert imap.read_all(confirm=True) == []


@pytest.mark.parametrize("window", [1, 3])
def test_gaps_between_uids_are_skipped(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, window: int) -> None:
    """The deleted messages leave gaps wider than one search range, and an empty folder."""
    monkeypatch.setattr("connectors.imap.folders.WINDOW", window)
    mailbox.put(*(mail(f"{n}", n, folder="INBOX" if n % 9 == 0 else "Sent") for n in range(40)))
    with mailbox.client() as client:
        client.select_folder("Sent")
        client.delete_messages(client.search())
        client.expunge()
        client.select_folder("INBOX")
        client.delete_messages([1, 2, 4])
        client.expunge()
    imap = mailbox.harness()
    events = imap.read_all(confirm=True)
    assert [event.time for event in events] == [BEGIN + timedelta(minutes=minute) for minute in (18, 36)]
    assert sorted(mark["uid"] for mark in json.loads(imap.positions[-1])["marks"].values()) == [5, 35]
    assert imap.read_all(confirm=True) == []


def test_reading_does_not_change_the_mailbox(mailbox: Mailbox) -> None:
    mailbox.put(*MAILS)
    with mailbox.client() as client:
        folders = client.list_folders()
        client.select_folder("INBOX", readonly=True)
        flags = client.get_flags(client.search())
    mailbox.read()
    with mailbox.client() as client:
        assert client.list_folders() == folders
        client.select_folder("INBOX", readonly=True)
        assert client.get_flags(client.search()) == flags


def test_mail_before_the_start_is_not_read(mailbox: Mailbox) -> None:
    day = 24 * 60
    mailbox.put(mail("a", 0), mail("b", day), answer("answered", day + 1, "a"))
    events = mailbox.read(start=(BEGIN + timedelta(days=1)).date())
    assert events_by_contact(events) == [(0, "received")]


def test_missing_folder_does_not_block_the_others(mailbox: Mailbox) -> None:
    mailbox.put(mail("a", 0))
    imap = mailbox.harness(folders=["INBOX", "Nulle part"])
    with imap.opened() as (flow, publisher):
        flow.step()
        assert events_by_contact(publisher.events) == [(0, "received")]
        with pytest.raises(SourceUnavailableError, match="folder Nulle part"):
            flow.step()
    with pytest.raises(SourceUnavailableError, match="folder Nulle part"):
        imap.probe()


def test_rejected_messages_are_recorded_with_folder_and_uid(mailbox: Mailbox) -> None:
    mailbox.put(*MAILS)
    imap = mailbox.harness()
    imap.read_all(confirm=True)
    rejects = [entry.reject for entry in read_rejects(imap.directory)]
    assert [reject.reason for reject in rejects] == [
        Reason.UNREADABLE_LINE,
        Reason.TIME_IN_PAST,
        Reason.UNREADABLE_LINE,
    ]
    assert b'"folder":"INBOX","uid":' in rejects[0].record
    with imap.opened() as (flow, _):
        again = flow._source.map_rejected(rejects[1], datetime.now(UTC))
    assert [event.type for event in again] == ["email.received"]
