"""Queries to the GraphQL API of Démarches simplifiées.

The queries request no names, form fields, message bodies, motivations or agents: data that is never read cannot leak.
"""

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec

from connectors.sdk.decoding import decode_response
from connectors.sdk.pull import HttpClient
from models.locale import _


class Listing(NamedTuple):
    """List of a procedure that the server provides."""

    name: str
    query: str
    changed_at: str
    """Field with the time of the last change of an entry."""
    in_order: bool
    """Whether entries are sorted by that field."""
    max_delay: timedelta = timedelta()
    """Longest delay between the time in that field and the appearance of an entry."""


def _list_query(listing: str, since: str, fields: str) -> str:
    return f"""
query accueil($number: Int!, $since: ISO8601DateTime!, $first: Int!, $after: String) {{
  demarche(number: $number) {{
    page: {listing}({since}: $since, first: $first, after: $after) {{
      pageInfo {{ hasNextPage endCursor }}
      nodes {{ {fields} }}
    }}
  }}
}}"""


_DOSSIER: Final = """
        number
        dateDerniereModification
        deposeParUnTiers
        usager { email }
        demandeur { ... on PersonnePhysique { email } }
        traitements { id event dateTraitement }
        messages { id createdAt discardedAt correction { dateResolution } }
"""
LISTINGS: Final = (
    # `pendingDeletedDossiers` is not requested: a dossier can be restored for two weeks, but an erasure here is final.
    # The server sorts by time of update only if `updatedSince` is given.
    Listing(
        "dossiers",
        _list_query("dossiers", "updatedSince", _DOSSIER),
        "dateDerniereModification",
        in_order=True,
    ),
    # An entry appears when a dossier is purged, with the time at which the citizen hid it (`DeletedDossier.create_from_dossier`).
    Listing(
        "deletedDossiers",
        _list_query("deletedDossiers", "deletedSince", "number dateSupression"),
        "dateSupression",
        in_order=False,
        max_delay=timedelta(days=60),
    ),
)


class PageInfo(msgspec.Struct, rename="camel"):
    """Pagination state of a page."""

    has_next_page: bool
    end_cursor: str | None = None


class Page(msgspec.Struct, rename="camel"):
    """Page of a list."""

    page_info: PageInfo
    nodes: list[msgspec.Raw]
    """Undecoded entries; `null` for an entry that the server failed to provide."""


class _Demarche(msgspec.Struct):
    page: Page


class _Data(msgspec.Struct):
    demarche: _Demarche | None = None


class _Error(msgspec.Struct):
    extensions: dict[str, Any] | None = None

    @property
    def code(self) -> str:
        """Error code if it is a plain word, otherwise `?`; the message may hold personal data."""
        code = str((self.extensions or {}).get("code", ""))
        return code if code.isascii() and code.isidentifier() and len(code) <= 40 else "?"


class _Response(msgspec.Struct):
    data: _Data | None = None
    errors: list[_Error] | None = None


_ENTRY_LOST: Final = "invalid_null"
"""Code of an error that affects a single entry, which is then `null`."""


class RefusedError(Exception):
    """The server refuses the query or its response is unreadable; the text is a message for the operator."""


def fetch_page(
    server: HttpClient, listing: Listing, number: int, since: datetime, first: int, after: str | None
) -> Page:
    """Return a page of at most `first` entries of procedure `number` changed at `since` or later.

    `after` is the end cursor of the previous page, None for the first page. Raises `RefusedError` and
    `SourceUnavailableError`.
    """
    variables = {"number": number, "since": since.isoformat(), "first": first, "after": after}
    content = server.post({"query": listing.query, "variables": variables})
    try:
        response = decode_response(content, _Response)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RefusedError(_unexpected_response(number, "?")) from None
    for error in response.errors or ():
        if error.code != _ENTRY_LOST:
            raise RefusedError(_explain(error.code, number))
    if response.data is None or response.data.demarche is None:
        raise RefusedError(_unexpected_response(number, "null"))
    return response.data.demarche.page


def _explain(code: str, number: int) -> str:
    match code:
        case "unauthorized" | "forbidden":
            return _("the token has no access to procedure {number}", number=number)
        case "not_found":
            return _("procedure {number} does not exist", number=number)
        case "timeout":
            return _("procedure {number}: the server needs too long for a page, try a smaller page_size", number=number)
        case _:
            return _unexpected_response(number, code)


def _unexpected_response(number: int, code: str) -> str:
    return _(
        "procedure {number}: the server refuses the query, or its response does not match the documentation ({code})",
        number=number,
        code=code,
    )
