"""Connection to the IMAP server: IDLE, interruptions, refusals, TLS, and configuration errors."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from connectors.sdk.errors import SourceMisconfiguredError, SourceRefusedError, SourceUnavailableError
from connectors.sdk.flow import Flow
from connectors.sdk.testing import ManualPublisher
from tests.support.dovecot import dovecot, needs_dovecot, token_of
from tests.support.fake_graph import fake_graph
from tests.support.imap_mails import MAILS, Mailbox, answer, events_by_contact, mail
from tests.support.polled_servers import unavailable
from tests.support.processes import wait_until

pytestmark = needs_dovecot


@pytest.mark.parametrize("tls", ["none", "implicit", "starttls"])
def test_new_mail_is_published_before_the_next_poll(mailbox: Mailbox, tls: str) -> None:
    server = mailbox.server
    port = server.tls_port if tls == "implicit" else server.port
    with mailbox.harness(tls=tls, port=port, ca_file=str(server.ca_file)).opened() as (flow, publisher):
        for number in range(3):
            mailbox.put(mail(f"{number}", number), answer(f"{number}-answered", number, f"{number}"))
            step_until(flow, publisher, 2 * number + 1)
        mailbox.put(mail("last", 9))
        step_until(flow, publisher, 7)
        assert Counter(kind for _, kind in events_by_contact(publisher.events)) == {"received": 4, "answered": 3}


def step_until(flow: Flow, publisher: ManualPublisher, count: int) -> None:
    """Step `flow` until it has published `count` events."""

    def has_published() -> bool:
        publisher.confirm()  # the source does not wait while events are unconfirmed
        flow.step()
        return len(publisher.events) >= count

    wait_until(has_published, f"{count} events", otherwise=lambda: events_by_contact(publisher.events))


def test_unreachable_server_is_named_and_reconnected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sdk.pull.FIRST_PAUSE_SECONDS", 0.0)
    with dovecot() as own:
        mailbox = Mailbox(own, tmp_path)
        mailbox.put(mail("a", 0))
        with mailbox.harness().opened() as (flow, publisher):
            flow.step()
            own.stop()
            errors = []
            for _ in range(3):
                with pytest.raises(SourceUnavailableError) as error:
                    step_until(flow, publisher, 2)
                errors.append(str(error.value))
            assert f"127.0.0.1:{own.port}" in errors[-1]
            assert "cannot be reached" in errors[-1]
            own.start()
            mailbox.put(mail("b", 1))
            step_until(flow, publisher, 2)


def test_probe_counts_the_events_of_the_first_messages(mailbox: Mailbox) -> None:
    mailbox.put(*MAILS[:8])
    found = mailbox.harness().probe()
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
def test_configuration_errors_are_named(mailbox: Mailbox, changes: dict[str, Any], message: str) -> None:
    options = changes | ({"port": mailbox.server.tls_port} if changes.get("port") == "tls" else {})
    assert message in unavailable(mailbox.harness(**options))
    with pytest.raises(SourceUnavailableError) as error:
        mailbox.harness(**options).probe()
    assert isinstance(error.value, SourceRefusedError) == ("refuses" in message)
    assert isinstance(error.value, SourceMisconfiguredError) == ("part" in message or "FileNotFound" in message)


def test_refused_login_is_not_retried_soon(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sdk.pull.FIRST_PAUSE_SECONDS", 0.0)
    with mailbox.harness(password="un-autre").opened() as (flow, _):
        for _ in range(5):
            with pytest.raises(SourceUnavailableError, match="refuses"):
                flow.step()
    wait_until(lambda: f"user=<{mailbox.user}>" in mailbox.server.log(), "the login in the server's log")
    assert mailbox.server.log().count(f"user=<{mailbox.user}>") == 1


def test_token_replaces_the_password(mailbox: Mailbox) -> None:
    mailbox.put(mail("a", 0))
    events = mailbox.read(password=None, token_command=["echo", token_of(mailbox.user)])
    assert events_by_contact(events) == [(0, "received")]


def test_token_of_microsoft_replaces_the_password(mailbox: Mailbox) -> None:
    mailbox.put(mail("a", 0))
    with fake_graph() as microsoft:
        microsoft.make_outlook_token = lambda: token_of(mailbox.user)
        events = mailbox.read(password=None, oauth=microsoft.options())
        assert microsoft.token_requests == 1
    assert events_by_contact(events) == [(0, "received")]


def test_token_that_the_mail_server_refuses_names_what_to_grant(mailbox: Mailbox) -> None:
    with fake_graph() as microsoft:
        microsoft.make_outlook_token = lambda: "faux.jeton.x"
        harness = mailbox.harness(password=None, oauth=microsoft.options())
        with harness.opened() as (flow, _), pytest.raises(SourceRefusedError, match=r"IMAP\.AccessAsApp"):
            flow.step()


def test_refused_application_is_named_and_not_retried_soon(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sdk.pull.FIRST_PAUSE_SECONDS", 0.0)
    with fake_graph() as microsoft:
        options = microsoft.options(client_secret="un-autre")
        with mailbox.harness(password=None, oauth=options).opened() as (flow, _):
            with pytest.raises(SourceRefusedError, match="AADSTS7000215"):
                flow.step()
            for _ in range(3):
                with pytest.raises(SourceUnavailableError, match="AADSTS7000215"):
                    flow.step()
        assert microsoft.token_requests == 1
