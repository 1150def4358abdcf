"""IMAP session with a scripted server that misbehaves."""

from contextlib import closing
from datetime import datetime, timedelta, timezone

import pytest
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from connectors.imap import session
from connectors.imap.config import ImapConfig
from connectors.imap.session import FAILURES, ImapSession, explain, is_refused
from tests.support.imap_server import fetched, serving


def refusal(config: ImapConfig) -> Exception:
    with pytest.raises(FAILURES) as failure:
        ImapSession(config)
    return failure.value


def test_unreadable_message_does_not_lose_the_others() -> None:
    answers = {
        r"UID FETCH [\d:,]*\b3\b[\d:,]* \(INTERNALDATE BODY.*": "NO Server error",
        r"UID FETCH 1,2,3,4 .*BODY.*": "NO Server error",
        r"UID FETCH 1,2 .*BODY.*": fetched(1) + fetched(2),
        r"UID FETCH 4 .*BODY.*": fetched(4),
        r"UID FETCH 3 \(?INTERNALDATE\)?": fetched(3, bare=True),
    }
    with serving(answers) as server, closing(ImapSession(server.config())) as session:
        found = session.fetch("INBOX", [1, 2, 3, 4])
    assert [(message.uid, bool(message.headers)) for message in found] == [(1, True), (2, True), (3, False), (4, True)]
    assert found[2].received_at == found[0].received_at


def test_omitted_message_differs_from_deleted_message() -> None:
    answers = {
        r"UID FETCH 1,2,3 .*BODY.*": fetched(1) + "* 9 FETCH (UID 9 FLAGS (\\Seen))\r\n",
        r"UID FETCH 2,3 \(?INTERNALDATE\)?": fetched(2, bare=True),
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


def test_missing_next_uid_is_computed_from_the_last_uid() -> None:
    answers = {r"EXAMINE .*": "* 2 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n", r"UID SEARCH UID \*": "* SEARCH 41\r\n"}
    with serving(answers) as server, closing(ImapSession(server.config())) as session:
        assert session.examine("INBOX") == (7, 42)


def test_disconnection_at_login_is_no_refusal() -> None:
    with serving({r"LOGIN .*": "BYE"}) as server:
        failure = refusal(config := server.config())
        assert not is_refused(failure)
        assert "closed the connection" in explain(failure, config)


def test_wrong_password_is_a_refusal() -> None:
    with serving({r"LOGIN .*": "NO [AUTHENTICATIONFAILED] u, p"}) as server:
        failure = refusal(config := server.config())
        assert is_refused(failure)
        assert "u, p" not in explain(failure, config)


def test_disconnection_after_login_is_reported() -> None:
    with serving({r"EXAMINE .*": "BYE"}) as server, closing(ImapSession(server.config())) as session:
        with pytest.raises(IMAPClientAbortError) as failure:
            session.examine("INBOX")
        assert "closed the connection" in explain(failure.value, server.config())


def test_change_reported_before_idle_is_no_failure() -> None:
    answers = {r"CAPABILITY": "* CAPABILITY IMAP4rev1 IDLE\r\n", r"IDLE": "* 10 EXISTS\r\n* 1 RECENT\r\n+"}
    with serving(answers) as server, closing(ImapSession(server.config())) as session:
        session.examine("INBOX")
        assert session.wait(0)
        assert not session.wait(0.1)
        assert session.examine("INBOX") == (7, 10)


def test_refused_idle_is_not_tried_again() -> None:
    answers = {r"CAPABILITY": "* CAPABILITY IMAP4rev1 IDLE\r\n", r"IDLE": "NO not now"}
    with serving(answers) as server, closing(ImapSession(server.config())) as session:
        session.examine("INBOX")
        assert not session.wait(0)
        assert not session.wait(0)
        assert session.examine("INBOX") == (7, 10)


def test_non_ascii_password_uses_authenticate_plain() -> None:
    with serving({r"AUTHENTICATE PLAIN.*": "NO refused"}) as server:
        config = server.config(password="clé")
        message = explain(refusal(config), config)
    assert "refuses the user name" in message


def test_impossible_time_of_receipt_is_none() -> None:
    first = datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))
    assert session._received_at({b"INTERNALDATE": first}) is None
