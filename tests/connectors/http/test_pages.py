"""Connector `http`: lists in pages."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from connectors.sdk import pull
from connectors.sdk.errors import CursorDamagedError, SourceRefusedError
from tests.support.http_lists import PAGINATION, SINCE, forms_of, harness, numbered
from tests.support.json_api import JsonApi, form
from tests.support.polled_servers import unavailable


@pytest.mark.parametrize("api", [("", paging) for paging in PAGINATION], indirect=True, ids=lambda api: api[1])
def test_each_pagination_reads_the_list_once(api: JsonApi, tmp_path: Path) -> None:
    connector = harness(api, tmp_path)
    assert forms_of(connector.read_all(confirm=True)) == numbered(*range(1, 26))
    assert connector.read_all(confirm=True) == []
    api.records.append(form(26))
    assert forms_of(connector.read_all(confirm=True)) == numbered(26)


def test_list_without_pages_is_the_response_itself(api: JsonApi, tmp_path: Path) -> None:
    api.wrap = lambda records: records
    assert forms_of(harness(api, tmp_path, records=None).read_all(confirm=True)) == numbered(*range(1, 26))
    assert len(api.requests) == 1


@pytest.mark.parametrize("api", [("", "page"), ("", "offset")], indirect=True, ids=lambda api: api[1])
@pytest.mark.parametrize("after_end", ["empty", "404", "last"])
@pytest.mark.parametrize("count", [0, 1, 10, 20, 25])
def test_list_ends_where_the_server_says(api: JsonApi, tmp_path: Path, after_end: Any, count: int) -> None:
    api.after_end = after_end
    api.records = [form(number) for number in range(1, count + 1)]
    pagination = {**PAGINATION[api.paging], "size": 11, "size_parameter": "size"}
    connector = harness(api, tmp_path, pagination=pagination)
    assert forms_of(connector.read_all(confirm=True)) == numbered(*range(1, count + 1))
    assert len(api.requests) <= count // 10 + 3
    assert connector.read_all(confirm=True) == []


@pytest.mark.parametrize("api", [("", "page")], indirect=True)
def test_server_with_smaller_pages_than_requested_is_read_to_its_end(api: JsonApi, tmp_path: Path) -> None:
    pagination = {"by": "page", "size": 500, "size_parameter": "size"}
    assert len(harness(api, tmp_path, pagination=pagination).read_all(confirm=True)) == 25


@pytest.mark.parametrize("api", [("", "page")], indirect=True)
def test_parameter_that_the_server_ignores_is_named(api: JsonApi, tmp_path: Path) -> None:
    with harness(api, tmp_path, pagination={"by": "page", "parameter": "pg"}).opened() as (flow, publisher):
        flow.step()
        with pytest.raises(SourceRefusedError, match="parameter pg"):
            flow.step()
    assert len(publisher.events) == 10


@pytest.mark.parametrize("api", [("", "page")], indirect=True)
def test_missing_page_in_the_middle_does_not_end_the_list(api: JsonApi, tmp_path: Path) -> None:
    """A proxy may answer 404 while the server behind it restarts."""
    failures = [True, True]

    def fail(request: Request) -> Response | None:
        is_failing = request.query_params["page"] == "2" and failures
        return PlainTextResponse("no such route", 404) if is_failing and failures.pop() else None

    api.before_answer = fail
    connector = harness(api, tmp_path, since=SINCE)
    events = connector.read_all(confirm=True)
    events += connector.read_all(confirm=True)
    events += connector.read_all(confirm=True)
    assert sorted(forms_of(events), key=lambda name: int(name[2:])) == numbered(*range(1, 26))


@pytest.mark.parametrize("api", [("", "cursor")], indirect=True)
def test_expired_cursor_starts_the_list_again(api: JsonApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull, "FIRST_PAUSE_SECONDS", 0.0)
    connector = harness(api, tmp_path)
    with connector.opened() as (flow, publisher):
        flow.step()
        publisher.confirm()
        safe = publisher.safe
    api.expire_cursors()
    events = safe + connector.read_all(confirm=True)
    assert forms_of(events) == numbered(*range(1, 26))
    assert api.refused == [400]


def test_link_to_another_server_is_not_followed(api: JsonApi, tmp_path: Path) -> None:
    api.before_answer = lambda _request: JSONResponse(
        {"data": {"items": []}}, headers={"Link": '<https://elsewhere.example.org/?page=2>; rel="next"'}
    )
    message = unavailable(harness(api, tmp_path, pagination={"by": "link"}))
    assert "another server" in message


def test_headers_and_parameters_are_sent(api: JsonApi, tmp_path: Path) -> None:
    seen = []
    api.before_answer = lambda request: seen.append((request.headers["x-tenant"], request.headers["accept"]))
    headers = {"X-Tenant": "aisne", "Accept": "application/vnd.example+json"}
    harness(api, tmp_path, headers=headers, params={"level": 3, "q": "é & +"}).read_all(confirm=True)
    assert seen == [("aisne", "application/vnd.example+json")]
    assert api.requests == [{"level": "3", "q": "é & +"}]


@pytest.mark.parametrize("api", [("", "page")], indirect=True)
def test_crash_in_a_long_list_continues_at_its_page(api: JsonApi, tmp_path: Path) -> None:
    connector = harness(api, tmp_path)
    with connector.opened() as (flow, publisher):
        flow.step()
        flow.step()
        publisher.confirm()
    assert len(connector.read_all(confirm=True)) == 5
    assert [request["page"] for request in api.requests] == ["1", "2", "3", "4"]


@pytest.mark.parametrize(("count", "has_more"), [(25, False), (400, True)])
@pytest.mark.parametrize("api", [("", "page")], indirect=True)
def test_probe_reads_pages_at_the_allowed_rate(api: JsonApi, tmp_path: Path, count: int, *, has_more: bool) -> None:
    api.records = [form(number) for number in range(1, count + 1)]
    found = harness(api, tmp_path, requests_per_second=10).probe()
    assert found.has_more == has_more
    assert (found.records == count) is not has_more


def test_probe_says_that_a_list_without_pagination_is_one_page(api: JsonApi, tmp_path: Path) -> None:
    whole = harness(api, tmp_path).probe()
    assert (whole.records, whole.extent, whole.trouble) == (25, "one page; no pagination is set", "")
    api.wrap = lambda records: {"data": {"items": records[:20]}, "total": len(records)}
    part = harness(api, tmp_path).probe()
    assert (part.records, part.trouble) == (20, "only one page is read: the response has 20 records, but total = 25")


@pytest.mark.parametrize("api", [("", "page")], indirect=True)
def test_probe_of_a_list_with_pagination_reads_up_to_the_newest(api: JsonApi, tmp_path: Path) -> None:
    found = harness(api, tmp_path).probe()
    assert (found.has_more, found.extent, found.trouble) == (False, "", "")


def test_damaged_position_is_reported(api: JsonApi, tmp_path: Path) -> None:
    connector = harness(api, tmp_path)
    connector.read_all(confirm=True)
    with closing(sqlite3.connect(connector.directory / "records.db", isolation_level=None)) as database:
        database.execute("UPDATE positions SET position = x'c1'")
    with connector.opened() as (flow, _), pytest.raises(CursorDamagedError):
        flow.step()
