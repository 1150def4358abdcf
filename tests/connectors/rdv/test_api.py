"""Settings, accounts and refusals of the API, and `accueil connectors check`."""

from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

import connectors.rdv as rdv
from connectors.rdv.api import RdvPager
from connectors.rdv.config import RdvConfig
from connectors.rdv.simulate.server import APPLICATION
from connectors.sdk.config import parse
from connectors.sdk.errors import ConfigError, SourceRefusedError, SourceUnavailableError
from connectors.sdk.testing import ConnectorHarness
from tests.support.processes import wait_until
from tests.support.rdv_harness import OTHER, RdvHarness, book, hours, options, rdv_harness

OAUTH: dict[str, Any] = {"oauth": {**APPLICATION, "refresh_token": "simulation"}, "email": None, "password": None}


@pytest.mark.parametrize(
    ("api", "message"),
    [
        ({"password": "un-autre"}, "refuses the e-mail address or the password (401)"),
        ({"email": "personne@example.org"}, "refuses the e-mail address or the password (401)"),
        ({**OAUTH, "oauth": {**APPLICATION, "refresh_token": "un-autre"}}, "refuses the refresh_token (400)"),
        ({**OAUTH, "oauth": {**OAUTH["oauth"], "client_id": "une-autre"}}, "refuses the application (401)"),
    ],
)
def test_wrong_account_is_named(tmp_path: Path, api: dict[str, Any], message: str) -> None:
    with rdv_harness(tmp_path, **api) as system, pytest.raises(SourceRefusedError) as trouble:
        system.harness.probe()
    assert message in str(trouble.value)
    assert "127.0.0.1" in str(trouble.value)


def test_webhooks_are_accepted_while_the_api_fails(system: RdvHarness) -> None:
    system.server.intercept = lambda _: Response(status_code=500)
    book(system.service, hours(-3), hours(30))
    with system.connected():
        wait_until(lambda: system.step() or "(500)" in system.trouble, "the trouble")
        assert all(system.deliver_outbox())
        system.server.intercept = lambda _: None
        system.run_polls()
        assert system.trouble == ""
    assert [kind for _, kind in system.event_types] == ["appointment.booked"]
    assert system.findings == {}


@pytest.mark.parametrize(
    "refusal",
    [
        Response(status_code=429, headers={"Retry-After": "1"}),
        PlainTextResponse("<html>"),
        Response(b"{}", media_type="application/json"),
    ],
)
def test_refused_page_is_requested_again(system: RdvHarness, refusal: Response) -> None:
    for number in range(150):
        book(system.service, hours(-100), hours(1 + number))
    pages: list[str] = []

    def refuse_second_page(request: Request) -> Response | None:
        pages.append(request.query_params.get("page", "sign in"))
        return refusal if pages.count("2") == 1 and pages[-1] == "2" else None

    system.server.intercept = refuse_second_page
    with system.connected():
        system.run_polls()
    assert [page for page in pages if page != "sign in"] == ["1", "2", "2", "1"]
    assert len(system.events) == 150


def test_expired_session_is_renewed(tmp_path: Path) -> None:
    with rdv_harness(tmp_path) as system, system.connected():
        system.run_polls()
        system.server.expire_sessions()
        system.run_polls()
        assert system.server.requested_paths.count("/api/v1/auth/sign_in") == 2


def test_refresh_token_is_renewed_across_restarts(tmp_path: Path) -> None:
    with rdv_harness(tmp_path, **OAUTH) as system:
        for _ in range(3):
            with system.connected():
                system.run_polls()
        assert system.server.requested_paths.count("/oauth/token") == 3
        assert "simulation" not in system.server.refresh_tokens
        saved = system.harness.directory / "oauth.json"
        assert saved.stat().st_mode & 0o077 == 0
        assert "simulation" not in saved.read_text()


def test_newly_configured_token_replaces_the_saved_one(tmp_path: Path) -> None:
    with rdv_harness(tmp_path, **OAUTH) as system:
        with system.connected():
            system.run_polls()
        system.server.refresh_tokens.clear()
        with pytest.raises(SourceRefusedError, match="400"):
            system.harness.probe()
        system.server.refresh_tokens.add("un-nouveau")
        account = system.options["api"] | {"oauth": {**APPLICATION, "refresh_token": "un-nouveau"}}
        ConnectorHarness(rdv.CONNECTOR, system.options | {"api": account}, tmp_path / "data", tmp_path / "keys").probe()


def test_old_token_is_valid_after_a_kill_before_the_new_one_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rdv_harness(tmp_path, **OAUTH) as system:
        with monkeypatch.context() as patched:
            patched.setattr("connectors.rdv.sign_in.replace", lambda *_: 1 // 0)
            with pytest.raises(SourceUnavailableError, match="ZeroDivisionError"):
                system.harness.probe()
        with system.connected():
            system.run_polls()


def test_error_in_the_pager_stops_the_connector(system: RdvHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RdvPager, "next_page", lambda _: 1 // 0)
    with system.connected(), pytest.raises(ZeroDivisionError):
        wait_until(system.step, "the failure")


def test_probe_reads_a_page_per_organisation(system: RdvHarness) -> None:
    book(system.service, hours(-3), hours(30))
    book(system.service, hours(-3), hours(30), organisation=OTHER)
    found = system.harness.probe()
    assert (found.records, found.events) == (2, {"appointment.booked": 2})
    with system.connected():
        system.run_polls()
    assert len(system.events) == 2


def test_probe_without_api_listens(tmp_path: Path) -> None:
    harness = ConnectorHarness(rdv.CONNECTOR, options(), tmp_path / "data", tmp_path / "keys")
    assert harness.probe().records == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"secret": ""}, "secret is empty"),
        ({"organisations": {}, "api": {"email": "a@example.org", "password": "x"}}, "organisations must list"),
        ({"api": {"email": "a@example.org"}}, "api needs either oauth or email and password"),
        ({"api": {}}, "api needs either oauth or email and password"),
    ],
)
def test_configuration_errors_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=rf"^essai[. ]{message}"):
        parse(RdvConfig, "essai", options(**changes))
