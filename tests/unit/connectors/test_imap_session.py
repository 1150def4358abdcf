"""What servers do that are not as they should be, by one that says what it is told to."""

import re
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Thread
from typing import Any

import pytest
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from connectors.imap.config import LONGEST_POLL_SECONDS, ImapConfig
from connectors.imap.session import FAILURES, Session, explain, is_refused
from connectors.sdk.pull import JITTER

DATE = "16-Mar-2026 08:00:00 +0000"
ANSWERS = {
    r"CAPABILITY": "* CAPABILITY IMAP4rev1\r\n",
    r"LOGIN .*": "",
    r"EXAMINE .*": "* 9 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 10] ok\r\n",
    r"LOGOUT": "* BYE\r\n",
}
"""What is answered to commands before `OK`; if it begins with NO or BAD, that; if with BYE, it hangs up; if it ends with +, `OK`
comes after the next line."""


def fetched(uid: int, *, bare: bool = False) -> str:
    headers = f"Message-ID: <{uid}>\r\n\r\n"
    group = "" if bare else f" BODY[HEADER.FIELDS (MESSAGE-ID)]<0> {{{len(headers)}}}\r\n{headers}"
    return f'* {uid} FETCH (UID {uid} INTERNALDATE "{DATE}"{group})\r\n'


@contextmanager
def serving(answers: dict[str, str]) -> Iterator[ImapConfig]:
    """Have a server that answers the first connection so; the first that fits counts."""
    known = ANSWERS | answers
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rwb", buffering=0) as file:
                file.write(b"* OK here\r\n")
                for line in file:
                    tag, _, command = line.decode().strip().partition(" ")
                    answer = next(text for form, text in known.items() if re.fullmatch(form, command))
                    if answer.startswith("BYE"):
                        file.write(b"* BYE\r\n")
                        return
                    if answer.endswith("+"):
                        file.write(f"{answer} go on\r\n".encode())
                        file.readline()
                        answer = ""
                    refused = answer.startswith(("NO", "BAD"))
                    file.write((f"{tag} {answer}\r\n" if refused else f"{answer}{tag} OK done\r\n").encode())

        thread = Thread(target=serve, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        addresses: dict[str, Any] = {"accueil@example.org": {}}
        login = {"host": "127.0.0.1", "port": port, "tls": "none", "username": "u", "password": "p"}
        yield ImapConfig.model_validate(login | {"addresses": addresses})
        thread.join(10)


def refusal(config: ImapConfig) -> Exception:
    with pytest.raises(FAILURES) as failure:
        Session(config)
    return failure.value


def test_one_message_that_the_server_cannot_read_takes_no_other_with_it() -> None:
    answers = {
        r"UID FETCH [\d:,]*\b3\b[\d:,]* \(INTERNALDATE BODY.*": "NO Server error",
        r"UID FETCH 1,2,3,4 .*BODY.*": "NO Server error",
        r"UID FETCH 1,2 .*BODY.*": fetched(1) + fetched(2),
        r"UID FETCH 4 .*BODY.*": fetched(4),
        r"UID FETCH 3 \(?INTERNALDATE\)?": fetched(3, bare=True),
    }
    with serving(answers) as config, closing(Session(config)) as session:
        found = session.fetch("INBOX", [1, 2, 3, 4])
    assert [(one.uid, bool(one.headers)) for one in found] == [(1, True), (2, True), (3, False), (4, True)]
    assert found[2].received_at == found[0].received_at


def test_a_message_that_is_left_out_is_told_from_one_that_is_gone() -> None:
    answers = {
        r"UID FETCH 1,2,3 .*BODY.*": fetched(1) + "* 9 FETCH (UID 9 FLAGS (\\Seen))\r\n",
        r"UID FETCH 2,3 \(?INTERNALDATE\)?": fetched(2, bare=True),
    }
    with serving(answers) as config, closing(Session(config)) as session:
        found = session.fetch("INBOX", [1, 2, 3])
    assert [(one.uid, bool(one.headers)) for one in found] == [(1, True), (2, False)]


def test_a_message_that_cannot_be_read_alone_may_be_read_later() -> None:
    answers = {r"UID FETCH 3 .*BODY.*": "NO [UNAVAILABLE] later", r"UID FETCH 3 .*": fetched(3, bare=True)}
    with serving(answers) as config, closing(Session(config)) as session, pytest.raises(IMAPClientError):
        session.fetch("INBOX", [3])


def test_a_server_that_refuses_everything_is_not_taken_for_bad_messages() -> None:
    with serving({r"UID FETCH .*": "NO [UNAVAILABLE] later"}) as config, closing(Session(config)) as session:
        with pytest.raises(IMAPClientError) as failure:
            session.fetch("INBOX", [1, 2, 3])
        assert "refuses what is asked" in explain(failure.value, config)
        assert "later" not in explain(failure.value, config)


def test_a_server_without_the_next_uid_is_asked_for_the_last() -> None:
    answers = {r"EXAMINE .*": "* 2 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n", r"UID SEARCH UID \*": "* SEARCH 41\r\n"}
    with serving(answers) as config, closing(Session(config)) as session:
        assert session.look("INBOX") == (7, 42)


def test_a_server_that_hangs_up_at_login_refuses_nobody() -> None:
    with serving({r"LOGIN .*": "BYE"}) as config:
        failure = refusal(config)
        assert not is_refused(failure)
        assert "broke the connection off" in explain(failure, config)


def test_a_wrong_password_is_a_refusal() -> None:
    with serving({r"LOGIN .*": "NO [AUTHENTICATIONFAILED] u, p"}) as config:
        failure = refusal(config)
        assert is_refused(failure)
        assert "u, p" not in explain(failure, config)


def test_a_server_that_hangs_up_in_the_middle_is_gone() -> None:
    with serving({r"EXAMINE .*": "BYE"}) as config, closing(Session(config)) as session:
        with pytest.raises(IMAPClientAbortError) as failure:
            session.look("INBOX")
        assert "broke the connection off" in explain(failure.value, config)


def test_news_that_comes_before_the_server_idles_is_no_failure() -> None:
    answers = {r"CAPABILITY": "* CAPABILITY IMAP4rev1 IDLE\r\n", r"IDLE": "* 10 EXISTS\r\n* 1 RECENT\r\n+"}
    with serving(answers) as config, closing(Session(config)) as session:
        session.look("INBOX")
        assert session.wait(0)
        assert not session.wait(0.1)
        assert session.look("INBOX") == (7, 10)


def test_a_server_that_refuses_to_idle_is_not_asked_again() -> None:
    answers = {r"CAPABILITY": "* CAPABILITY IMAP4rev1 IDLE\r\n", r"IDLE": "NO not now"}
    with serving(answers) as config, closing(Session(config)) as session:
        session.look("INBOX")
        assert not session.wait(0)
        assert not session.wait(0)
        assert session.look("INBOX") == (7, 10)


def test_the_server_hears_of_us_before_it_may_log_us_off() -> None:
    assert LONGEST_POLL_SECONDS * (1 + JITTER) < 29 * 60  # RFC 2177


def test_a_password_with_other_letters_is_sent_as_it_is() -> None:
    asked: list[str] = []
    with serving({r"AUTHENTICATE PLAIN.*": "NO refused"}) as config:
        other = config.model_copy(update={"password": type(config.password)("clé")})
        asked.append(explain(refusal(other), other))
    assert "refuses the user name" in asked[0]
