"""Connection to the IMAP server: IDLE, interruptions, refusals, TLS, and configuration errors."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from connectors.sdk.errors import SourceMisconfiguredError, SourceRefusedError, SourceUnavailableError
from connectors.sdk.flow import Flow
from connectors.sdk.testing import ManualPublisher
from tests.support.dovecot import Dovecot, dovecot, needs_dovecot, token_of
from tests.support.imap_mails import MAILS, answer, events_by_contact, harness, mail, put, unavailable
from tests.support.processes import wait_until

pytestmark = needs_dovecot


@pytest.mark.parametrize("tls", ["none", "implicit", "starttls"])
def test_new_mail_is_published_before_the_next_poll(server: Dovecot, user: str, tmp_path: Path, tls: str) -> None:
    port = server.tls_port if tls == "implicit" else server.port
    imap = harness(server, user, tmp_path, tls=tls, port=port, ca_file=str(server.ca_file))
    with imap.opened() as (flow, publisher):
        for number in range(3):
            put(server, user, mail(f"{number}", number), answer(f"{number}-answered", number, f"{number}"))
            until(flow, publisher, 2 * number + 1)
        put(server, user, mail("last", 9))
        until(flow, publisher, 7)
        assert Counter(kind for _, kind in events_by_contact(publisher.events)) == {"received": 4, "answered": 3}


def until(flow: Flow, publisher: ManualPublisher, count: int) -> None:
    """Step `flow` until it has published `count` events."""

    def is_done() -> bool:
        publisher.confirm()  # the source does not wait while events are unconfirmed
        flow.step()
        return len(publisher.events) >= count

    wait_until(is_done, f"{count} events", 30, lambda: events_by_contact(publisher.events))


def test_unreachable_server_is_named_and_reconnected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sdk.pull.FIRST_PAUSE_SECONDS", 0.0)
    with dovecot() as own:
        user = own.add_user("essai")
        put(own, user, mail("a", 0))
        with harness(own, user, tmp_path).opened() as (flow, publisher):
            flow.step()
            own.stop()
            troubles = []
            for _ in range(3):
                with pytest.raises(SourceUnavailableError) as trouble:
                    until(flow, publisher, 2)
                troubles.append(str(trouble.value))
            assert f"127.0.0.1:{own.port}" in troubles[-1]
            assert "cannot be reached" in troubles[-1]
            own.start()
            put(own, user, mail("b", 1))
            until(flow, publisher, 2)


def test_probe_counts_the_events_of_the_first_messages(server: Dovecot, user: str, tmp_path: Path) -> None:
    put(server, user, *MAILS[:8])
    found = harness(server, user, tmp_path).probe()
    assert found.events == {"email.received": 3, "email.acknowledged": 1, "email.answered": 1}
    assert found.ignored == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"password": "un-autre"}, "refuses the user name, or the password"),
        ({"tls": "implicit", "port": "tls"}, "certificate that is not trusted here"),
        ({"tls": "implicit"}, "does not accept TLS this way"),
        ({"tls": "implicit", "port": "tls", "ca_file": "/nulle/part.pem"}, "/nulle/part.pem is not there"),
        ({"token_command": ["false"]}, "token_command failed (CalledProcessError)"),
        ({"token_command": ["/nulle/part"]}, "token_command failed (FileNotFoundError)"),
        ({"token_command": ["echo", "faux.jeton.x"]}, "refuses the user name, or the password or token"),
        ({"host": "nulle-part.example.org", "tls": "starttls"}, "is unknown"),
    ],
)
def test_configuration_errors_are_named(
    server: Dovecot, user: str, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    options = changes | ({"port": server.tls_port} if changes.get("port") == "tls" else {})
    assert message in unavailable(harness(server, user, tmp_path, **options))
    with pytest.raises(SourceUnavailableError) as trouble:
        harness(server, user, tmp_path, **options).probe()
    assert isinstance(trouble.value, SourceRefusedError) == ("refuses" in message)
    assert isinstance(trouble.value, SourceMisconfiguredError) == ("part" in message or "FileNotFound" in message)


def test_refused_login_is_not_retried_soon(
    server: Dovecot, user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sdk.pull.FIRST_PAUSE_SECONDS", 0.0)
    with harness(server, user, tmp_path, password="un-autre").opened() as (flow, _):
        for _ in range(5):
            with pytest.raises(SourceUnavailableError, match="refuses"):
                flow.step()
    wait_until(lambda: f"user=<{user}>" in server.log(), "the login in the server's log")
    assert server.log().count(f"user=<{user}>") == 1


def test_token_replaces_the_password(server: Dovecot, user: str, tmp_path: Path) -> None:
    put(server, user, mail("a", 0))
    imap = harness(server, user, tmp_path, password=None, token_command=["echo", token_of(user)])
    assert events_by_contact(imap.read_all(confirm=True)) == [(0, "received")]
