"""The open API of JeDonneMonAvis: the one question that is asked of it.

`GET /avis` lists the reviews of one form, the newest first, at most 100 at a time; `next_cursor` leads to older ones
(`webapp-backoffice/src/server/routers/open-api/reviews-list.ts` in https://github.com/DISIC/jedonnemonavis.numerique.gouv.fr).
"""

from datetime import date, timedelta
from typing import Final

import msgspec

from connectors.sdk.decoding import decode_response
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.i18n import say
from connectors.sdk.pull import HttpClient

PATH: Final = "/avis"
LARGEST_PAGE: Final = 100
DAY: Final = timedelta(days=1)


class Metadata(msgspec.Struct):
    """Where a page ends."""

    has_more: bool
    next_cursor: str | None = None


class Page(msgspec.Struct):
    """A part of a list."""

    data: list[msgspec.Raw]
    """Reviews as they came."""
    metadata: Metadata


def ask(
    server: HttpClient, form: int, first: date, last: date, after: str | None = None, limit: int = LARGEST_PAGE
) -> Page:
    """Return the next page of the reviews of `form` from the days `first` to `last`, all of them and maybe some of other days.

    Raises `SourceUnavailableError`.
    """
    # The server begins and ends its days at hours that are neither Paris' nor UTC's: a day more on either side holds them all.
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
        raise SourceUnavailableError(
            say("the server answers otherwise than documented", "le serveur répond autrement que documenté")
        ) from None
    if page.metadata.has_more and page.metadata.next_cursor in {None, after}:
        raise SourceUnavailableError(say("the server repeats a page", "le serveur répète une page"))
    return page
