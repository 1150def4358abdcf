"""Simulated Démarches simplifiées that serves dossiers from a file with the documented GraphQL schema.

Queries are executed by graphql-core, so that unknown fields are refused as on the real server. Like the real server, it requires
a token, knows only its procedures, limits pages to 100 entries, and pages by (time, number). Changes of the real server go
unnoticed here.
"""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import uvicorn
from graphql import GraphQLError, build_schema, graphql_sync
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sdk.sockets import listen

TOKEN = "jeton-d-essai"
LARGEST_PAGE = 100
SCHEMA = build_schema("""
scalar ISO8601DateTime
scalar ISO8601Date
type Query { demarche(number: Int!): Demarche! }
type Demarche {
  id: ID!
  number: Int!
  title: String!
  dossiers(first: Int, last: Int, after: String, before: String, createdSince: ISO8601DateTime,
    updatedSince: ISO8601DateTime, state: DossierState, archived: Boolean): DossierConnection!
  deletedDossiers(first: Int, last: Int, after: String, before: String, deletedSince: ISO8601DateTime):
    DeletedDossierConnection!
  pendingDeletedDossiers(first: Int, last: Int, after: String, before: String, deletedSince: ISO8601DateTime):
    DeletedDossierConnection!
}
type PageInfo { endCursor: String hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String }
type DossierConnection { nodes: [Dossier] pageInfo: PageInfo! }
type DeletedDossierConnection { nodes: [DeletedDossier] pageInfo: PageInfo! }
enum DossierState { en_construction en_instruction accepte refuse sans_suite }
enum DeletedDossierReason {
  expired instructeur_request manager_request procedure_removed user_expired user_removed user_request
}
type DeletedDossier {
  id: ID! number: Int! dateSupression: ISO8601DateTime! reason: DeletedDossierReason! state: DossierState!
}
type Dossier {
  id: ID!
  number: Int!
  state: DossierState!
  archived: Boolean!
  dateDepot: ISO8601DateTime!
  dateDerniereModification: ISO8601DateTime!
  dateDerniereCorrectionEnAttente: ISO8601DateTime
  datePrevisionnelleDecisionSVASVR: ISO8601Date
  deposeParUnTiers: Boolean
  nomMandataire: String
  prenomMandataire: String
  motivation: String
  usager: Profile!
  demandeur: Demandeur!
  traitements: [Traitement!]!
  messages(id: ID): [Message!]!
}
type Profile { id: ID! email: String! }
interface Demandeur { id: ID! }
type PersonnePhysique implements Demandeur {
  id: ID! civilite: String nom: String! prenom: String! dateDeNaissance: ISO8601Date email: String
}
type PersonneMorale implements Demandeur { id: ID! siret: String! }
type Traitement {
  id: ID! event: TraitementEvent! dateTraitement: ISO8601DateTime! emailAgentTraitant: String motivation: String
}
scalar TraitementEvent
enum CorrectionReason { incomplete incorrect outdated }
type Correction { dateResolution: ISO8601DateTime reason: CorrectionReason! }
type Message {
  id: ID! email: String! body: String! createdAt: ISO8601DateTime! discardedAt: ISO8601DateTime correction: Correction
}
""")
"""Documented schema. `TraitementEvent` is an enum on the real server and a scalar here, so that tests can use unknown values."""


class ServerError(Exception):
    """Error that the real server answers with status 500."""


class DemarchesServer:
    """Serve the file `path`: `{"<procedure>": {"dossiers": […], "deletedDossiers": […], "pendingDeletedDossiers": […]}}`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.queries: list[dict[str, Any]] = []
        self.refusal: Response | None = None
        """Scripted response to all queries."""
        self.before_answer: Callable[[int], object] = lambda _: None
        """Callback before each response, with the number of the query from 0."""
        self.code = ""
        """Error code sent instead of data."""
        app = Starlette(routes=[Route("/api/v2/graphql", self._answer, methods=["POST"])])
        self._running = ExitStack()
        self.url = self._running.enter_context(served_at(app)) + "/api/v2/graphql"

    def stop(self) -> None:
        self._running.close()

    def content(self) -> dict[str, Any]:
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    async def _answer(self, request: Request) -> Response:
        body = await request.json()
        self.queries.append(body)
        self.before_answer(len(self.queries) - 1)
        if self.refusal:
            return self.refusal
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return JSONResponse(_error("Without a token, only persisted queries are allowed", "forbidden"), 403)
        if self.code:
            return JSONResponse(_error("Dossier de Mireille Exemple", self.code))
        try:
            result = graphql_sync(SCHEMA, body["query"], self, variable_values=body.get("variables"))
        except ServerError:
            return JSONResponse(_error("Internal Server Error", "internal_server_error"), 500)
        for error in result.errors or ():
            if isinstance(error.original_error, ServerError):
                return JSONResponse(_error("Internal Server Error", "internal_server_error"), 500)
        return JSONResponse(result.formatted)

    def demarche(self, _info: object, number: int) -> "_Demarche":
        content = self.content()
        if str(number) not in content:
            raise GraphQLError("Demarche not found", extensions={"code": "not_found"})
        return _Demarche(number, content[str(number)])


class _Demarche:
    def __init__(self, number: int, lists: dict[str, Any]) -> None:
        self.number = number
        self._lists = lists

    def dossiers(self, _info: object, **arguments: Any) -> dict[str, Any]:
        field = "dateDerniereModification" if arguments.get("updatedSince") else "dateDepot"
        since = arguments.get("updatedSince") or arguments.get("createdSince")
        return _page(self._lists.get("dossiers", []), field, since, arguments)

    def deletedDossiers(self, _info: object, **arguments: Any) -> dict[str, Any]:  # noqa: N802 - name in the schema
        return _page(self._lists.get("deletedDossiers", []), "dateSupression", arguments.get("deletedSince"), arguments)

    def pendingDeletedDossiers(self, _info: object, **arguments: Any) -> dict[str, Any]:  # noqa: N802 - name in the schema
        return _page(
            self._lists.get("pendingDeletedDossiers", []), "dateSupression", arguments.get("deletedSince"), arguments
        )


def _page(entries: list[Any], field: str, since: str | None, arguments: dict[str, Any]) -> dict[str, Any]:
    if (first := arguments.get("first")) is not None and first < 0:
        raise GraphQLError('Argument "first" must be a non-negative integer', extensions={"code": "bad_request"})
    rows = sorted(((_utc(entry[field]), entry["number"], entry) for entry in entries), key=lambda row: row[:2])
    if since:
        rows = [row for row in rows if row[0] >= _utc(since)]
    if after := arguments.get("after"):
        rows = [row for row in rows if row[:2] > _decode_cursor(after)]
    size = min(first if first is not None else LARGEST_PAGE, LARGEST_PAGE)
    page = rows[:size]
    end = base64.b64encode(f"{page[-1][0].isoformat()};{page[-1][1]}".encode()).decode() if page else None
    info = {"hasNextPage": len(rows) > size, "hasPreviousPage": bool(after), "endCursor": end}
    return {"nodes": [entry for _, _, entry in page], "pageInfo": info}


def _decode_cursor(cursor: str) -> tuple[datetime, int]:
    try:
        decoded = base64.b64decode(cursor, validate=True).decode()
    except ValueError:
        raise GraphQLError("Invalid input", extensions={"code": "bad_request"}) from None
    try:
        at, _, number = decoded.partition(";")
        return _utc(at), int(number)
    except ValueError:
        raise ServerError from None


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _error(message: str, code: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code}}], "data": None}


@contextmanager
def served_at(app: Starlette) -> Iterator[str]:
    """Serve `app` until the end of the block, and yield its address."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    with listen("127.0.0.1", 0) as listener:
        thread = Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(60)


@contextmanager
def serving(path: Path) -> Iterator[DemarchesServer]:
    """Serve the file at `path` until the end of the block."""
    server = DemarchesServer(path)
    try:
        yield server
    finally:
        server.stop()
