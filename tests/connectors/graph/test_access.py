"""Access to Graph: tokens, permissions, limits and configuration errors, with a fake that refuses what the real one does."""

import time
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from connectors.sdk.errors import ConfigError, SourceMisconfiguredError, SourceRefusedError, SourceUnavailableError
from connectors.sdk.microsoft.tokens import OUTLOOK_SCOPE, TokenProvider
from connectors.sdk.pull import AnswerTooLargeError
from connectors.sdk.testing.leaks import contents
from tests.support.certificates import make_certificate
from tests.support.fake_graph import FakeGraph, LoginRefusedError
from tests.support.graph_mails import GraphMailbox
from tests.support.imap_mails import MAILS, events_by_contact, mail


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sdk.pull.FIRST_PAUSE_SECONDS", 0.0)


def refusal_of(mailbox: GraphMailbox, /, **changes: Any) -> SourceUnavailableError:
    """Return the error of a first read."""
    with mailbox.harness(**changes).opened() as (flow, _), pytest.raises(SourceUnavailableError) as error:
        flow.step()
    return error.value


# ---------------------------------------------------------------------------------------------------------------------- tokens
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"client_secret": "un-autre"}, "AADSTS7000215): the client secret is wrong: store its value, not its id"),
        ({"client_id": "un-autre"}, "AADSTS700016): the tenant does not know this application"),
        ({"tenant": "un-autre"}, "AADSTS90002): there is no such tenant: check tenant"),
    ],
)
def test_refused_login_says_what_to_do(mailbox: GraphMailbox, changes: dict[str, Any], message: str) -> None:
    error = refusal_of(mailbox, **changes)
    assert isinstance(error, SourceRefusedError)
    assert message in str(error)
    assert "un-autre" not in str(error)
    with pytest.raises(SourceRefusedError):
        mailbox.harness(**changes).probe()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (7000222, "the client secret has expired: create a new one"),
        (65001, "grant admin consent"),
        (700024, "set the clock of this machine"),
        (700027, "the certificate has expired, or is not one of the application"),
        (900021, "check tenant"),
        (500011, "check tenant"),
        (53003, "a conditional access rule blocks this application"),
        (1234567, "see https://login.microsoftonline.com/error?code=1234567"),
    ],
)
def test_codes_of_entra_are_explained(mailbox: GraphMailbox, code: int, message: str) -> None:
    mailbox.fake.login_refusal = LoginRefusedError(401, "invalid_client", code, "secret du locataire Exemple.")
    error = refusal_of(mailbox)
    assert message in str(error)
    assert "Exemple" not in str(error)


def test_refused_login_is_not_retried_soon(mailbox: GraphMailbox) -> None:
    with mailbox.harness(client_secret="un-autre").opened() as (flow, _):
        for _ in range(5):
            with pytest.raises(SourceRefusedError, match="AADSTS7000215"):
                flow.step()
    assert mailbox.fake.token_requests == 1


def test_entra_out_of_order_is_retried(mailbox: GraphMailbox) -> None:
    mailbox.put(mail("a", 0))
    mailbox.fake.login_refusal = LoginRefusedError(
        503, "temporarily_unavailable", 90033, "A transient error has occurred."
    )
    with mailbox.harness().opened() as (flow, publisher):
        for _ in range(2):
            with pytest.raises(SourceUnavailableError, match="is out of order"):
                flow.step()
        mailbox.fake.login_refusal = None
        flow.step()
        assert len(publisher.events) == 1


def test_refusal_of_a_proxy_is_named(mailbox: GraphMailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", mailbox.fake.url)  # which refuses CONNECT
    error = refusal_of(mailbox, login_url="https://login.example.org")
    assert "login.example.org cannot be reached through the proxy: check HTTPS_PROXY" in str(error)


def test_token_is_kept_and_renewed_after_a_refusal(mailbox: GraphMailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sdk.pull.Interval.due", True)
    mailbox.put(*MAILS)
    with mailbox.harness().opened() as (flow, publisher):
        flow.step()
        assert mailbox.fake.token_requests == 1
        assert len(mailbox.fake.requests) > 2
        mailbox.fake.expire_tokens()
        mailbox.put(mail("later", 100))
        before = len(publisher.events)
        publisher.confirm()
        with pytest.raises(SourceUnavailableError, match="401 InvalidAuthenticationToken"):
            flow.step()
        flow.step()
        assert len(publisher.events) == before + 1
    assert mailbox.fake.token_requests == 2


@pytest.mark.parametrize("kind", ["expired", "audience"])
def test_token_that_graph_refuses_is_reported(
    mailbox: GraphMailbox, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new token is requested once; then the refusal is one of the application."""
    if kind == "expired":
        mailbox.fake.before_answer = lambda _: mailbox.fake.expire_tokens()
    else:
        wrong = lambda app, _: TokenProvider(app, OUTLOOK_SCOPE)  # noqa: E731
        monkeypatch.setattr("connectors.sdk.microsoft.graph.TokenProvider", wrong)
    with mailbox.harness().opened() as (flow, _):
        for expected in (False, True, True):
            with pytest.raises(SourceUnavailableError) as error:
                flow.step()
            assert "refuses the token (401 InvalidAuthenticationToken)" in str(error.value)
            assert isinstance(error.value, SourceRefusedError) == expected
    assert mailbox.fake.token_requests == 2


def test_certificate_replaces_the_secret(mailbox: GraphMailbox, tmp_path: Path) -> None:
    mailbox.put(mail("a", 0))
    private, mailbox.fake.certificate = make_certificate()
    path = tmp_path / "application.pem"
    path.write_bytes(private + mailbox.fake.certificate)
    assert events_by_contact(mailbox.read(client_secret=None, certificate_file=str(path))) == [(0, "received")]
    _, mailbox.fake.certificate = make_certificate()
    error = refusal_of(mailbox, client_secret=None, certificate_file=str(path))
    assert "AADSTS700027): the certificate has expired, or is not one of the application" in str(error)


def test_unusable_certificate_file_is_named(mailbox: GraphMailbox, tmp_path: Path) -> None:
    path = tmp_path / "application.pem"
    for content, message in ((None, "is not there"), (b"x", "does not hold a private key"), (b"\xff", "does not hold")):
        if content is not None:
            path.write_bytes(content)
        error = refusal_of(mailbox, client_secret=None, certificate_file=str(path))
        assert isinstance(error, SourceMisconfiguredError)
        assert f"{path} {message}" in str(error)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"client_secret": None}, "essai.client_secret must be set, or else certificate_file"),
        ({"certificate_file": "application.pem"}, "essai.client_secret must be set, or else certificate_file"),
        ({"graph_url": "http://graph.example.org"}, "essai.graph_url must begin with https://"),
        ({"login_url": "http://login.example.org"}, "essai.login_url must begin with https://"),
        ({"folders": ["*"]}, "essai.folders"),
        ({"mailbox": "accueil"}, "essai.mailbox must be an e-mail address"),
    ],
)
def test_configuration_errors_are_named(mailbox: GraphMailbox, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        mailbox.harness(**changes)
    assert str(error.value).startswith(message)


def test_two_instances_cannot_read_the_same_folder(mailbox: GraphMailbox) -> None:
    first, second = (
        [*mailbox.harness(folders=folders).config.exclusive_resources()]
        for folders in (["Inbox"], ["inbox", "Dossiers"])
    )
    assert any(one.conflicts_with(other) for one in first for other in second)


# ----------------------------------------------------------------------------------------------------------------- permissions
def test_missing_permission_is_named(mailbox: GraphMailbox) -> None:
    """Mail.ReadBasic.All excludes the extended properties, which hold the references of sent messages."""
    for roles in (frozenset({"Mail.ReadBasic.All"}), frozenset({"Mail.Send"}), frozenset()):
        mailbox.fake.roles = roles
        error = refusal_of(mailbox)
        assert isinstance(error, SourceRefusedError)
        assert "refuses access (403 ErrorAccessDenied)" in str(error)
        assert "The permission is Mail.Read; Mail.ReadBasic.All is not sufficient" in str(error)


def test_mailbox_outside_the_access_policy_is_refused(mailbox: GraphMailbox) -> None:
    mailbox.fake.allowed = {"une-autre@example.org"}
    assert "allow this mailbox in its access policy" in str(refusal_of(mailbox))


def test_unknown_mailbox_is_reported_without_its_name(mailbox: GraphMailbox) -> None:
    error = refusal_of(mailbox, mailbox="personne@example.org")
    assert "404 ErrorInvalidUser): check mailbox" in str(error)
    assert "personne" not in str(error)


def test_refusal_of_graph_is_not_retried_soon(mailbox: GraphMailbox) -> None:
    mailbox.fake.roles = frozenset()
    with mailbox.harness().opened() as (flow, _):
        for _ in range(5):
            with pytest.raises(SourceRefusedError):
                flow.step()
    assert len(mailbox.fake.requests) == 1


# ---------------------------------------------------------------------------------------------------------------------- limits
def test_pause_that_graph_asks_for_is_kept(mailbox: GraphMailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, ahead = time.monotonic, 0.0
    monkeypatch.setattr("time.monotonic", lambda: clock() + ahead)
    mailbox.put(mail("a", 0))
    mailbox.fake.refusals = [JSONResponse({"error": {"code": "TooManyRequests"}}, 429, {"Retry-After": "120"})]
    with mailbox.harness().opened() as (flow, publisher):
        for _ in range(3):
            with pytest.raises(SourceUnavailableError, match="wants to be asked less often"):
                flow.step()
            ahead += 30
        assert len(mailbox.fake.requests) == 1
        ahead += 60
        flow.step()
        assert len(publisher.events) == 1


def test_interruptions_lose_nothing(mailbox: GraphMailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.graph.source.PAGE_MESSAGES", 10)
    mailbox.put(*MAILS)
    whole = [event.id for event in GraphMailbox.read(mailbox)]
    other = mailbox.harness()
    other.start_reread()
    failing = 0

    def fail_every_other(_: Any) -> None:
        nonlocal failing
        failing += 1
        if failing % 2:
            mailbox.fake.refusals = [Response(status_code=(503, 504, 500)[failing % 3])]

    mailbox.fake.before_answer = fail_every_other
    errors: set[str] = set()
    with other.opened() as (flow, publisher):
        while len(publisher.events) < len(whole):
            try:
                flow.step()
            except SourceUnavailableError as error:
                errors.add(str(error).partition(" ")[2])
        events = [event.id for event in publisher.events]
    assert events == whole
    assert errors == {f"is out of order ({status})" for status in (500, 503, 504)}


def test_page_that_is_too_large_is_requested_in_parts(mailbox: GraphMailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sdk.pull.LIMIT_BYTES", 20_000)
    mailbox.put(*(mail(f"{n}", n, f"usager{n}@example.org", X_Long="x" * 5_000) for n in range(30)))
    errors = 0
    with mailbox.harness().opened() as (flow, publisher):
        while len(publisher.events) < 30:
            try:
                flow.step()
            except AnswerTooLargeError:
                errors += 1
    assert errors == 2
    assert [event.time.minute for event in publisher.events] == [*range(30)]


def test_token_goes_to_the_configured_server_only(mailbox: GraphMailbox, fake: FakeGraph) -> None:
    mailbox.put(mail("a", 0))
    folder = JSONResponse({"id": "inbox-id"})
    page = JSONResponse({"value": [], "@odata.nextLink": "https://elsewhere.example.org/v1.0/users/x"})
    fake.refusals = [folder, folder, page]
    with mailbox.harness().opened() as (flow, _), pytest.raises(SourceUnavailableError, match="link to another server"):
        flow.step()


def test_unexpected_responses_are_reported(mailbox: GraphMailbox, fake: FakeGraph) -> None:
    folder = JSONResponse({"id": "inbox-id"})
    for content in (b"<html>", b"[]", b'{"value": {}}', b'{"value": []}'):
        fake.refusals = [folder, folder, Response(content)]
        assert "Graph answers in an unexpected form" in str(refusal_of(mailbox))


def test_secrets_and_tokens_are_not_stored(mailbox: GraphMailbox) -> None:
    mailbox.put(*MAILS)
    graph = mailbox.harness()
    graph.read_all(confirm=True)
    held = contents(graph.directory)
    assert mailbox.fake.secret not in held
    assert "fake-token" not in held
