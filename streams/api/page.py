"""The page on which a citizen's timeline is read. It holds nothing of anybody: all that comes by `/v1/`, with a token."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from streams.api import problems
from streams.api.options import LANGUAGES, ApiOptions
from streams.api.page_texts import TEXTS

HERE: Final = Path(__file__).parent
SHARED: Final = HERE.parent / "web" / "static"
"""Typeface, colours and ways to write figures are the board's."""
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Nothing from elsewhere, nothing inline, and no text that becomes markup."""
COOKIE: Final = "lang"
"""The board has the same."""
YEAR_SECONDS: Final = 365 * 86_400


class Assets(StaticFiles):
    """Files that browsers keep, but ask for again: an upgrade shows at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Answer with a file, or that it is the same still."""
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


def add_page(app: FastAPI, options: ApiOptions) -> None:
    """Have `app` serve the page at `/`."""
    templates = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=select_autoescape(), undefined=StrictUndefined
    )
    template = templates.get_template("timeline.html")

    async def show(request: Request) -> Response:
        language = _find_language(request)
        page = template.render(
            lang=language,
            other=next(other for other in LANGUAGES if other != language),
            t=TEXTS[language],
            title=(options.title if language == LANGUAGES[0] else options.title_en) or options.title,
            services={name: labels[LANGUAGES.index(language)] for name, labels in options.services.items()},
            time_zone=options.time_zone,
            idle_seconds=options.idle_seconds,
        )
        response = HTMLResponse(page, headers={"content-security-policy": POLICY})
        if request.query_params.get(COOKIE) == language:
            response.set_cookie(COOKIE, language, max_age=YEAR_SECONDS, samesite="lax", httponly=True)
        return response

    app.add_route("/", show, include_in_schema=False)
    app.mount("/static", Assets(directory=HERE / "static"))
    app.mount("/shared", Assets(directory=SHARED))


def _find_language(request: Request) -> str:
    """Return what the address asks for, else what was chosen before, else what the browser prefers, else French."""
    chosen: Mapping[str, str] = dict(request.cookies) | dict(request.query_params)
    language = chosen.get(COOKIE, "")
    return language if language in LANGUAGES else problems.find_language(request.headers)
