"""IMAP session with a scripted server that misbehaves."""

from contextlib import closing
from datetime import datetime, timedelta, timezone

import pytest
from imapclient.exceptions import IMAPClientError

from connectors.imap import session
from connectors.imap.session import FAILURES, ImapSession, explain, is_refused
from tests.support.imap_server import fetched, serving


def test_unreadable_message_does_not_lose_the_others() -> None:
    answers = {
        r"UID FETCH [\d:,]*\b3\b[\d:,]* \(INTERNALDATE BODY.*": "NO Server error",
        r"UID FETCH 1,2,3,4 .*BODY.*": "NO Server error",
        r"UID FETCH 1,2 .*BODY.*": fetched(1) + fetched(2),
        r"UID FETCH 4 .*BODY.*": fetched(4),
        r"UID FETCH 3 \(?INTERNALDATE\)?": fetched(3, headers=False),
    }
    with serving(answers) as server, closing(ImapSession(server.config())) as session:
        found = session.fetch("INBOX", [1, 2, 3, 4])
    assert [(message.uid, bool(message.headers)) for message in found] == [(1, True), (2, True), (3, False), (4, True)]
    assert found[2].received_at == found[0].received_at


def test_omitted_message_differs_from_deleted_message() -> None:
    answers = {
        r"UID FETCH 1,2,3 .*BODY.*": fetched(1) + "* 9 FETCH (UID 9 FLAGS (\\Seen))\r\n",
        r"UID FETCH 2,3 \(?INTERNALDATE\)?": fetched(2, headers=False),
    }
    with serving(answers) as server, closing(ImapSession(server.config())) as session:
        found = session.fetch("INBOX", [1, 2, 3])
    assert [(message.uid, bool(message.headers)) for message in found] == [(1, True), (2, False)]


def test_refusal_of_all_fetches_is_an_error() -> None:
    with (
        serving({r"UID FETCH .*": "NO [UNAVAILABLE] later"}) as server,
        closing(ImapSession(server.config())) as session,
    ):
        with pytest.raises(IMAPClientError) as failure:
            session.fetch("INBOX", [1, 2, 3])
        assert "refuses a command" in explain(failure.value, server.config())
        assert "later" not in explain(failure.value, server.config())


@pytest.mark.parametrize(
    ("answer", "password", "refused", "text"),
    [
        ({r"LOGIN .*": "BYE"}, "p", False, "closed the connection"),
        ({r"EXAMINE .*": "BYE"}, "p", False, "closed the connection"),
        ({r"EXAMINE .*": "NO later"}, "p", False, "refuses a command"),
        (
            {r"EXAMINE .*": "BAD User is authenticated but not connected."},
            "p",
            False,
            "but not for this mailbox: give it",
        ),
        ({r"LOGIN .*": "NO [AUTHENTICATIONFAILED] u, p"}, "p", True, "refuses the user name"),
        ({r"AUTHENTICATE PLAIN.*": "NO u, clé"}, "clé", True, "refuses the user name"),
    ],
)
def test_refusals_and_disconnections_differ(answer: dict[str, str], password: str, *, refused: bool, text: str) -> None:
    with serving(answer) as server:
        config = server.config(password=password)
        with pytest.raises(FAILURES) as failure, closing(ImapSession(config)) as session:
            session.examine("INBOX")
    assert is_refused(failure.value) is refused
    assert text in explain(failure.value, config)
    assert f"u, {password}" not in explain(failure.value, config)


def test_refused_idle_is_not_tried_again() -> None:
    answers = {r"CAPABILITY": "* CAPABILITY IMAP4rev1 IDLE\r\n", r"IDLE": "NO not now"}
    with serving(answers) as server, closing(ImapSession(server.config())) as session:
        session.examine("INBOX")
        assert not session.wait(0)
        assert not session.wait(0)
        assert session.examine("INBOX") == (7, 10)


@pytest.mark.parametrize(("exists", "next_uid"), [(0, 1), (2, 10)])
def test_server_without_uidnext_is_asked_for_its_last_message(exists: int, next_uid: int) -> None:
    answers = {
        r"EXAMINE .*": f"* {exists} EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n",
        r"UID SEARCH UID \*": "* SEARCH 9\r\n",
    }
    with serving(answers) as server, closing(ImapSession(server.config())) as session:
        assert session.examine("INBOX") == (7, next_uid)


@pytest.mark.parametrize(
    ("before", "change"),
    [("* 10 EXISTS\r\n* 1 RECENT\r\n", True), ("* 1 RECENT\r\n* 10 EXISTS\r\n", True), ("* OK still here\r\n", False)],
)
def test_response_before_idle_is_no_failure(before: str, *, change: bool) -> None:
    answers = {r"CAPABILITY": "* CAPABILITY IMAP4rev1 IDLE\r\n", r"IDLE": f"{before}+"}
    with serving(answers) as server, closing(ImapSession(server.config())) as session:
        session.examine("INBOX")
        assert session.wait(0) is change
        assert not session.wait(0.1)
        assert session.can_idle
        assert session.examine("INBOX") == (7, 10)


def test_change_reported_together_with_idle_is_noticed() -> None:
    answers = {r"CAPABILITY": "* CAPABILITY IMAP4rev1 IDLE\r\n", r"IDLE": "+ idling\r\n* 10 EXISTS\r\n"}
    with serving(answers) as server, closing(ImapSession(server.config())) as session:
        session.examine("INBOX")
        assert session.wait(0)
        assert session.examine("INBOX") == (7, 10)


def test_impossible_time_of_receipt_is_none() -> None:
    first = datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))
    assert session._received_at({b"INTERNALDATE": first}) is None
