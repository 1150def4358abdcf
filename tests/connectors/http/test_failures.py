"""Connector `http`: unusable responses, and limits of the server."""

import time
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from connectors.http import source
from connectors.sdk import instance, pull
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.rejects import read as read_rejects
from models.reasons import Reason
from tests.support.http_lists import PAGINATION, PERSONAL, SINCE, forms_of, harness, numbered, step_or_wait
from tests.support.json_api import JsonApi, form
from tests.support.polled_servers import unavailable
from tests.support.processes import wait_until


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (PlainTextResponse(f"<html>{PERSONAL[0]}"), "url: the response is not JSON"),
        (JSONResponse({"results": [PERSONAL[0]]}), "records: the response has no list at this path"),
        (JSONResponse({"data": {"items": PERSONAL[0]}}), "records: the response has no list at this path"),
        (PlainTextResponse(PERSONAL[0], 400), "check url, params, pagination and since"),
        (PlainTextResponse("", 301, {"Location": "/"}), "answers 301: is the address right?"),
        (PlainTextResponse("", 503), "is out of order (503)"),
        (Response(b"[" + b"1," * (9 << 20) + b"1]"), "set a smaller pagination.size"),
    ],
)
def test_unusable_response_names_the_option_and_reading_continues(
    api: JsonApi, tmp_path: Path, response: Response, message: str
) -> None:
    api.before_answer = lambda _request: response
    connector = harness(api, tmp_path)
    error = unavailable(connector)
    assert message in error
    assert PERSONAL[0] not in error
    api.before_answer = lambda _request: None
    assert len(connector.read_all(confirm=True)) == 25


def test_response_that_is_not_a_list_needs_records(api: JsonApi, tmp_path: Path) -> None:
    assert "records is missing" in unavailable(harness(api, tmp_path, records=None))


def test_error_with_status_200_loses_no_page(api: JsonApi, tmp_path: Path) -> None:
    """W.c.s. answers some errors so: `HttpResponse200Error` in wcs/qommon/errors.py."""
    requests: list[str] = []

    def fail_once(request: Request) -> Response | None:
        requests.append(request.url.query)
        return JSONResponse({"err": 1, "err_desc": PERSONAL[0], "data": None}) if len(requests) == 2 else None

    api.paging, api.before_answer = "offset", fail_once
    connector = harness(api, tmp_path, pagination=PAGINATION["offset"])
    with connector.opened() as (flow, publisher):
        flow.step()
        with pytest.raises(SourceUnavailableError, match="or is an error") as error:
            flow.step()
        assert PERSONAL[0] not in str(error.value)
        wait_until(lambda: step_or_wait(flow) or len(publisher.events) == 25, "the pages after the error")
    assert requests[1] == requests[2]


def test_response_without_content_is_an_empty_list(api: JsonApi, tmp_path: Path) -> None:
    api.before_answer = lambda _request: Response(status_code=204)
    connector = harness(api, tmp_path, pagination=PAGINATION["cursor"], since=SINCE)
    assert connector.read_all(confirm=True) == []
    api.before_answer = lambda _request: None
    assert len(connector.read_all(confirm=True)) == 25


def test_longest_read_is_shorter_than_the_time_until_an_instance_is_stuck() -> None:
    request_seconds = pull.TIMEOUT.connect + pull.TIMEOUT.read + pull.TOTAL_SECONDS
    assert source.BUSY_SECONDS + source.LATE_SECONDS + request_seconds < instance.STUCK_SECONDS


def test_entry_that_is_no_object_is_rejected_alone(api: JsonApi, tmp_path: Path) -> None:
    api.before_answer = lambda _request: JSONResponse({"data": {"items": [form(1), PERSONAL[0], None, form(2)]}})
    connector = harness(api, tmp_path)
    assert forms_of(connector.read_all(confirm=True)) == numbered(1, 2)
    entries = [entry.reject for entry in read_rejects(connector.directory)]
    assert [(entry.reason, entry.detail) for entry in entries] == [(Reason.UNREADABLE_LINE, "not a JSON object")] * 2
    assert PERSONAL[0] in entries[0].record.decode()
    assert [entry.context for entry in entries] == [b"record 2", b"record 3"]


@pytest.mark.parametrize("api", [("", "page")], indirect=True)
def test_rate_limit_is_kept(api: JsonApi, tmp_path: Path) -> None:
    requested_at: list[float] = []
    api.before_answer = lambda _request: requested_at.append(time.monotonic())
    began_at = time.monotonic()
    with harness(api, tmp_path, requests_per_second=20).opened() as (flow, publisher):
        wait_until(lambda: flow.step() or len(publisher.events) == 25, "all pages")
    assert all(at - began_at >= 0.05 * number for number, at in enumerate(requested_at))


@pytest.mark.parametrize("api", [("", "page")], indirect=True)
def test_server_that_is_asked_too_fast_gets_the_pause_that_it_wants(api: JsonApi, tmp_path: Path) -> None:
    api.requests_per_second = 2
    connector = harness(api, tmp_path)
    with connector.opened() as (flow, publisher):
        flow.step()
        flow.step()
        with pytest.raises(SourceUnavailableError, match="less often") as error:
            flow.step()
        assert 0 < error.value.retry_after_seconds <= 1
        wait_until(lambda: step_or_wait(flow) or len(publisher.events) == 25, "the end of the pause")
    assert api.refused == [429]
