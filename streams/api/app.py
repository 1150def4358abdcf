"""The API as an application: routes, errors, health."""

from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse, Response

from streams.api import erasure, export, links, lookup, me
from streams.api.auth import Api
from streams.api.middleware import AuthMiddleware
from streams.api.page import add_page
from streams.api.problems import MEDIA_TYPE, Problem, find_language, mistakes_of, problem_for_status
from streams.api.schemas import Body

ROUTERS: Final = (lookup.router, links.router, export.router, erasure.router, me.router)
"""What the API offers; each in a module of its own."""
BEARER: Final = HTTPBearer(
    auto_error=False, description="A token of `accueil tokens add`, or one of the OpenID provider's."
)
"""For OpenAPI: it is `Guard` that looks at it."""
ABOUT: Final = """Citizens' timelines. What concerns a citizen is in the audit before it is answered, with the purpose given.
Identifiers stand in bodies, never in an address. Errors are RFC 9457's."""
JSON: Final = "application/json"

log = structlog.get_logger(__name__)


def create_app(api: Api, registry: CollectorRegistry, hosts: list[str]) -> FastAPI:
    """Return the application; `hosts` are the names by which it may be asked."""
    app = create_base_app(
        Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
        Middleware(AuthMiddleware, api=api),
    )
    app.add_exception_handler(Problem, _tell_problem)
    app.add_exception_handler(RequestValidationError, _tell_mistakes)
    app.add_exception_handler(HTTPException, _tell_status)
    app.add_exception_handler(Exception, _tell_failure)
    _add_health(app, api, registry)
    add_page(app, api.options)
    return app


def create_base_app(*middleware: Middleware) -> FastAPI:
    """Return all routes, as OpenAPI describes them."""
    app = FastAPI(
        title="Accueil",
        version="1",
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
        middleware=middleware,
        generate_unique_id_function=lambda route: route.name,
        redirect_slashes=False,
    )
    for router in ROUTERS:
        app.include_router(router, dependencies=[Depends(BEARER)])
    app.openapi = lambda: _describe(app)  # type: ignore[method-assign]
    return app


def _describe(app: FastAPI) -> dict[str, Any]:
    """Return what OpenAPI tells, with problems under their own media type."""
    told = FastAPI.openapi(app)
    for path in told["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if int(status) >= HTTPStatus.BAD_REQUEST and JSON in response.get("content", {}):
                    response["content"][MEDIA_TYPE] = response["content"].pop(JSON)
    return told


def _add_health(app: FastAPI, api: Api, registry: CollectorRegistry) -> None:
    async def live(_: Request) -> Response:
        return PlainTextResponse("live\n")

    async def ready(_: Request) -> Response:
        try:
            await api.read_snapshot(lambda snapshot: snapshot.find_sectors(""))
        except Problem:
            return PlainTextResponse("waiting for the database\n", 503)
        return PlainTextResponse("ready\n")

    async def metrics(request: Request) -> Response:
        encoder, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encoder(registry), headers={"content-type": content_type})

    app.add_route("/healthz", live, include_in_schema=False)
    app.add_route("/readyz", ready, include_in_schema=False)
    app.add_route("/metrics", metrics, include_in_schema=False)


async def _tell_problem(request: Request, problem: Any) -> Response:
    to_response: Response = problem.to_response(find_language(request.headers))
    return to_response


async def _tell_mistakes(request: Request, error: Any) -> Response:
    return await _tell_problem(request, Problem("invalid", mistakes=mistakes_of(error.errors(), Body.names())))


async def _tell_status(request: Request, error: Any) -> Response:
    problem = problem_for_status(error.status_code)
    problem.headers = dict(error.headers or {})
    return await _tell_problem(request, problem)


async def _tell_failure(request: Request, _: Exception) -> Response:
    return await _tell_problem(request, Problem("failed"))
