"""What a viewer may choose: the language and the colours of the page. A choice is an address, and is remembered in a cookie."""

import re
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from streams.web.board.texts import LANGUAGES

THEMES: Final = ("dark", "light")
"""The first one is for whoever asks for none: a board hangs on walls."""
REMEMBERED: Final = {"lang": LANGUAGES, "theme": THEMES}
"""Parameter of the address, and name of the cookie → what it may be."""
YEAR_SECONDS: Final = 365 * 86_400

_RANGE: Final = re.compile(
    rf"(?:^|,)\s*({'|'.join(LANGUAGES)})\b[^,;]*(?:;\s*q=([01](?:\.\d{{1,3}})?))?", re.IGNORECASE
)
"""A language of ours in an Accept-Language header, and how much it is wanted (RFC 9110, 12.5.4)."""


def find_language(request: Request) -> str:
    """Return what the address asks for, else what was chosen before, else what the browser prefers, else French."""
    return _find(request, "lang") or _preferred(request.headers.get("accept-language", ""))


def find_theme(request: Request) -> str:
    """Return what the address asks for, else what was chosen before, else dark."""
    return _find(request, "theme") or THEMES[0]


def save_preferences(request: Request, response: Response) -> None:
    """Let the browser keep what the address asks for."""
    for name, known in REMEMBERED.items():
        if chosen := _known(request.query_params.get(name), known):
            response.set_cookie(name, chosen, max_age=YEAR_SECONDS, samesite="lax", httponly=True)


def _find(request: Request, name: str) -> str | None:
    known = REMEMBERED[name]
    return _known(request.query_params.get(name), known) or _known(request.cookies.get(name), known)


def _known(value: str | None, known: Sequence[str]) -> str | None:
    return value if value in known else None


def _preferred(accepted: str) -> str:
    wanted = [(float(quality or 1), language.lower()) for language, quality in _RANGE.findall(accepted)]
    best, language = max(wanted, key=lambda one: one[0], default=(0, ""))
    return language if best else LANGUAGES[0]
