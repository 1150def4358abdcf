"""Folders, read from uid to uid: each message once, and nothing changed."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.sdk.cursor import Cursor
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.rejects import read as read_rejects
from connectors.sdk.testing import comparable_form
from models.reasons import Reason
from tests.support.dovecot import Dovecot, needs_dovecot
from tests.support.imap_mails import BEGIN, MAILS, answer, events_by_contact, harness, mail, put

pytestmark = needs_dovecot


def test_what_is_filed_elsewhere_is_not_told_again(server: Dovecot, user: str, tmp_path: Path) -> None:
    put(server, user, mail("a", 0), mail("b", 1), mail("draft", 2)._replace(folder="Brouillons"))
    one = harness(server, user, tmp_path, folders=["INBOX", "Dossiers*"])
    assert len(one.read_all(confirm=True)) == 2
    put(server, user, mail("c", 3), mail("d", 4, folder="Dossiers.2026"))
    with server.client(user) as client:
        client.select_folder("INBOX")
        client.move(client.search(), "Dossiers.2026")
    events = one.read_all(confirm=True)
    assert {event.time for event in events} == {BEGIN + timedelta(minutes=minute) for minute in (3, 4)}
    assert len(events) == 2


def test_no_folders_name_is_in_the_cursor_and_that_of_an_earlier_version_is_read(
    server: Dovecot, user: str, tmp_path: Path
) -> None:
    put(server, user, mail("a", 0), mail("b", 1, folder="Camille Exemple"))
    one = harness(server, user, tmp_path, folders=["INBOX", "Camille*"])
    assert len(one.read_all(confirm=True)) == 2
    kept = b"".join(path.read_bytes() for path in one.directory.glob("cursor-*"))
    assert b"Camille" not in kept
    assert b"INBOX" not in kept
    with server.client(user) as client:
        validity = {name: client.select_folder(name)[b"UIDVALIDITY"] for name in ("INBOX", "Camille Exemple")}
    marks = {name: {"validity": number, "uid": 1} for name, number in validity.items()}
    events_by_contact = json.loads(one.positions[-1])["told"]
    for path in one.directory.glob("cursor-*"):
        path.unlink()
    Cursor(one.directory).save(json.dumps({"marks": marks, "told": events_by_contact}).encode())
    assert one.read_all(confirm=True) == []
    assert one.records_read() == 2
    assert b"Camille" not in one.positions[-1]


def test_renumbered_nothing_is_told_again_and_nothing_is_missed(server: Dovecot, user: str, tmp_path: Path) -> None:
    """What comes after it may have a smaller uid than what was read before."""
    put(server, user, *(mail(f"{n}", n) for n in range(70)))
    one = harness(server, user, tmp_path)
    assert len(one.read_all(confirm=True)) == 70
    with server.client(user) as client:
        before = client.select_folder("INBOX")
        client.delete_messages(client.search()[:40])
        client.expunge()
    server.renumber(user)
    put(server, user, mail("after", 99))
    with server.client(user) as client:
        after = client.select_folder("INBOX")
    assert after[b"UIDVALIDITY"] != before[b"UIDVALIDITY"]
    assert after[b"UIDNEXT"] < before[b"UIDNEXT"]
    assert [event.time for event in one.read_all(confirm=True)] == [BEGIN + timedelta(minutes=99)]
    assert one.read_all(confirm=True) == []


def test_read_again_from_the_beginning_all_is_as_it_was(server: Dovecot, user: str, tmp_path: Path) -> None:
    put(server, user, *MAILS)
    one = harness(server, user, tmp_path)
    first = one.read_all(confirm=True)
    for path in one.directory.glob("cursor-*.json"):
        path.unlink()
    server.renumber(user)
    assert comparable_form(one.read_all(confirm=True)) == comparable_form(first)


@pytest.mark.parametrize("window", [1, 3])
def test_uids_far_apart_are_found(
    server: Dovecot, user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    """Whether there are many in a row that are not there any more, or none at all."""
    monkeypatch.setattr("connectors.imap.folders.WINDOW", window)
    put(server, user, *(mail(f"{n}", n, folder="INBOX" if n % 9 == 0 else "Sent") for n in range(40)))
    with server.client(user) as client:
        client.select_folder("Sent")
        client.delete_messages(client.search())
        client.expunge()
        client.select_folder("INBOX")
        client.delete_messages([1, 2, 4])
        client.expunge()
    one = harness(server, user, tmp_path)
    events = one.read_all(confirm=True)
    assert [event.time for event in events] == [BEGIN + timedelta(minutes=minute) for minute in (18, 36)]
    assert sorted(mark["uid"] for mark in json.loads(one.positions[-1])["marks"].values()) == [5, 35]
    assert one.read_all(confirm=True) == []


def test_nothing_is_changed_in_the_mailbox(server: Dovecot, user: str, tmp_path: Path) -> None:
    put(server, user, *MAILS)
    with server.client(user) as client:
        folders = client.list_folders()
        client.select_folder("INBOX", readonly=True)
        flags = client.get_flags(client.search())
    harness(server, user, tmp_path).read_all(confirm=True)
    with server.client(user) as client:
        assert client.list_folders() == folders
        client.select_folder("INBOX", readonly=True)
        assert client.get_flags(client.search()) == flags


def test_what_came_before_the_start_is_not_read(server: Dovecot, user: str, tmp_path: Path) -> None:
    day = 24 * 60
    put(server, user, mail("a", 0), mail("b", day), answer("answered", day + 1, "a"))
    one = harness(server, user, tmp_path, start=(BEGIN + timedelta(days=1)).date())
    assert events_by_contact(one.read_all(confirm=True)) == [(0, "received")]


def test_a_folder_that_is_not_there_does_not_hold_up_the_others(server: Dovecot, user: str, tmp_path: Path) -> None:
    put(server, user, mail("a", 0))
    one = harness(server, user, tmp_path, folders=["INBOX", "Nulle part"])
    with one.opened() as (flow, publisher):
        flow.step()
        assert events_by_contact(publisher.events) == [(0, "received")]
        with pytest.raises(SourceUnavailableError, match="folder Nulle part"):
            flow.step()
    with pytest.raises(SourceUnavailableError, match="folder Nulle part"):
        one.probe()


def test_what_cannot_be_used_is_kept_with_where_it_is(server: Dovecot, user: str, tmp_path: Path) -> None:
    put(server, user, *MAILS)
    one = harness(server, user, tmp_path)
    one.read_all(confirm=True)
    kept = [kept.reject for kept in read_rejects(one.directory)]
    assert [reject.reason for reject in kept] == [Reason.UNREADABLE_LINE, Reason.TIME_IN_PAST, Reason.UNREADABLE_LINE]
    assert b'"folder":"INBOX","uid":' in kept[0].record
    with one.opened() as (flow, _):
        again = flow._source.map_rejected(kept[1], datetime.now(UTC))
    assert [event.type for event in again] == ["email.received"]
