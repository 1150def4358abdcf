"""The GraphQL API of Démarches simplifiées: what is asked, and nothing else.

No field is asked for that holds a name, a text, a message's body, a motivation or an agent: what was never read cannot leak.
"""

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec

from connectors.sdk.decoding import decode_response
from connectors.sdk.i18n import say
from connectors.sdk.pull import HttpClient


class Listing(NamedTuple):
    """One of the lists that the server has of a procedure."""

    name: str
    question: str
    changed_at: str
    """The field that says when an entry changed."""
    in_order: bool
    """Whether entries come in the order of that field."""
    dated_back: timedelta = timedelta()
    """How long after the time in that field an entry may appear."""


def _ask_for(listing: str, since: str, fields: str) -> str:
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
    # `pendingDeletedDossiers` is not asked: such a dossier can be restored for two weeks, an erasure here cannot be undone.
    # Only a question with `updatedSince` is answered in the order of updates, so it always has one.
    Listing(
        "dossiers",
        _ask_for("dossiers", "updatedSince", _DOSSIER),
        "dateDerniereModification",
        in_order=True,
    ),
    # An entry appears when a dossier is purged, dated as of when the citizen hid it (`DeletedDossier.create_from_dossier`).
    Listing(
        "deletedDossiers",
        _ask_for("deletedDossiers", "deletedSince", "number dateSupression"),
        "dateSupression",
        in_order=False,
        dated_back=timedelta(days=60),
    ),
)


class PageInfo(msgspec.Struct, rename="camel"):
    """Where a page ends."""

    has_next_page: bool
    end_cursor: str | None = None


class Page(msgspec.Struct, rename="camel"):
    """A part of a list."""

    page_info: PageInfo
    nodes: list[msgspec.Raw]
    """Entries as they came; None for one that the server could not tell."""


class _Demarche(msgspec.Struct):
    page: Page


class _Data(msgspec.Struct):
    demarche: _Demarche | None = None


class _Error(msgspec.Struct):
    extensions: dict[str, Any] | None = None

    @property
    def code(self) -> str:
        """Its code, a word of the server's; its message may hold anything."""
        code = str((self.extensions or {}).get("code", ""))
        return code if code.isascii() and code.isidentifier() and len(code) <= 40 else "?"


class _Answer(msgspec.Struct):
    data: _Data | None = None
    errors: list[_Error] | None = None


_ENTRY_LOST: Final = "invalid_null"
"""The code of an error that concerns one entry, which is None; the others are whole."""


class RefusedError(Exception):
    """The server answers, but not the question; the text says why, for people."""


def ask(server: HttpClient, listing: Listing, number: int, since: datetime, first: int, after: str | None) -> Page:
    """Return the next page of what changed `since`. Raises `RefusedError`, and `SourceUnavailableError`."""
    variables = {"number": number, "since": since.isoformat(), "first": first, "after": after}
    content = server.post({"query": listing.question, "variables": variables})
    try:
        answer = decode_response(content, _Answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RefusedError(_another_schema(number, "?")) from None
    for error in answer.errors or ():
        if error.code != _ENTRY_LOST:
            raise RefusedError(_explain(error.code, number))
    if answer.data is None or answer.data.demarche is None:
        raise RefusedError(_another_schema(number, "null"))
    return answer.data.demarche.page


def _explain(code: str, number: int) -> str:
    match code:
        case "unauthorized" | "forbidden":
            return say(
                f"the token has no access to procedure {number}", f"le jeton n'a pas accès à la démarche {number}"
            )
        case "not_found":
            return say(f"there is no procedure {number}", f"il n'y a pas de démarche {number}")
        case "timeout":
            return say(
                f"procedure {number}: a page takes the server too long, try a smaller page_size",
                f"démarche {number} : une page demande trop de temps au serveur, essayer un page_size plus petit",
            )
        case _:
            return _another_schema(number, code)


def _another_schema(number: int, code: str) -> str:
    return say(
        f"procedure {number}: the server does not understand the question, or answers otherwise than documented ({code})",
        f"démarche {number} : le serveur ne comprend pas la question, ou répond autrement que documenté ({code})",
    )
