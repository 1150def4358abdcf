"""Accounts and applications by which the API is asked, and what is done while it refuses."""

from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

import connectors.rdv as rdv
from connectors.rdv.api import RdvRounds
from connectors.rdv.simulate.server import APPLICATION
from connectors.sdk.errors import SourceRefusedError
from connectors.sdk.testing import ConnectorHarness
from tests.support.processes import wait_until
from tests.support.rdv_harness import OTHER, RdvHarness, book, hours, rdv_harness

OAUTH: dict[str, Any] = {"oauth": {**APPLICATION, "refresh_token": "simulation"}, "email": None, "password": None}


@pytest.mark.parametrize(
    ("api", "words"),
    [
        ({"password": "un-autre"}, "refuses the e-mail address or the password (401)"),
        ({"email": "personne@example.org"}, "refuses the e-mail address or the password (401)"),
        ({**OAUTH, "oauth": {**APPLICATION, "refresh_token": "un-autre"}}, "refuses the refresh_token (400)"),
        ({**OAUTH, "oauth": {**OAUTH["oauth"], "client_id": "une-autre"}}, "refuses the application (401)"),
    ],
)
def test_a_wrong_account_is_named(tmp_path: Path, api: dict[str, Any], words: str) -> None:
    with rdv_harness(tmp_path, **api) as place, pytest.raises(SourceRefusedError) as trouble:
        place.harness.probe()
    assert words in str(trouble.value)
    assert "127.0.0.1" in str(trouble.value)


def test_while_the_api_is_away_webhooks_are_taken_and_it_says_so(place: RdvHarness) -> None:
    place.server.intercept = lambda _: Response(status_code=500)
    book(place.service, hours(-3), hours(30))
    with place.connected():
        wait_until(lambda: place.step() or "(500)" in place.trouble, "the trouble")
        assert all(place.deliver_outbox())
        place.server.intercept = lambda _: None
        place.run_round()
        assert place.trouble == ""
    assert [kind for _, kind in place.told] == ["appointment.booked"]
    assert place.findings == {}


@pytest.mark.parametrize(
    "refusal",
    [
        Response(status_code=429, headers={"Retry-After": "1"}),
        PlainTextResponse("<html>"),
        Response(b"{}", media_type="application/json"),
    ],
)
def test_what_is_refused_within_a_round_is_asked_for_again(place: RdvHarness, refusal: Response) -> None:
    for number in range(150):
        book(place.service, hours(-100), hours(1 + number))
    pages: list[str] = []

    def refuse_second_page(request: Request) -> Response | None:
        pages.append(request.query_params.get("page", "sign in"))
        return refusal if pages.count("2") == 1 and pages[-1] == "2" else None

    place.server.intercept = refuse_second_page
    with place.connected():
        place.run_round()
    assert [page for page in pages if page != "sign in"] == ["1", "2", "2", "1"]
    assert len(place.events) == 150


def test_it_signs_in_again_when_it_is_forgotten(tmp_path: Path) -> None:
    with rdv_harness(tmp_path) as place, place.connected():
        place.run_round()
        place.server.expire_sessions()
        place.run_round()
        assert place.server.asked.count("/api/v1/auth/sign_in") == 2


def test_an_application_renews_its_token_across_restarts(tmp_path: Path) -> None:
    with rdv_harness(tmp_path, **OAUTH) as place:
        for _ in range(3):
            with place.connected():
                place.run_round()
        assert place.server.asked.count("/oauth/token") == 3
        assert "simulation" not in place.server.refresh_tokens
        kept = place.harness.directory / "oauth.json"
        assert kept.stat().st_mode & 0o077 == 0
        assert "simulation" not in kept.read_text()


def test_a_new_token_in_the_configuration_goes_before_what_is_kept(tmp_path: Path) -> None:
    with rdv_harness(tmp_path, **OAUTH) as place:
        with place.connected():
            place.run_round()
        place.server.refresh_tokens.clear()
        with pytest.raises(SourceRefusedError, match="400"):
            place.harness.probe()
        place.server.refresh_tokens.add("un-nouveau")
        account = place.options["api"] | {"oauth": {**APPLICATION, "refresh_token": "un-nouveau"}}
        ConnectorHarness(rdv.CONNECTOR, place.options | {"api": account}, tmp_path / "data", tmp_path / "keys").probe()


def test_killed_before_the_new_token_is_kept_the_old_one_is_still_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rdv_harness(tmp_path, **OAUTH) as place:
        with monkeypatch.context() as patched:
            patched.setattr("connectors.rdv.sign_in.replace", lambda *_: 1 // 0)
            with pytest.raises(ZeroDivisionError):
                place.harness.probe()
        with place.connected():
            place.run_round()


def test_a_defect_in_asking_is_a_failure_as_any_other(place: RdvHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RdvRounds, "next_page", lambda _: 1 // 0)
    with place.connected(), pytest.raises(ZeroDivisionError):
        wait_until(place.step, "the failure")


def test_an_organisation_that_the_account_does_not_see_has_no_appointments(tmp_path: Path) -> None:
    with rdv_harness(tmp_path, visible=[OTHER]) as place, place.connected():
        book(place.service, hours(-3), hours(30))
        place.run_round()
    assert place.events == []
