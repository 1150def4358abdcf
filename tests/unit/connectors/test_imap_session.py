"""What servers do that are not as they should be, by one that says what it is told to."""

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


def test_one_message_that_the_server_cannot_read_takes_no_other_with_it() -> None:
    answers = {
        r"UID FETCH [\d:,]*\b3\b[\d:,]* \(INTERNALDATE BODY.*": "NO Server error",
        r"UID FETCH 1,2,3,4 .*BODY.*": "NO Server error",
        r"UID FETCH 1,2 .*BODY.*": fetched(1) + fetched(2),
        r"UID FETCH 4 .*BODY.*": fetched(4),
        r"UID FETCH 3 \(?INTERNALDATE\)?": fetched(3, bare=True),
    }
    with serving(answers) as server, closing(ImapSession(server.config())) as session:
        found = session.fetch("INBOX", [1, 2, 3, 4])
    assert [(one.uid, bool(one.headers)) for one in found] == [(1, True), (2, True), (3, False), (4, True)]
    assert found[2].received_at == found[0].received_at


def test_a_message_that_is_left_out_is_told_from_one_that_is_gone() -> None:
    answers = {
        r"UID FETCH 1,2,3 .*BODY.*": fetched(1) + "* 9 FETCH (UID 9 FLAGS (\\Seen))\r\n",
        r"UID FETCH 2,3 \(?INTERNALDATE\)?": fetched(2, bare=True),
    }
    with serving(answers) as server, closing(ImapSession(server.config())) as session:
        found = session.fetch("INBOX", [1, 2, 3])
    assert [(one.uid, bool(one.headers)) for one in found] == [(1, True), (2, False)]


def test_a_server_that_refuses_everything_is_not_taken_for_bad_messages() -> None:
    with (
        serving({r"UID FETCH .*": "NO [UNAVAILABLE] later"}) as server,
        closing(ImapSession(server.config())) as session,
    ):
        with pytest.raises(IMAPClientError) as failure:
            session.fetch("INBOX", [1, 2, 3])
        assert "refuses what is asked" in explain(failure.value, server.config())
        assert "later" not in explain(failure.value, server.config())


def test_a_server_without_the_next_uid_is_asked_for_the_last() -> None:
    answers = {r"EXAMINE .*": "* 2 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n", r"UID SEARCH UID \*": "* SEARCH 41\r\n"}
    with serving(answers) as server, closing(ImapSession(server.config())) as session:
        assert session.examine("INBOX") == (7, 42)


def test_a_server_that_hangs_up_at_login_refuses_nobody() -> None:
    with serving({r"LOGIN .*": "BYE"}) as server:
        failure = refusal(config := server.config())
        assert not is_refused(failure)
        assert "broke the connection off" in explain(failure, config)


def test_a_wrong_password_is_a_refusal() -> None:
    with serving({r"LOGIN .*": "NO [AUTHENTICATIONFAILED] u, p"}) as server:
        failure = refusal(config := server.config())
        assert is_refused(failure)
        assert "u, p" not in explain(failure, config)


def test_a_server_that_hangs_up_in_the_middle_is_gone() -> None:
    with serving({r"EXAMINE .*": "BYE"}) as server, closing(ImapSession(server.config())) as session:
        with pytest.raises(IMAPClientAbortError) as failure:
            session.examine("INBOX")
        assert "broke the connection off" in explain(failure.value, server.config())


def test_news_that_comes_before_the_server_idles_is_no_failure() -> None:
    answers = {r"CAPABILITY": "* CAPABILITY IMAP4rev1 IDLE\r\n", r"IDLE": "* 10 EXISTS\r\n* 1 RECENT\r\n+"}
    with serving(answers) as server, closing(ImapSession(server.config())) as session:
        session.examine("INBOX")
        assert session.wait(0)
        assert not session.wait(0.1)
        assert session.examine("INBOX") == (7, 10)


def test_a_server_that_refuses_to_idle_is_not_asked_again() -> None:
    answers = {r"CAPABILITY": "* CAPABILITY IMAP4rev1 IDLE\r\n", r"IDLE": "NO not now"}
    with serving(answers) as server, closing(ImapSession(server.config())) as session:
        session.examine("INBOX")
        assert not session.wait(0)
        assert not session.wait(0)
        assert session.examine("INBOX") == (7, 10)


def test_a_password_with_other_letters_is_sent_as_it_is() -> None:
    asked: list[str] = []
    with serving({r"AUTHENTICATE PLAIN.*": "NO refused"}) as server:
        other = server.config(password="clé")
        asked.append(explain(refusal(other), other))
    assert "refuses the user name" in asked[0]


def test_a_time_of_receipt_that_cannot_be_is_none() -> None:
    first = datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))
    assert session._received_at({b"INTERNALDATE": first}) is None
