"""Errors as `application/problem+json` (RFC 9457), in French or English, without any value of the request."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from itertools import takewhile
from typing import Any, Final

import msgspec
from pydantic import BaseModel, Field
from starlette.datastructures import Headers
from starlette.responses import Response

from streams.web.board.texts import LANGUAGES
from streams.web.preferences import preferred_language

MEDIA_TYPE: Final = "application/problem+json"
URN: Final = "urn:accueil:problem:"

TITLES: Final = {
    "cursor": (400, "Ce curseur n'est pas valable", "This cursor is not valid"),
    "token": (401, "Jeton absent ou refusé", "The token is missing or not valid"),
    "refused": (403, "Non autorisé", "Not allowed"),
    "not-known": (404, "Rien n'est connu", "Nothing is known"),
    "no-such-page": (404, "Pas de page à cette adresse", "No page at this address"),
    "method": (405, "Méthode non admise ici", "Method not allowed here"),
    "shared": (
        409,
        "D'autres l'ont aussi : indiquer un dossier ou un contact",
        "Others have it too: name a case or a contact",
    ),
    "sectors": (409, "Connu dans plusieurs secteurs", "Known in several sectors"),
    "too-many": (
        409,
        "Trop de liens pour tout effacer en une fois : révoquer des liens, ou effacer contact par contact",
        "Too many links to erase everything: revoke links, or erase contact by contact",
    ),
    "too-large": (413, "Demande trop volumineuse", "The request is too large"),
    "media-type": (415, "Du JSON est attendu", "JSON is expected"),
    "invalid": (422, "Demande mal formée", "The request is not valid"),
    "too-often": (429, "Trop de demandes", "Too many requests"),
    "failed": (500, "Erreur interne", "Internal error"),
    "audit": (
        503,
        "Rien n'est montré, faute de pouvoir l'enregistrer",
        "Nothing is shown because the access could not be recorded",
    ),
    "keys": (503, "La clé du secteur est inutilisable", "The sector's key cannot be used"),
    "tokens": (503, "Les jetons sont illisibles", "The tokens cannot be read"),
    "kafka": (503, "Kafka ne répond pas : réessayer", "Kafka does not answer: try again"),
    "database": (503, "La base des fils est inutilisable", "The timelines' database cannot be used"),
}
"""Last part of the type → status, French title, English title."""

DETAILS: Final = {
    "role": ("Ce rôle ne le permet pas", "This role may not do that"),
    "purpose": ("Ce rôle ne peut pas donner ce motif", "This role may not give this purpose"),
    "sector": ("Ce n'est pas dans un secteur de ce jeton", "It is not in a sector of this token"),
    "services": ("Ce jeton n'est que pour quelques services", "This token is limited to some services"),
}
"""Reason of a refusal, in French and in English. Role and purpose are checked before anything is searched."""
_MISTAKES: Final = {
    "missing": ("manque", "is missing"),
    "extra_forbidden": ("n'est pas connu ici", "is not a known field"),
    "unknown_name": ("a un champ qui n'est pas connu ici", "has an unknown field"),
    "enum": ("n'est pas une des valeurs admises", "is not one of the allowed values"),
    "literal_error": ("n'est pas une des valeurs admises", "is not one of the allowed values"),
    "json_invalid": ("n'est pas du JSON", "is not JSON"),
    "string_too_long": ("est trop long", "is too long"),
    "string_too_short": ("est trop court", "is too short"),
    "not_normal": ("n'est pas valable pour ce type", "is not valid for this kind"),
    "no_sector": ("n'est pas un secteur d'ici", "is not a sector of this installation"),
}
_OTHER_MISTAKE: Final = ("n'est pas valable", "is not valid")


class Mistake(BaseModel):
    """Error in one field."""

    field: str = Field(description="Name of the field; empty for the whole body.")
    message: str


class ProblemBody(BaseModel):
    """Body of an error (RFC 9457)."""

    type: str = Field(description=f"`{URN}` and a keyword on which programs may rely.")
    title: str
    status: int
    detail: str = ""
    errors: list[Mistake] = []


class Problem(Exception):  # noqa: N818 - an answer
    """Exception that is answered as an error; `kind` is a key of `TITLES`."""

    def __init__(
        self,
        kind: str,
        *,
        mistakes: Iterable[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        detail_code: str = "",
    ) -> None:
        """`mistakes` are pairs of a field and pydantic's error type. `detail_code` is a key of `DETAILS`."""
        super().__init__(kind)
        self.kind = kind
        self.mistakes = tuple(mistakes)
        self.detail_code = detail_code
        self.headers = dict(headers or {})

    def to_response(self, language: str) -> Response:
        """Return the HTTP response in `language`."""
        status, *titles = TITLES[self.kind]
        index = LANGUAGES.index(language)
        body: dict[str, Any] = {"type": URN + self.kind, "title": titles[index], "status": status}
        if self.detail_code:
            body["detail"] = DETAILS[self.detail_code][index]
        if self.mistakes:
            body["errors"] = [
                {"field": field, "message": _MISTAKES.get(mistake, _OTHER_MISTAKE)[index]}
                for field, mistake in self.mistakes
            ]
        headers = {"content-language": language, **self.headers}
        return Response(msgspec.json.encode(body), int(status), headers, MEDIA_TYPE)


def problem_for_status(status: int) -> Problem:
    """Return the problem for an HTTP status set by the framework: `invalid` or `failed` if none is more specific."""
    kinds = {
        HTTPStatus.NOT_FOUND: "no-such-page",
        HTTPStatus.METHOD_NOT_ALLOWED: "method",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too-large",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "media-type",
    }
    return Problem(kinds.get(HTTPStatus(status), "invalid" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "failed"))


def find_language(headers: Headers) -> str:
    """Return the client's preferred supported language (`Accept-Language`), else French."""
    return preferred_language(headers.get("accept-language", ""))


def mistakes_of(errors: Sequence[Mapping[str, Any]], names: set[str]) -> list[tuple[str, str]]:
    """Return the field and the type of each error found by pydantic.

    An unknown field is named only if it is one of `names`, that is a known field in the wrong place. Any other name may be a
    value, so its parent is named.
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
