"""Errors as RFC 9457 writes them (`application/problem+json`), in French or English, and never with a value that was sent."""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from itertools import takewhile
from typing import Any, Final

import msgspec
from pydantic import BaseModel, Field
from starlette.datastructures import Headers
from starlette.responses import Response

from streams.api.options import LANGUAGES

MEDIA_TYPE: Final = "application/problem+json"
URN: Final = "urn:accueil:problem:"
_RANGE: Final = re.compile(
    rf"(?:^|,)\s*({'|'.join(LANGUAGES)})\b[^,;]*(?:;\s*q=([01](?:\.\d{{1,3}})?))?", re.IGNORECASE
)
"""A language of ours in an Accept-Language header, and how much it is wanted (RFC 9110, 12.5.4)."""

TITLES: Final = {
    "cursor": (400, "Cette suite n'est pas d'ici", "This cursor is none of ours"),
    "token": (401, "Jeton absent ou refusé", "No token, or not a valid one"),
    "refused": (403, "Non autorisé", "Not allowed"),
    "not-known": (404, "Rien n'est connu", "Nothing is known"),
    "no-such-page": (404, "Pas de page à cette adresse", "No page at this address"),
    "method": (405, "Méthode non admise ici", "Method not allowed here"),
    "shared": (
        409,
        "D'autres l'ont aussi : nommer un dossier, ou un contact",
        "Others have it too: name a case, or a contact",
    ),
    "sectors": (409, "Connu dans plusieurs secteurs", "Known in several sectors"),
    "too-many": (
        409,
        "Trop de liens pour être suivis, une partie resterait : révoquer des liens, ou contact par contact",
        "More is linked than is followed, and a part would stay: revoke links, or go contact by contact",
    ),
    "too-large": (413, "Demande trop volumineuse", "The request is too large"),
    "media-type": (415, "Du JSON est attendu", "JSON is expected"),
    "invalid": (422, "Demande mal formée", "The request is not well formed"),
    "too-often": (429, "Trop de demandes", "Too many requests"),
    "failed": (500, "Erreur interne", "Internal error"),
    "audit": (
        503,
        "Rien n'est montré, faute de pouvoir l'enregistrer",
        "Nothing is shown, since it could not be recorded",
    ),
    "keys": (503, "La clé du secteur est inutilisable", "The sector's key cannot be used"),
    "tokens": (503, "Les jetons sont illisibles", "The tokens cannot be read"),
    "kafka": (503, "Kafka ne répond pas : réessayer", "Kafka does not answer: try again"),
    "database": (503, "La base des fils est inutilisable", "The timelines' database cannot be used"),
}
"""Last part of the type → status, title in French and in English."""

DETAILS: Final = {
    "role": ("Ce rôle ne le permet pas", "This role may not do that"),
    "purpose": ("Ce rôle ne peut pas donner ce motif", "This role may not give this purpose"),
    "sector": ("Ce n'est pas dans un secteur de ce jeton", "It is in no sector of this token"),
    "services": ("Ce jeton n'est que pour quelques services", "This token is for some services alone"),
}
"""Why somebody is refused, in French and in English. Role and purpose are known before anything is looked for."""
_MISTAKES: Final = {
    "missing": ("manque", "is missing"),
    "extra_forbidden": ("n'est pas connu ici", "is not known here"),
    "unknown_name": ("a un champ qui n'est pas connu ici", "has a field that is not known here"),
    "enum": ("n'est pas une des valeurs admises", "is none of the values allowed"),
    "literal_error": ("n'est pas une des valeurs admises", "is none of the values allowed"),
    "json_invalid": ("n'est pas du JSON", "is not JSON"),
    "string_too_long": ("est trop long", "is too long"),
    "string_too_short": ("est trop court", "is too short"),
    "not_normal": ("n'est pas valable pour ce type", "is not valid for this kind"),
    "no_sector": ("n'est pas un secteur d'ici", "is no sector here"),
}
_OTHER_MISTAKE: Final = ("n'est pas valable", "is not valid")


class Mistake(BaseModel):
    """What is wrong with one field."""

    field: str = Field(description="Its name; empty for the whole.")
    message: str


class ProblemBody(BaseModel):
    """What an error tells (RFC 9457)."""

    type: str = Field(description=f"`{URN}` and a word that programs may rely on.")
    title: str
    status: int
    detail: str = ""
    errors: list[Mistake] = []


class Problem(Exception):  # noqa: N818 - an answer
    """An answer that is an error; `kind` is one of `TITLES`."""

    def __init__(
        self,
        kind: str,
        *,
        mistakes: Iterable[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        detail_code: str = "",
    ) -> None:
        """`mistakes` are names of fields, and what is wrong with them as pydantic names it; `because` is one of `DETAILS`."""
        super().__init__(kind)
        self.kind = kind
        self.mistakes = tuple(mistakes)
        self.detail_code = detail_code
        self.headers = dict(headers or {})

    def to_response(self, language: str) -> Response:
        """Return the answer in `language`."""
        status, *titles = TITLES[self.kind]
        which = LANGUAGES.index(language)
        body: dict[str, Any] = {"type": URN + self.kind, "title": titles[which], "status": status}
        if self.detail_code:
            body["detail"] = DETAILS[self.detail_code][which]
        if self.mistakes:
            body["errors"] = [
                {"field": field, "message": _MISTAKES.get(wrong, _OTHER_MISTAKE)[which]}
                for field, wrong in self.mistakes
            ]
        headers = {"content-language": language, **self.headers}
        return Response(msgspec.json.encode(body), int(status), headers, MEDIA_TYPE)


def problem_for_status(status: int) -> Problem:
    """Return the problem for a status that the framework gives."""
    kinds = {
        HTTPStatus.NOT_FOUND: "no-such-page",
        HTTPStatus.METHOD_NOT_ALLOWED: "method",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too-large",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "media-type",
    }
    return Problem(kinds.get(HTTPStatus(status), "invalid" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "failed"))


def find_language(headers: Headers) -> str:
    """Return what the client prefers (`Accept-Language`), else French."""
    accepted = headers.get("accept-language", "")
    wanted = [(float(quality or 1), language.lower()) for language, quality in _RANGE.findall(accepted)]
    best, language = max(wanted, key=lambda one: one[0], default=(0, ""))
    return language if best else LANGUAGES[0]


def mistakes_of(errors: Sequence[Mapping[str, Any]], names: set[str]) -> list[tuple[str, str]]:
    """Return where pydantic found what wrong.

    A field that is not known there is named if it is one of our `names`, which has another place; any other name may be a value
    that was sent, so that what it stands in is named.
    """
    found = []
    for error in errors:
        kind, place = error["type"], [part for part in error["loc"][1:] if isinstance(part, str)]
        if kind == "json_invalid":
            place = []
        elif kind == "extra_forbidden" and not names >= {*place}:
            kind, place = "unknown_name", [*takewhile(names.__contains__, place)]
        found.append((".".join(place), kind))
    return found
