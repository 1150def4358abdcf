"""E-mail through a real SMTP server (STARTTLS, password, token, refusals, outages) and a fake Graph."""

import base64
import email
import email.policy
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr, ValidationError
from starlette.responses import JSONResponse

from connectors.sdk.ports import free_port
from streams.notify.digest_delivery import AGAIN_MS, MessageDelivery
from streams.notify.mail import MailTransport, NotMailedError
from streams.notify.notifier import receivers, transports
from streams.notify.options import MailOptions, Notify, NotifyOptions
from streams.notify.store import Store
from tests.support.certificates import VALID_FROM, VALID_UNTIL
from tests.support.fake_graph import FakeGraph, fake_graph
from tests.support.fake_mailbox import FakeMailbox
from tests.support.sla_events import SlaClockStub

SUPERVISORS, NIGHT = "superviseurs@example.org", "garde@example.org"
PASSWORD = "un mot de passe d'essai"


class Mailbox:
    """Accepts messages, or answers each with `refusal`; recipients in `refused_recipients` get the answer given there."""

    def __init__(self) -> None:
        self.port = free_port()
        self.messages: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.refusal = ""
        self.refused_recipients: dict[str, str] = {}
        self.attempts = 0
        self.quit_answer = "221 Bye"
        self.token = ""

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        self.attempts += 1
        if address in self.refused_recipients:
            return self.refused_recipients[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's
        if self.refusal:
            return self.refusal
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        self.recipients += envelope.rcpt_tos
        return "250 OK"

    async def auth_XOAUTH2(self, server: Any, args: list[str]) -> AuthResult:  # noqa: N802 - aiosmtpd's
        if base64.b64decode(args[1]).decode() == f"user=accueil@example.org\1auth=Bearer {self.token}\1\1":
            return AuthResult(success=True)
        assert await server.challenge_auth('{"status":"401"}') == b""
        return AuthResult(success=False, handled=False)

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        return self.quit_answer


def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (b"accueil", PASSWORD.encode()), handled=False)


@contextmanager
def smtp_server(mailbox: Mailbox, **options: Any) -> Iterator[None]:
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port, **options)
    controller.start()
    try:
        yield
    finally:
        controller.stop()


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Certificate of a server on this machine, trusted by these tests."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(VALID_FROM)
        .not_valid_after(VALID_UNTIL)
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


class MailHarness:
    """Store with messages, and their delivery by mail."""

    def __init__(self, directory: Path, options: MailOptions) -> None:
        common = NotifyOptions(
            "", directory, Notify(mails={"garde": options}, runbook_url="https://example.org/{service}")
        )
        self.store = Store(directory, receivers(common))
        self.store.topic("one")
        self.store.start_sending(0)
        self.deliveries = [MessageDelivery(name, transport, digest_above=10) for name, transport in transports(common)]

    def report(self, *clocks: SlaClockStub) -> None:
        self.store.take([clock.breached() for clock in clocks], {0: 1}, 1_773_662_400_000)

    def deliver(self, now: int = 0) -> None:
        for delivery in self.deliveries:
            delivery.deliver(self.store, now)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def mail(mailbox: Mailbox, tmp_path: Path) -> MailHarness:
    return MailHarness(tmp_path, options(mailbox.port))


def test_message_describes_the_breach_with_links(mailbox: Mailbox, mail: MailHarness) -> None:
    with smtp_server(mailbox):
        mail.report(SlaClockStub())
        mail.deliver()
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
    secured = {"security": "starttls", "username": "accueil", "password": SecretStr(PASSWORD)}
    mail = MailHarness(tmp_path, options(mailbox.port, **secured))
    with smtp_server(mailbox, tls_context=certificate, auth_required=True, authenticator=authenticate):
        mail.report(SlaClockStub())
        mail.deliver()
        assert len(mailbox.messages) == 1
        mail.report(SlaClockStub(2))
        other = options(mailbox.port, **secured | {"password": SecretStr("autre")})
        wrong = MailTransport(other, SUPERVISORS, NotifyOptions("", tmp_path))
        with pytest.raises(
            NotMailedError, match=f"localhost:{mailbox.port}: refuses the user, or the password or token"
        ):
            MessageDelivery("mails.garde", wrong, 10).deliver(mail.store, 0)
        assert len(mailbox.messages) == 1


def test_untrusted_server_receives_nothing(
    mailbox: Mailbox, certificate: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    mail = MailHarness(tmp_path, options(mailbox.port, security="starttls"))
    with smtp_server(mailbox, tls_context=certificate):
        mail.report(SlaClockStub())
        with pytest.raises(NotMailedError, match="its certificate is not trusted"):
            mail.deliver()
    assert mailbox.messages == []


def test_digest_follows_the_tried_message_after_an_outage(mailbox: Mailbox, mail: MailHarness) -> None:
    mail.report(SlaClockStub(1))
    with pytest.raises(NotMailedError, match="does not answer"):
        mail.deliver()
    mail.report(*(SlaClockStub(number) for number in range(2, 6)))
    mailbox.refusal = "451 Later"
    with smtp_server(mailbox):
        with pytest.raises(NotMailedError, match="accepts no mail at present \\(451\\)"):
            mail.deliver()
        mailbox.refusal = ""
        mail.deliver()
    first, digest = mailbox.messages
    assert first["Subject"].startswith("Délai dépassé")
    assert digest["Subject"] == "4 délais dépassés ou bientôt dépassés"
    assert digest.get_content().count("demarches/essai") == 4


def test_permanently_refused_message_is_set_aside(mailbox: Mailbox, mail: MailHarness) -> None:
    mailbox.refusal = "554 Not this one"
    with smtp_server(mailbox):
        mail.report(SlaClockStub(1))
        mail.deliver()
        assert mail.store.refused()["mails.garde"] == (1, f"localhost:{mailbox.port}: refuses the message (554)")
        mailbox.refusal = ""
        mail.report(SlaClockStub(2))
        mail.deliver()
    assert len(mailbox.messages) == 1


def test_temporarily_refused_recipient_does_not_delay_others(mailbox: Mailbox, tmp_path: Path) -> None:
    mail = MailHarness(tmp_path, options(mailbox.port, recipients=(SUPERVISORS, NIGHT)))
    mailbox.refused_recipients = {NIGHT: "450 4.2.0 Greylisted"}
    mail.report(SlaClockStub())
    with smtp_server(mailbox):
        with pytest.raises(NotMailedError, match=rf"localhost:{mailbox.port}: refuses the recipient \(450\)"):
            mail.deliver()
        assert mailbox.recipients == [SUPERVISORS]
        assert mail.store.waiting().keys() == {"mails.garde.2"}
        mailbox.refused_recipients = {}
        mail.deliver()
    assert mailbox.recipients == [SUPERVISORS, NIGHT]
    assert {message["To"] for message in mailbox.messages} == {f"{SUPERVISORS}, {NIGHT}"}
    assert mail.store.waiting() == {}


def test_permanently_refused_recipient_is_tried_again_after_an_hour(mailbox: Mailbox, tmp_path: Path) -> None:
    mail = MailHarness(tmp_path, options(mailbox.port, recipients=(NIGHT, SUPERVISORS)))
    mailbox.refused_recipients = {NIGHT: "550 5.1.1 No such user"}
    mail.report(*(SlaClockStub(number) for number in range(1, 13)))
    with smtp_server(mailbox):
        mail.deliver()
        assert mailbox.recipients == [SUPERVISORS]
        assert mailbox.attempts == 2  # other parts of the digest would be refused as well
        assert mail.store.refused() == {"mails.garde": (1, f"localhost:{mailbox.port}: refuses the recipient (550)")}
        assert mail.store.waiting() == {}
        mailbox.refused_recipients = {}
        mail.deliver(AGAIN_MS + 1)
    assert mailbox.recipients == [SUPERVISORS, NIGHT]
    assert mailbox.messages[1].get_content() == mailbox.messages[0].get_content()
    assert mail.store.refused() == {}


def test_accepted_message_is_not_repeated_if_quit_fails(mailbox: Mailbox, mail: MailHarness) -> None:
    mailbox.quit_answer = "421 4.3.2 Closing"
    mail.report(SlaClockStub())
    with smtp_server(mailbox):
        mail.deliver()
        mail.deliver()
    assert mailbox.recipients == [SUPERVISORS]
    assert mail.store.waiting() == {}


def test_repeated_message_has_the_same_id(mailbox: Mailbox, mail: MailHarness) -> None:
    mail.report(SlaClockStub())
    with smtp_server(mailbox):
        for _ in range(2):  # killed before the delivery was recorded
            message = mail.store.next_message("mails.garde", 10, 100, after_outage=False)
            assert message is not None
            (delivery,) = mail.deliveries
            delivery._transport.send(delivery._write(message))
    first, second = mailbox.messages
    assert first["Message-ID"] == second["Message-ID"]
    assert first.as_bytes() == second.as_bytes()


# --------------------------------------------------------------------------------------------------------------- Microsoft 365
@pytest.fixture
def microsoft() -> Iterator[FakeGraph]:
    with fake_graph() as fake:
        fake.mailboxes["accueil@example.org"] = FakeMailbox()
        fake.roles = frozenset({"Mail.Send"})
        yield fake


def by_graph(microsoft: FakeGraph, **others: Any) -> MailOptions:
    own = {"sender": "accueil@example.org", "oauth": microsoft.options(), "recipients": (SUPERVISORS, NIGHT)}
    return MailOptions.model_validate(own | others)


def test_graph_sends_one_message_to_each_recipient(microsoft: FakeGraph, tmp_path: Path) -> None:
    mail = MailHarness(tmp_path, by_graph(microsoft))
    mail.report(SlaClockStub())
    mail.deliver()
    assert [sender for sender, _ in microsoft.sent] == ["accueil@example.org"] * 2
    assert [message["To"] for _, message in microsoft.sent] == [SUPERVISORS, NIGHT]
    _, message = microsoft.sent[0]
    assert message["Subject"] == "Délai dépassé : solidarites, démarche en ligne, première réponse sous 10 s"
    assert message["Auto-Submitted"] == "auto-generated"
    assert "Échéance : 16/03/2026 13:00 CET" in message.get_content()
    assert mail.store.waiting() == {}
    for delivery in mail.deliveries:
        delivery.close()


def test_missing_permission_delays_mail_by_graph(microsoft: FakeGraph, tmp_path: Path) -> None:
    mail = MailHarness(tmp_path, by_graph(microsoft, recipients=(SUPERVISORS,)))
    mail.report(SlaClockStub())
    microsoft.roles = frozenset({"Mail.Read"})
    with pytest.raises(NotMailedError, match=r"refuses access \(403 ErrorAccessDenied\): grant the application"):
        mail.deliver()
    microsoft.roles = frozenset({"Mail.Send"})
    microsoft.expire_tokens()
    with pytest.raises(NotMailedError, match="refuses the token"):
        mail.deliver()
    mail.deliver()  # with a new token
    assert len(microsoft.sent) == 1
    microsoft.refusals = [JSONResponse({"error": {"code": "ErrorInvalidRecipients"}}, 400)]
    mail.report(SlaClockStub(2))
    mail.deliver()
    assert mail.store.refused()["mails.garde"][1].endswith("refuses the request (400 ErrorInvalidRecipients)")
    for delivery in mail.deliveries:
        delivery.close()


def test_smtp_accepts_a_token_of_microsoft(
    mailbox: Mailbox, microsoft: FakeGraph, certificate: ssl.SSLContext, tmp_path: Path
) -> None:
    mail = MailHarness(tmp_path, options(mailbox.port, security="starttls", oauth=microsoft.options()))
    microsoft.make_outlook_token = lambda: "jeton-d-essai"
    mailbox.token = "jeton-d-essai"
    with smtp_server(mailbox, tls_context=certificate, auth_required=True):
        mail.report(SlaClockStub())
        mail.deliver()
        assert mailbox.recipients == [SUPERVISORS]
        mailbox.token = "un autre"
        mail.report(SlaClockStub(2))
        with pytest.raises(NotMailedError, match="refuses the user, or the password or token"):
            mail.deliver()
    for delivery in mail.deliveries:
        delivery.close()


def test_refused_application_delays_mail_by_smtp(mailbox: Mailbox, microsoft: FakeGraph, tmp_path: Path) -> None:
    oauth = microsoft.options(client_secret="un-autre", tenant=microsoft.tenant)
    mail = MailHarness(tmp_path, by_graph(microsoft, oauth=oauth, recipients=(SUPERVISORS,)))
    mail.report(SlaClockStub())
    with pytest.raises(NotMailedError, match=r"AADSTS7000215\): the client secret is wrong"):
        mail.deliver()
    for delivery in mail.deliveries:
        delivery.close()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"oauth": None}, "must have host, or else oauth to send by Microsoft Graph"),
        ({"host": "smtp.example.org", "security": "none"}, "must not send a token unencrypted"),
        ({"host": "smtp.example.org", "password": "sesame"}, "must have either password or oauth"),
    ],
)
def test_incomplete_mail_options_are_refused(microsoft: FakeGraph, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        by_graph(microsoft, **changes)
