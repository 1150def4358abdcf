"""Pages of a list: their requests, and the page after a response. Pure."""

import re
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

import httpx

from connectors.http.config import Pagination
from connectors.http.responses import ResponseError, search
from models.locale import _

LONGEST: Final = 8_000
"""Longest cursor or address of a page, in characters."""
FIRST: Final = ""
"""First page of a list with links or cursors, and of a list without pages."""
_LINK: Final = re.compile(
    r"""<(?P<target>[^<>]*+)>(?P<parameters>(?:\s*+;\s*+[^\s;,="<>]*+(?:\s*+=\s*+(?:"(?:[^"\\]|\\.)*+"|[^\s;,"<>]*+))?)*+)"""
)
"""A link with its parameters."""
_RELATION: Final = re.compile(r""";\s*+rel\s*+=\s*+(?:"([^"]*+)"|([^\s;,"]++))""", re.IGNORECASE)
"""The relation among the parameters of a link."""
STEP_BACK_RECORDS: Final = 10
"""Records before an offset at which `step_back` continues, for lists without `pagination.size`."""
PageName = int | str
"""Number or offset of a page, its cursor, or the path and query of its address."""


class PageRequest(NamedTuple):
    """Path and parameters of a request; without parameters, the path may have a query."""

    path: str
    params: Mapping[str, Any] | None


def first_page(pagination: Pagination | None) -> PageName:
    """Return the first page of a list."""
    if pagination is None or pagination.by in {"link", "cursor"}:
        return FIRST
    return pagination.first_page if pagination.by == "page" else 0


def request_of(pagination: Pagination | None, path: str, params: Mapping[str, Any], page: PageName) -> PageRequest:
    """Return the request for `page` of the list at `path`, with the parameters that all pages have."""
    if pagination is None:
        return PageRequest(path, params)
    if pagination.by == "link" and page != FIRST:
        return PageRequest(str(page), None)
    own: dict[str, Any] = {}
    if pagination.size is not None and pagination.size_parameter is not None:
        own[pagination.size_parameter] = pagination.size
    if pagination.by != "link" and page != FIRST:
        own[pagination.page_parameter] = page
    return PageRequest(path, {**params, **own})


def next_page(
    pagination: Pagination | None, page: PageName, count: int, url: httpx.URL, headers: Mapping[str, str], body: Any
) -> PageName | None:
    """Return the page after `page`, whose response has `count` records; None if it was the last one.

    A page by number or offset is the last one if it is empty: servers may return fewer records than requested. `url` is the
    address of the list. Raises `ResponseError`.
    """
    if pagination is None:
        return None
    if pagination.by in {"page", "offset"}:
        assert isinstance(page, int)
        return page + (1 if pagination.by == "page" else count) if count else None
    following = _follow(pagination, url, headers, body)
    return None if following == page and not count else following


def step_back(pagination: Pagination, page: PageName) -> PageName:
    """Return the page before `page` of a list with page numbers; for offsets, about one page before it."""
    assert isinstance(page, int)
    if pagination.by == "page":
        return max(pagination.first_page, page - 1)
    return max(0, page - (pagination.size or STEP_BACK_RECORDS))


def _follow(pagination: Pagination, url: httpx.URL, headers: Mapping[str, str], body: Any) -> str | None:
    if pagination.next is None:
        return _path_of(find_next_link(headers), url, "Link")
    try:
        value = search(pagination.next, body)
    except ValueError:
        raise ResponseError(_("pagination.next cannot be evaluated in the response")) from None
    if value is None or value is False or value == "":
        return None
    if not isinstance(value, str | int) or value is True:
        raise ResponseError(_("pagination.next: the response has no single value there"))
    text = str(value)
    if len(text) > LONGEST:
        raise ResponseError(_("pagination.next: the value is too long"))
    return _path_of(text, url, "pagination.next") if pagination.by == "link" else text


def find_next_link(headers: Mapping[str, str]) -> str:
    """Return the target of the first link with the relation `next` (RFC 8288); empty if there is none."""
    for link in _LINK.finditer(headers.get("Link", "")):
        relation = _RELATION.search(link["parameters"])
        if relation and "next" in (relation[1] or relation[2] or "").lower().split():
            return link["target"]
    return ""


def _path_of(link: str, url: httpx.URL, place: str) -> str | None:
    """Return path and query of a link on the server of `url`, whose own scheme and port are used. Raises `ResponseError`."""
    if not link:
        return None
    try:
        target = url.join(link)
    except (httpx.InvalidURL, ValueError):
        raise ResponseError(_("{place}: the address of the next page is not valid", place=place)) from None
    if target.host != url.host or target.scheme not in {"http", "https"}:
        raise ResponseError(_("{place}: the next page is on another server", place=place))
    path = target.raw_path.decode("ascii")
    if len(path) > LONGEST:
        raise ResponseError(_("{place}: the address of the next page is not valid", place=place))
    return path


def without_parameters(path: str, names: Collection[str]) -> str:
    """Return path and query of an address without these parameters; servers may repeat credentials in links."""
    before, mark, query = path.partition("?")
    if not mark:
        return path
    kept = [part for part in query.split("&") if httpx.QueryParams(part).keys().isdisjoint(names)]
    return f"{before}?{'&'.join(kept)}" if kept else before
