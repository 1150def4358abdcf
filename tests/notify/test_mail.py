"""E-mail through a real SMTP server: STARTTLS and password, both languages, and outages."""

import email
import email.policy
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from streams.kafka.ports import free_port
from streams.notify.digest_delivery import AGAIN_MS, MessageDelivery
from streams.notify.mail import MailTransport, NotMailedError
from streams.notify.notifier import receivers, transports
from streams.notify.options import MailOptions, Notify, NotifyOptions
from streams.notify.store import Store
from tests.support.sla_events import SlaClockStub

SUPERVISORS, NIGHT = "superviseurs@example.org", "garde@example.org"
PASSWORD = "un mot de passe d'essai"


class Mailbox:
    """Accepts messages, or answers each with `refusal`; recipients in `unwanted` get the answer given there."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.reached: list[str] = []
        self.refusal = ""
        self.unwanted: dict[str, str] = {}
        self.tried = 0
        self.goodbye = "221 Bye"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        self.tried += 1
        if address in self.unwanted:
            return self.unwanted[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's
        if self.refusal:
            return self.refusal
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        self.reached += envelope.rcpt_tos
        return "250 OK"

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        return self.goodbye


def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (b"accueil", PASSWORD.encode()), handled=False)


@contextmanager
def serving(mailbox: Mailbox, port: int, **options: Any) -> Iterator[None]:
    controller = Controller(mailbox, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield
    finally:
        controller.stop()


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Certificate of a server on this machine, trusted by these tests."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "server.pem").write_bytes(pem + secret)
    (tmp_path / "trusted.pem").write_bytes(pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    return context


def options(port: int, **others: Any) -> MailOptions:
    plain = {"security": "none", "recipients": (SUPERVISORS,)}
    return MailOptions(host="localhost", sender="accueil@example.org", port=port, **(plain | others))


class Post:
    """Store with messages for mailboxes."""

    def __init__(self, directory: Path, mail: MailOptions) -> None:
        common = NotifyOptions(
            "", directory, Notify(mails={"garde": mail}, runbook_url="https://example.org/{service}")
        )
        self.store = Store(directory, receivers(common))
        self.store.topic("one")
        self.store.start_sending(0)
        self.speakers = [MessageDelivery(name, transport, digest_above=10) for name, transport in transports(common)]

    def report(self, *promises: SlaClockStub) -> None:
        self.store.take([promise.breached() for promise in promises], {0: 1}, 1_773_662_400_000)

    def deliver(self, now: int = 0) -> None:
        for delivery in self.speakers:
            delivery.deliver(self.store, now)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


def test_message_describes_the_breach_with_links(mailbox: Mailbox, tmp_path: Path) -> None:
    port = free_port()
    post = Post(tmp_path, options(port))
    with serving(mailbox, port):
        post.report(SlaClockStub())
        post.deliver()
    (message,) = mailbox.messages
    assert message["Subject"] == "Délai dépassé : solidarites, démarche en ligne, première réponse sous 10 s"
    assert message["To"] == SUPERVISORS
    assert message["Auto-Submitted"] == "auto-generated"
    text = message.get_content()
    assert "Échéance : 16/03/2026 13:00 CET" in text
    assert "Que faire : https://example.org/solidarites" in text


def test_password_is_sent_only_over_tls_to_a_trusted_server(
    mailbox: Mailbox, certificate: ssl.SSLContext, tmp_path: Path
) -> None:
    port = free_port()
    secured = {"security": "starttls", "username": "accueil", "password": SecretStr(PASSWORD)}
    post = Post(tmp_path, options(port, **secured))
    with serving(mailbox, port, tls_context=certificate, auth_required=True, authenticator=authenticate):
        post.report(SlaClockStub())
        post.deliver()
        assert len(mailbox.messages) == 1
        post.report(SlaClockStub(2))
        others = options(port, **secured | {"password": SecretStr("autre")})
        wrong = MailTransport(others, SUPERVISORS, NotifyOptions("", tmp_path))
        with pytest.raises(NotMailedError, match=f"localhost:{port}: refuses the user or the password"):
            MessageDelivery("mails.garde", wrong, 10).deliver(post.store, 0)
        assert len(mailbox.messages) == 1


def test_untrusted_server_receives_nothing(
    mailbox: Mailbox, certificate: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    port = free_port()
    post = Post(tmp_path, options(port, security="starttls"))
    with serving(mailbox, port, tls_context=certificate):
        post.report(SlaClockStub())
        with pytest.raises(NotMailedError, match="its certificate is not trusted"):
            post.deliver()
    assert mailbox.messages == []


def test_digest_follows_the_tried_message_after_an_outage(mailbox: Mailbox, tmp_path: Path) -> None:
    port = free_port()
    post = Post(tmp_path, options(port))
    post.report(SlaClockStub(1))
    with pytest.raises(NotMailedError, match="does not answer"):
        post.deliver()
    post.report(*(SlaClockStub(number) for number in range(2, 6)))
    mailbox.refusal = "451 Later"
    with serving(mailbox, port):
        with pytest.raises(NotMailedError, match="accepts no mail at present \\(451\\)"):
            post.deliver()
        mailbox.refusal = ""
        post.deliver()
    first, digest = mailbox.messages
    assert first["Subject"].startswith("Délai dépassé")
    assert digest["Subject"] == "4 délais dépassés ou bientôt dépassés"
    assert digest.get_content().count("demarches/essai") == 4


def test_permanently_refused_message_is_set_aside(mailbox: Mailbox, tmp_path: Path) -> None:
    port = free_port()
    post = Post(tmp_path, options(port))
    mailbox.refusal = "554 Not this one"
    with serving(mailbox, port):
        post.report(SlaClockStub(1))
        post.deliver()
        assert post.store.refused()["mails.garde"] == (1, f"localhost:{port}: refuses the message (554)")
        mailbox.refusal = ""
        post.report(SlaClockStub(2))
        post.deliver()
    assert len(mailbox.messages) == 1


def test_temporarily_refused_recipient_does_not_delay_others(mailbox: Mailbox, tmp_path: Path) -> None:
    port = free_port()
    post = Post(tmp_path, options(port, recipients=(SUPERVISORS, NIGHT)))
    mailbox.unwanted = {NIGHT: "450 4.2.0 Greylisted"}
    post.report(SlaClockStub())
    with serving(mailbox, port):
        with pytest.raises(NotMailedError, match=rf"localhost:{port}: refuses the recipient \(450\)"):
            post.deliver()
        assert mailbox.reached == [SUPERVISORS]
        assert post.store.waiting().keys() == {"mails.garde.2"}
        mailbox.unwanted = {}
        post.deliver()
    assert mailbox.reached == [SUPERVISORS, NIGHT]
    assert {message["To"] for message in mailbox.messages} == {f"{SUPERVISORS}, {NIGHT}"}
    assert post.store.waiting() == {}


def test_permanently_refused_recipient_is_tried_again_after_an_hour(mailbox: Mailbox, tmp_path: Path) -> None:
    port = free_port()
    post = Post(tmp_path, options(port, recipients=(NIGHT, SUPERVISORS)))
    mailbox.unwanted = {NIGHT: "550 5.1.1 No such user"}
    post.report(*(SlaClockStub(number) for number in range(1, 13)))
    with serving(mailbox, port):
        post.deliver()
        assert mailbox.reached == [SUPERVISORS]
        assert mailbox.tried == 2  # other parts of the digest would be refused as well
        assert post.store.refused() == {"mails.garde": (1, f"localhost:{port}: refuses the recipient (550)")}
        assert post.store.waiting() == {}
        mailbox.unwanted = {}
        post.deliver(AGAIN_MS + 1)
    assert mailbox.reached == [SUPERVISORS, NIGHT]
    assert mailbox.messages[1].get_content() == mailbox.messages[0].get_content()
    assert post.store.refused() == {}


def test_accepted_message_is_not_repeated_if_quit_fails(mailbox: Mailbox, tmp_path: Path) -> None:
    port = free_port()
    post = Post(tmp_path, options(port))
    mailbox.goodbye = "421 4.3.2 Closing"
    post.report(SlaClockStub())
    with serving(mailbox, port):
        post.deliver()
        post.deliver()
    assert mailbox.reached == [SUPERVISORS]
    assert post.store.waiting() == {}


def test_repeated_message_has_the_same_id(mailbox: Mailbox, tmp_path: Path) -> None:
    port = free_port()
    post = Post(tmp_path, options(port))
    post.report(SlaClockStub())
    with serving(mailbox, port):
        for _ in range(2):  # killed before the delivery was recorded
            message = post.store.next_message("mails.garde", 10, 100, after_outage=False)
            assert message is not None
            (delivery,) = post.speakers
            delivery._transport.send(delivery._write(message))
    first, second = mailbox.messages
    assert first["Message-ID"] == second["Message-ID"]
    assert first.as_bytes() == second.as_bytes()
