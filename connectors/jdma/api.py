"""Client of the JeDonneMonAvis open API, limited to the list of reviews.

`GET /avis` lists the reviews of one form, newest first, at most 100 per page; `next_cursor` leads to older ones
(`webapp-backoffice/src/server/routers/open-api/reviews-list.ts` in https://github.com/DISIC/jedonnemonavis.numerique.gouv.fr).
"""

from datetime import date, timedelta
from typing import Final

import msgspec

from connectors.sdk.decoding import decode_response
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.pull import HttpClient
from models.locale import _

PATH: Final = "/avis"
LARGEST_PAGE: Final = 100
DAY: Final = timedelta(days=1)


class Metadata(msgspec.Struct):
    """Pagination state of a page."""

    has_more: bool
    next_cursor: str | None = None


class Page(msgspec.Struct):
    """Page of reviews."""

    data: list[msgspec.Raw]
    """Undecoded reviews."""
    metadata: Metadata


def fetch_page(
    server: HttpClient, form: int, first: date, last: date, after: str | None = None, limit: int = LARGEST_PAGE
) -> Page:
    """Return a page of the reviews of `form` from the days `first` to `last` inclusive, newest first.

    It may hold reviews of adjacent days. `after` is the cursor of the previous page, None for the first page.

    Raises `SourceUnavailableError`.
    """
    # The server's days follow neither Paris time nor UTC: one more day on either side covers them.
    params: dict[str, str | int] = {
        "form_id": form,
        "limit": limit,
        "start_date": (first - DAY).isoformat(),
        "end_date": (last + DAY).isoformat(),
    }
    if after is not None:
        params["cursor"] = after
    try:
        page = decode_response(server.get(PATH, params), Page)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise SourceUnavailableError(_("the response does not match the documentation")) from None
    if page.metadata.has_more and page.metadata.next_cursor in {None, after}:
        raise SourceUnavailableError(_("the server repeats a page"))
    return page
