"""FastAPI application: routes, error handlers and health checks."""

import json
import re
from http import HTTPStatus
from typing import Any, Final

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, Response

from connectors.sdk.host_names import HostMiddleware
from streams.api import links, lookup, me, privacy_requests
from streams.api.auth import Api
from streams.api.middleware import AuthMiddleware
from streams.api.page import add_page
from streams.api.problems import MEDIA_TYPE, Problem, find_language, mistakes_of, problem_for_status
from streams.api.schemas import Body

ROUTERS: Final = (lookup.router, links.router, privacy_requests.router, me.router)
"""Routers of the API, one per module."""
BEARER: Final = HTTPBearer(
    auto_error=False, description="A token of `accueil tokens add`, or one of the OpenID provider's."
)
"""Documents the authentication in OpenAPI; `AuthMiddleware` checks the token."""
DESCRIPTION: Final = """Citizens' timelines. Each request about a citizen is recorded in the audit log, with its purpose, before
it is answered. Identifiers are sent in bodies, never in a URL. Errors follow RFC 9457."""
JSON: Final = "application/json"
PUBLISHED_NAMES: Final = {
    "ContactState": "State",
    "ContactTimeline": "Life",
    "LinkReason": "Reason",
    "LookUpKind": "Kind",
    "RevocationReason": "Ground",
    "SectorPair": "Pair",
    "TargetStatus": "Standing",
}
"""Class → name of its schema in the published contract. Clients generate types from these names, so they stay."""
_NAMES: Final = re.compile(rf'(?<=["/])({"|".join(PUBLISHED_NAMES)})(?=")')
"""Name of a class in the text of the contract: a key, a title or the end of a reference."""


def create_app(api: Api, registry: CollectorRegistry, hosts: list[str]) -> FastAPI:
    """Return the application: API, timeline page, health checks, metrics. `hosts` are the accepted host names; `*`: all."""
    app = create_base_app(
        Middleware(HostMiddleware, hosts, "api.hosts"),
        Middleware(AuthMiddleware, api=api),
    )
    for kind in (Problem, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, _answer)
    _add_health(app, api, registry)
    add_page(app, api.settings)
    return app


def create_base_app(*middleware: Middleware) -> FastAPI:
    """Return an application with `middleware` and the routes of the OpenAPI document; no error handlers, health checks, page."""
    app = FastAPI(
        title="Accueil",
        version="1",
        description=DESCRIPTION,
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
    """Return the OpenAPI document, with the media type of problems and the published names of schemas, sorted by name."""
    contract: dict[str, Any] = json.loads(
        _NAMES.sub(lambda name: PUBLISHED_NAMES[name[0]], json.dumps(FastAPI.openapi(app)))
    )
    for path in contract["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if int(status) >= HTTPStatus.BAD_REQUEST and JSON in response.get("content", {}):
                    response["content"][MEDIA_TYPE] = response["content"].pop(JSON)
    schemas = contract["components"]["schemas"]
    contract["components"]["schemas"] = dict(sorted(schemas.items()))
    return contract


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


async def _answer(request: Request, error: Any) -> Response:
    """Answer an exception as a problem in the client's language; an unexpected one as `failed` (500)."""
    match error:
        case Problem():
            problem = error
        case RequestValidationError():
            problem = Problem("invalid", mistakes=mistakes_of(error.errors(), Body.names()))
        case HTTPException():
            problem = problem_for_status(error.status_code)
            problem.headers = dict(error.headers or {})
        case _:
            problem = Problem("failed")
    return problem.to_response(find_language(request.headers))
