"""Pages of a list, signatures and positions of the HTTP connector."""

import hmac
from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.http.authentication import sign_query
from connectors.http.config import Pagination
from connectors.http.further_pages import describe_further_pages
from connectors.http.pages import FIRST, next_page, request_of, step_back, without_parameters
from connectors.http.poll_position import PollPosition, time_writer
from connectors.http.responses import ResponseError, read_body
from connectors.sdk.mapping.conversions import time_reader

URL = httpx.URL("https://api.example.org/v1/forms/")
AT = datetime(2026, 10, 25, 0, 30, 15, 900_000, tzinfo=UTC).timestamp()
"""A time in the hour that occurs twice in Paris."""


def paged(**options: Any) -> Pagination:
    return Pagination.model_validate(options)


def following(pagination: Pagination, body: Any = None, count: int = 1, page: Any = FIRST, **headers: str) -> Any:
    return next_page(pagination, page, count, URL, httpx.Headers(headers), body)


@pytest.mark.parametrize(
    ("header", "path"),
    [
        ('<https://api.example.org/v1/forms/?page=2>; rel="next"', "/v1/forms/?page=2"),
        ("<?page=2>; rel=next", "/v1/forms/?page=2"),
        ("</v2/forms?cursor=a%2Cb,c;d>; rel=next", "/v2/forms?cursor=a%2Cb,c;d"),
        ('<http://api.example.org:8080/f?page=2>; title="a, b"; rel="next"', "/f?page=2"),
        ('<?page=1>; rel="prev", <?page=3>; rel="next", <?page=9>; rel="last"', "/v1/forms/?page=3"),
        ('<?page=3>; rel="Next archives"', "/v1/forms/?page=3"),
        ('<?page=3>; title="rel=prev; <x>"; rel="next"', "/v1/forms/?page=3"),
        ("<?page=2> ;  title*=UTF-8'fr'suite ;rel = \"next\" ; x", "/v1/forms/?page=2"),
        ('<?page=1>; rel="prev"', None),
        ("nonsense", None),
        ("", None),
    ],
)
def test_link_header_leads_to_the_next_page(header: str, path: str | None) -> None:
    assert following(paged(by="link"), Link=header) == path


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("/f?page=2", "/f?page=2"),
        ("https://api.example.org/f?p=é", "/f?p=%C3%A9"),
        (None, None),
        ("", None),
        (False, None),
    ],
)
def test_link_in_the_response_leads_to_the_next_page(value: Any, path: str | None) -> None:
    assert following(paged(by="link", next='"@next"'), {"@next": value}) == path


@pytest.mark.parametrize(
    "value",
    [
        "https://elsewhere.example.org/f",
        "ftp://api.example.org/f",
        "https://[",
        "//example.org/",
        "x" * 70_000,
        ["a"],
        True,
    ],
)
def test_unusable_link_is_an_error_that_names_the_option(value: Any) -> None:
    with pytest.raises(ResponseError, match=r"pagination\.next"):
        following(paged(by="link", next="next"), {"next": value})


@pytest.mark.parametrize(("value", "cursor"), [("abc", "abc"), (17, "17"), (0, "0"), (None, None), ("", None)])
def test_cursor_is_taken_from_the_response(value: Any, cursor: str | None) -> None:
    assert following(paged(by="cursor", next="meta.next"), {"meta": {"next": value}}) == cursor
    assert following(paged(by="cursor", next="items[-1].id"), {"items": []}) is None


def test_cursor_that_stays_the_same_ends_the_list_with_an_empty_page() -> None:
    pagination, body = paged(by="cursor", next="next"), {"next": "same"}
    assert following(pagination, body, 10, "same") == "same"
    assert following(pagination, body, 0, "same") is None


def test_page_numbers_and_offsets_end_with_an_empty_page() -> None:
    assert [following(paged(by="page"), count=count, page=4) for count in (3, 0)] == [5, None]
    assert [following(paged(by="offset"), count=count, page=40) for count in (3, 0)] == [43, None]
    assert [step_back(paged(by="page"), page) for page in (4, 1)] == [3, 1]
    offset = paged(by="offset", size=25, size_parameter="limit")
    assert [step_back(offset, page) for page in (40, 4)] == [15, 0]


@pytest.mark.parametrize(
    ("options", "page", "params"),
    [
        ({"by": "page"}, 1, {"a": "b", "page": 1}),
        ({"by": "page", "parameter": "p", "size": 5, "size_parameter": "n"}, 2, {"a": "b", "n": 5, "p": 2}),
        ({"by": "offset"}, 0, {"a": "b", "offset": 0}),
        ({"by": "cursor", "next": "n"}, FIRST, {"a": "b"}),
        ({"by": "cursor", "next": "n", "parameter": "after"}, "x", {"a": "b", "after": "x"}),
        ({"by": "link", "size": 5, "size_parameter": "n"}, FIRST, {"a": "b", "n": 5}),
    ],
)
def test_request_has_the_parameters_of_its_page(options: Any, page: Any, params: Mapping[str, Any]) -> None:
    assert request_of(paged(**options), "/f", {"a": "b"}, page) == ("/f", params)


def test_request_for_a_link_has_only_its_own_parameters() -> None:
    assert request_of(paged(by="link", size=5, size_parameter="n"), "/f", {"a": "b"}, "/f?page=2") == (
        "/f?page=2",
        None,
    )


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("/f?key=1&page=2", "/f?page=2"),
        ("/f?page=2&k%65y=1&key=", "/f?page=2"),
        ("/f?key=1", "/f"),
        ("/f", "/f"),
        ("/f?a=1%202&b=c+d&monkey=1", "/f?a=1%202&b=c+d&monkey=1"),
    ],
)
def test_credentials_are_removed_from_links(path: str, left: str) -> None:
    assert without_parameters(path, {"key"}) == left


def test_signature_covers_all_that_precedes_it() -> None:
    at = datetime(2026, 3, 16, 8, 0, 5, tzinfo=UTC)
    query = sign_query("filter=all&q=%C3%A9+b", "accueil", b"key", at, "n0nce")
    signed, signature = query.split("&signature=")
    assert signed == "filter=all&q=%C3%A9+b&orig=accueil&algo=sha256&timestamp=2026-03-16T08%3A00%3A05Z&nonce=n0nce"
    assert b64decode(parse_qs(f"signature={signature}")["signature"][0]) == hmac.digest(
        b"key", signed.encode(), "sha256"
    )
    assert sign_query("", "accueil", b"key", at, "n0nce").startswith("orig=accueil&")


@pytest.mark.parametrize(
    ("time_format", "zone", "text"),
    [
        ("iso", None, "2026-10-25T00:30:15Z"),
        ("iso", "Europe/Paris", "2026-10-25T02:30:15"),
        ("epoch", "Europe/Paris", "1792888215"),
        ("epoch_ms", None, "1792888215000"),
        ("%Y-%m-%d %H:%M", "Europe/Paris", "2026-10-25 02:30"),
        ("%d/%m/%Y", None, "25/10/2026"),
    ],
)
def test_time_is_written_in_the_format_of_the_server(time_format: str, zone: str | None, text: str) -> None:
    assert time_writer(time_format, ZoneInfo(zone) if zone else None)(AT) == text


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - hypothesis adds the zone
    st.sampled_from(["iso", "epoch", "epoch_ms", "%Y-%m-%d %H:%M:%S"]),
    st.sampled_from([None, ZoneInfo("Europe/Paris"), ZoneInfo("America/Martinique")]),
)
def test_written_time_is_never_later_than_the_time(at: datetime, time_format: str, zone: ZoneInfo | None) -> None:
    moment = at.replace(tzinfo=UTC).timestamp()
    written = time_reader(time_format, zone or ZoneInfo("UTC"))(time_writer(time_format, zone)(moment))
    assert 0 <= moment - written.timestamp() < 1 or moment - written.timestamp() >= 3600  # the hour that occurs twice


@pytest.mark.parametrize(
    ("content", "path", "records"),
    [
        (b'[{"a": 1}]', None, [{"a": 1}]),
        (b'{"data": {"items": [1]}}', "data.items", [1]),
        (b'{"a": {"rows": [1]}, "b": {"rows": [2]}}', "*.rows[]", [1, 2]),
        (b'{"items": null}', "items || `[]`", []),
        (b'{"total": 3}', "[@]", [{"total": 3}]),
    ],
)
def test_records_are_found_in_a_response(content: bytes, path: str | None, records: list[Any]) -> None:
    assert read_body(content, path).records == records


@pytest.mark.parametrize(
    ("content", "path", "option"),
    [
        (b"<html>Camille", None, "url"),
        (b'{"items": "Camille"}', None, "records"),
        (b'{"items": "Camille"}', "items", "records"),
        (b'{"items": "Camille"}', "items[0].x", "records"),
        (b'{"items": "Camille"}', "sort(items)", "records"),
        (b'{"items": [1e9999]}', "items[].ceil(@)", "records"),
    ],
)
def test_response_without_records_is_an_error_that_names_the_option(
    content: bytes, path: str | None, option: str
) -> None:
    with pytest.raises(ResponseError, match=f"^{option}") as error:
        read_body(content, path)
    assert "Camille" not in str(error.value)


# --------------------------------------------------------------------------------------------------------- positions
NOW = 10_000.0


def poll(position: PollPosition, *pages: list[tuple[float | None, bool]]) -> PollPosition:
    position = position.begin(1, NOW)
    for number, page in enumerate(pages, 2):
        times, news = [at for at, _new in page], [new for _at, new in page]
        position = position.after(number if number <= len(pages) else None, times, news, NOW)
    assert position.page is None
    return position


def test_one_response_advances_at_once() -> None:
    assert poll(PollPosition(), [(5.0, True), (7.0, True)]).since == 7.0


def test_several_pages_advance_after_a_poll_without_older_news() -> None:
    first = poll(PollPosition(), [(1.0, True)], [(7.0, True)], [])
    assert (first.since, first.newest) == (None, 7.0)
    second = poll(first, [(1.0, False), (7.0, False)], [(9.0, True)], [])
    assert (second.since, second.newest) == (7.0, 9.0)


def test_older_news_hold_the_position_back() -> None:
    first = poll(PollPosition(), [(1.0, True)], [(7.0, True)], [])
    second = poll(first, [(1.0, False), (3.0, True)], [(7.0, False)], [])
    assert (second.since, second.newest) == (None, 7.0)
    assert poll(second, [(1.0, False)], [(7.0, False)], []).since == 7.0


def test_times_in_the_future_and_missing_ones_do_not_advance_too_far() -> None:
    assert poll(PollPosition(), [(NOW * 2, True), (None, True), (float("inf"), True)]).since == NOW
    assert poll(PollPosition(), [(None, True)]).since is None
    assert poll(PollPosition(5.0, 5.0), []).since == 5.0


def test_whole_list_is_requested_at_intervals() -> None:
    position = poll(PollPosition(), [(5.0, True)])
    assert position.whole_at == NOW
    assert not position.begin(1, NOW + 99, 100).is_whole
    assert position.begin(1, NOW + 100, 100).is_whole
    assert not position.begin(1, NOW + 100, 0).is_whole


@pytest.mark.parametrize(
    ("headers", "body", "sign"),
    [
        ({"Link": "<?page=2>; rel=next"}, [], 'in its Link header: set pagination = { by = "link" }'),
        ({}, {"next": "https://x.org/?p=2"}, "at next: set pagination = { by = 'link', next = 'next' }"),
        ({}, {"meta": {"next_cursor": "eyJ"}}, "set pagination = { by = 'cursor', next = 'meta.next_cursor' }"),
        ({}, {"_links": {"next": {"href": "/f?p=2"}}}, "by = 'link', next = '_links.next.href'"),
        ({}, {"@odata.nextLink": "/f?p=2"}, "next = '\"@odata.nextLink\"'"),
        ({}, {"meta": {"total": 57}}, "the response has 20 records, but meta.total = 57"),
        ({"X-Total-Count": "57"}, [], "the response has 20 records, but X-Total-Count = 57"),
    ],
)
def test_signs_of_further_pages_are_named(headers: dict[str, str], body: Any, sign: str) -> None:
    assert sign in describe_further_pages(httpx.Headers(headers), body, 20)


@pytest.mark.parametrize(
    "body",
    [
        [{"next": "2"}],
        {"items": [{"next": "2", "total": 57}]},
        {"next": None, "total": 20, "count": True},
        {"links": {"next": ""}, "total": "many"},
        {"href": "https://api.example.org/v1/forms/", "items": []},
        None,
    ],
)
def test_whole_list_has_no_sign_of_further_pages(body: Any) -> None:
    assert describe_further_pages(httpx.Headers({"Link": "<?page=1>; rel=prev"}), body, 20) == ""
