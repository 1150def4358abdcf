"""Errors as `application/problem+json` (RFC 9457), in French or English, without any value of the request."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from itertools import takewhile
from typing import Any, Final

import msgspec
from pydantic import BaseModel, Field
from starlette.datastructures import Headers
from starlette.responses import Response

from models.locale import N_, translate
from streams.web.preferences import preferred_language

MEDIA_TYPE: Final = "application/problem+json"
URN: Final = "urn:accueil:problem:"

TITLES: Final = {
    "cursor": (400, N_("This cursor is not valid")),
    "token": (401, N_("The token is missing or not valid")),
    "refused": (403, N_("Not allowed")),
    "not-known": (404, N_("Nothing is known")),
    "no-such-page": (404, N_("No page at this address")),
    "method": (405, N_("Method not allowed here")),
    "shared": (409, N_("Others have it too: name a case or a contact")),
    "sectors": (409, N_("Known in several sectors")),
    "too-many": (409, N_("Too many links to erase everything: revoke links, or erase contact by contact")),
    "too-large": (413, N_("The request is too large")),
    "media-type": (415, N_("JSON is expected")),
    "invalid": (422, N_("The request is not valid")),
    "too-often": (429, N_("Too many requests")),
    "failed": (500, N_("Internal error")),
    "audit": (503, N_("Nothing is shown because the audit log cannot be used")),
    "keys": (503, N_("The sector's key cannot be used")),
    "tokens": (503, N_("The tokens cannot be read")),
    "kafka": (503, N_("Kafka does not answer: try again")),
    "database": (503, N_("The timelines' database cannot be used")),
}
"""Kind of a problem, the last part of its `type` → HTTP status and title."""

DETAILS: Final = {
    "role": N_("This role may not do that"),
    "purpose": N_("This role may not give this purpose"),
    "sector": N_("It is not in a sector of this token"),
    "services": N_("This token is limited to some services"),
}
"""Code of a refusal's reason → text. Role and purpose are checked before anything is searched."""
_MISTAKES: Final = {
    "missing": N_("is missing"),
    "extra_forbidden": N_("is not a known field"),
    "unknown_name": N_("has an unknown field"),
    "enum": N_("is not one of the allowed values"),
    "literal_error": N_("is not one of the allowed values"),
    "json_invalid": N_("is not JSON"),
    "string_too_long": N_("is too long"),
    "string_too_short": N_("is too short"),
    "not_normal": N_("is not valid for this kind"),
    "no_sector": N_("is not a sector of this installation"),
}
_OTHER_MISTAKE: Final = N_("is not valid")


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
        """`mistakes` are pairs of a field and an error type of pydantic or `_MISTAKES`. `detail_code` is a key of `DETAILS`."""
        super().__init__(kind)
        self.kind = kind
        self.mistakes = tuple(mistakes)
        self.detail_code = detail_code
        self.headers = dict(headers or {})

    def to_response(self, language: str) -> Response:
        """Return the HTTP response in `language`."""
        status, title = TITLES[self.kind]
        body: dict[str, Any] = {"type": URN + self.kind, "title": translate(title, language), "status": status}
        if self.detail_code:
            body["detail"] = translate(DETAILS[self.detail_code], language)
        if self.mistakes:
            body["errors"] = [
                {"field": field, "message": translate(_MISTAKES.get(mistake, _OTHER_MISTAKE), language)}
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
    """Return the field, as a dotted path, and the type of each error found by pydantic. The path is empty for the whole body.

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
