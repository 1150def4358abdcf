"""Web page that shows a citizen's timeline. It contains no data; its scripts request all data from `/v1/` with a token."""

from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from models.locale import LANGUAGES
from streams.api.page_texts import TEXTS
from streams.settings.schema import Settings
from streams.web.preferences import find_language, save_preferences

HERE: Final = Path(__file__).parent
SHARED: Final = HERE.parent / "web" / "static"
"""Directory of the typeface, colours and number formats that the page shares with the board."""
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Content security policy: no foreign and no inline content, and no text that becomes markup."""


class Assets(StaticFiles):
    """Static files that browsers revalidate on each request, so that an upgrade shows immediately."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Return the file, or 304 if it is unchanged."""
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


def add_page(app: FastAPI, settings: Settings) -> None:
    """Serve the page at `/` of `app`, and its files below `/static` and `/shared`."""
    templates = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=select_autoescape(), undefined=StrictUndefined
    )
    template, web = templates.get_template("timeline.html"), settings.web

    async def show(request: Request) -> Response:
        language = find_language(request)
        page = template.render(
            lang=language,
            other=next(other for other in LANGUAGES if other != language),
            t=TEXTS[language],
            title=(web.title if language == "fr" else web.title_en) or web.title,
            services=web.name_services(language),
            reasons=settings.name_reasons(language),
            time_zone=web.time_zone,
            idle_seconds=settings.api.idle_seconds,
        )
        response = HTMLResponse(page, headers={"content-security-policy": POLICY})
        save_preferences(request, response)
        return response

    app.add_route("/", show, include_in_schema=False)
    app.mount("/static", Assets(directory=HERE / "static"))
    app.mount("/shared", Assets(directory=SHARED))
