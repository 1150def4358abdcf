"""Signs in a response that a list has further pages, for `accueil connectors check` of a list without `pagination`. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from connectors.http.pages import find_next_link
from models.locale import _

_BARE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""Name that JMESPath does not quote."""
_NEXT: Final = frozenset(
    {"next", "nextpage", "nexturl", "nextpageurl", "nextlink", "odatanextlink"}
    | {"nextcursor", "nextpagetoken", "nexttoken", "nextoffset"}
)
"""Usual names of the next page's address, number or cursor, in lower case, letters only."""
_TOTAL: Final = frozenset(
    {"total", "count", "totalcount", "totalelements", "totalitems", "totalresults", "totalrecords", "odatacount"}
)
"""Usual names of the number of all records, likewise."""
_TOTAL_HEADERS: Final = ("X-Total-Count", "X-Total", "Total-Count")
_DEPTH: Final = 3
"""Number of nested objects that are searched: `_links.next.href` is at the third."""


def describe_further_pages(headers: Mapping[str, str], body: Any, count: int) -> str:
    """Return a text that names the sign of further pages in a response with `count` records; empty if there is none."""
    if find_next_link(headers):
        example = 'pagination = { by = "link" }'
        return _("the response has a next page in its Link header: set {example}", example=example)
    values = list(_walk(body, ()))
    for keys, value in values:
        name = keys[-2] if keys[-1] == "href" and len(keys) > 1 else keys[-1]
        if _letters(name) in _NEXT and _is_page(value):
            path = ".".join(key if _BARE.fullmatch(key) else json.dumps(key) for key in keys)
            by = "link" if str(value).startswith(("http", "/", "?")) else "cursor"
            example = f"pagination = {{ by = {by!r}, next = {path!r} }}"
            return _("the response has a next page at {path}: set {example}", path=path, example=example)
    totals = [(".".join(keys), value) for keys, value in values if _letters(keys[-1]) in _TOTAL]
    totals += [(name, headers.get(name, "")) for name in _TOTAL_HEADERS]
    for name, value in totals:
        if str(value).isdecimal() and int(value) > count:
            return _("the response has {count} records, but {name} = {total}", count=count, name=name, total=value)
    return ""


def _walk(value: Any, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the path and value of each value in nested objects; lists are not searched, since they have the records."""
    if isinstance(value, dict) and len(above) < _DEPTH:
        for key, item in value.items():
            yield from _walk(item, (*above, str(key)))
    elif above:
        yield above, value


def _letters(name: str) -> str:
    return "".join(filter(str.isalpha, name)).lower()


def _is_page(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value not in ("", 0)
