"""Connector `http`: authentication."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from connectors.http import authentication
from connectors.sdk.errors import SourceRefusedError, SourceUnavailableError
from tests.support.http_lists import AUTH, forms_of, harness, numbered, oauth
from tests.support.json_api import SECRET, TOKEN, USER, JsonApi, serving_api
from tests.support.polled_servers import unavailable


@pytest.mark.parametrize("api", [(auth, "page") for auth in (*AUTH, "oauth2")], indirect=True, ids=lambda api: api[0])
def test_each_authentication_opens_the_list(api: JsonApi, tmp_path: Path) -> None:
    assert forms_of(harness(api, tmp_path).read_all(confirm=True)) == numbered(*range(1, 26))
    assert api.refused == []


@pytest.mark.parametrize("api", [(auth, "") for auth in (*AUTH, "oauth2")], indirect=True, ids=lambda api: api[0])
def test_wrong_secret_is_refused_and_the_option_is_named(api: JsonApi, tmp_path: Path) -> None:
    wrong: dict[str, Any] = {"signed": {"orig": USER, "secret": "wrong"}, "basic": {"user": USER, "password": "wrong"}}
    wrong |= {"bearer": {"token": "wrong"}, "header": {"header": "X-Api-Key", "secret": "wrong"}}
    wrong |= {"parameter": {"parameter": "api_key", "secret": "wrong"}}
    method = {"header": "key", "parameter": "key"}.get(api.auth, api.auth)
    auth = oauth(api, client_secret="wrong") if api.auth == "oauth2" else {method: wrong[api.auth]}
    connector = harness(api, tmp_path, auth=auth)
    with connector.opened() as (flow, _), pytest.raises(SourceRefusedError) as error:
        flow.step()
    assert f"auth.{method}" in str(error.value)
    assert "wrong" not in str(error.value)


def test_missing_authentication_is_named(tmp_path: Path) -> None:
    with serving_api("bearer") as api:
        assert "set auth" in unavailable(harness(api, tmp_path, auth=None))


@pytest.mark.parametrize("api", [("oauth2", "page")], indirect=True)
def test_token_is_renewed_before_it_expires(api: JsonApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(authentication, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    api.token_seconds = 300
    api.page_size = 5
    with harness(api, tmp_path).opened() as (flow, publisher):
        for seconds, tokens, events in ((0, 1, 5), (239, 1, 10), (2, 2, 15), (239, 2, 20), (2, 3, 25)):
            clock[0] += seconds
            flow.step()
            assert (api.tokens_issued, len(publisher.events)) == (tokens, events)
    assert api.refused == []


@pytest.mark.parametrize("api", [("oauth2", "page")], indirect=True)
def test_token_that_is_no_longer_accepted_is_replaced_at_once(api: JsonApi, tmp_path: Path) -> None:
    def revoke(_request: Request) -> None:
        if len(api.requests) == 2 and not api.refused:
            api.revoke_tokens()

    api.before_answer = revoke
    assert forms_of(harness(api, tmp_path).read_all(confirm=True)) == numbered(*range(1, 26))
    assert api.refused == [401]
    assert api.tokens_issued == 2


@pytest.mark.parametrize("api", [("oauth2", "")], indirect=True)
def test_fresh_token_that_is_refused_is_not_renewed_without_a_pause(api: JsonApi, tmp_path: Path) -> None:
    api.before_answer = lambda _request: PlainTextResponse("", 401)
    with harness(api, tmp_path).opened() as (flow, _):
        for _ in range(10):
            with pytest.raises(SourceUnavailableError, match="oauth2"):
                flow.step()
    assert api.tokens_issued <= 2


@pytest.mark.parametrize("api", [("oauth2", "")], indirect=True)
def test_client_in_the_body_of_the_token_request(api: JsonApi, tmp_path: Path) -> None:
    connector = harness(api, tmp_path, auth=oauth(api, credentials_in="body"))
    assert len(connector.read_all(confirm=True)) == 25


@pytest.mark.parametrize("api", [("oauth2", "")], indirect=True)
def test_wrong_scope_is_named(api: JsonApi, tmp_path: Path) -> None:
    message = unavailable(harness(api, tmp_path, auth=oauth(api, scope="forms.write")))
    assert "scope" in message
    assert SECRET not in message


@pytest.mark.parametrize("api", [("parameter", "link"), ("signed", "link")], indirect=True)
def test_credentials_that_a_link_repeats_are_not_stored(api: JsonApi, tmp_path: Path) -> None:
    connector = harness(api, tmp_path, params={"state": "tous les états"})
    with connector.opened() as (flow, publisher):
        flow.step()  # the position is now the address of the second page
        publisher.confirm()
        stored = b"".join(path.read_bytes() for path in connector.directory.rglob("*") if path.is_file())
        assert b"page=2" in stored
        assert TOKEN.encode() not in stored
        assert b"signature=" not in stored
    assert forms_of(connector.read_all(confirm=True)) == numbered(*range(11, 26))
    assert {request["state"] for request in api.requests} == {"tous les états"}
