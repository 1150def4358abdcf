"""Language and theme of a page: taken from the query string, then a cookie, then the browser or the default."""

import re
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from models.locale import LANGUAGES

THEMES: Final = ("dark", "light")
"""Themes of pages. The first one is the default, as it suits wall screens."""
PREFERENCES: Final = {"lang": LANGUAGES, "theme": THEMES}
"""Name of the query parameter and of the cookie → allowed values."""
YEAR_SECONDS: Final = 365 * 86_400

_RANGE: Final = re.compile(
    rf"(?:^|,)\s*({'|'.join(LANGUAGES)})\b[^,;]*(?:;\s*q=([01](?:\.\d{{1,3}})?))?", re.IGNORECASE
)
"""A supported language in an Accept-Language header, and its quality (RFC 9110, 12.5.4)."""


def find_language(request: Request) -> str:
    """Return the first supported language of the query string, the cookie and the Accept-Language header; by default French."""
    return _find(request, "lang") or preferred_language(request.headers.get("accept-language", ""))


def find_theme(request: Request) -> str:
    """Return the first known theme of the query string and the cookie; by default dark."""
    return _find(request, "theme") or THEMES[0]


def save_preferences(request: Request, response: Response) -> None:
    """Set a cookie on `response` for each preference with an allowed value in the query string; ignore other values."""
    for name, allowed in PREFERENCES.items():
        if chosen := _allowed(request.query_params.get(name), allowed):
            response.set_cookie(name, chosen, max_age=YEAR_SECONDS, samesite="lax", httponly=True)


def _find(request: Request, name: str) -> str | None:
    allowed = PREFERENCES[name]
    return _allowed(request.query_params.get(name), allowed) or _allowed(request.cookies.get(name), allowed)


def _allowed(value: str | None, allowed: Sequence[str]) -> str | None:
    return value if value in allowed else None


def preferred_language(accepted: str) -> str:
    """Return the preferred supported language of an Accept-Language header; by default French."""
    wanted = [(float(quality or 1), language.lower()) for language, quality in _RANGE.findall(accepted)]
    best, language = max(wanted, key=lambda pair: pair[0], default=(0, ""))
    return language if best else LANGUAGES[0]
