"""Web page that shows a citizen's timeline. It contains no data; its scripts request all data from `/v1/` with a token."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from models.locale import LANGUAGES
from streams.api import problems
from streams.api.options import ApiOptions
from streams.api.page_texts import TEXTS

HERE: Final = Path(__file__).parent
SHARED: Final = HERE.parent / "web" / "static"
"""Directory of the typeface, colours and number formats that the page shares with the board."""
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Content security policy: no foreign and no inline content, and no text that becomes markup."""
COOKIE: Final = "lang"
"""Cookie with the chosen language, shared with the board."""
YEAR_SECONDS: Final = 365 * 86_400


class Assets(StaticFiles):
    """Static files that browsers revalidate on each request, so that an upgrade shows immediately."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Return the file, or 304 if it is unchanged."""
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


def add_page(app: FastAPI, options: ApiOptions) -> None:
    """Serve the page at `/` of `app`, and its files below `/static` and `/shared`."""
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
    """Return the language of the query string, else of the cookie, else the browser's preferred one, else French."""
    chosen: Mapping[str, str] = dict(request.cookies) | dict(request.query_params)
    language = chosen.get(COOKIE, "")
    return language if language in LANGUAGES else problems.find_language(request.headers)
