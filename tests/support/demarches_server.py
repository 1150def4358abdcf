"""Simulated Démarches simplifiées that serves dossiers with the documented GraphQL schema.

Queries are executed by graphql-core, so that unknown fields are refused as on the real server. Like the real server, it requires
a token, knows only its procedures, limits pages to 100 entries, and pages by (time, number). Changes of the real server go
unnoticed here.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from graphql import GraphQLError, build_schema, graphql_sync
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.demarches.config import LARGEST_PAGE
from connectors.demarches.simulate import PATH, page_of
from connectors.sdk.simulation.http_app import serving

TOKEN = "jeton-d-essai"
SCHEMA = build_schema("""
scalar ISO8601DateTime
type Query { demarche(number: Int!): Demarche! }
type Demarche {
  id: ID!
  number: Int!
  title: String!
  dossiers(first: Int, after: String, createdSince: ISO8601DateTime, updatedSince: ISO8601DateTime): DossierConnection!
  deletedDossiers(first: Int, after: String, deletedSince: ISO8601DateTime): DeletedDossierConnection!
  pendingDeletedDossiers(first: Int, after: String, deletedSince: ISO8601DateTime): DeletedDossierConnection!
}
type PageInfo { endCursor: String hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String }
type DossierConnection { nodes: [Dossier] pageInfo: PageInfo! }
type DeletedDossierConnection { nodes: [DeletedDossier] pageInfo: PageInfo! }
type DeletedDossier { id: ID! number: Int! dateSupression: ISO8601DateTime! }
type Dossier {
  id: ID!
  number: Int!
  dateDepot: ISO8601DateTime!
  dateDerniereModification: ISO8601DateTime!
  deposeParUnTiers: Boolean
  motivation: String
  usager: Profile!
  demandeur: Demandeur!
  traitements: [Traitement!]!
  messages(id: ID): [Message!]!
}
type Profile { id: ID! email: String! }
interface Demandeur { id: ID! }
type PersonnePhysique implements Demandeur { id: ID! nom: String! prenom: String! email: String }
type PersonneMorale implements Demandeur { id: ID! siret: String! }
type Traitement {
  id: ID! event: TraitementEvent! dateTraitement: ISO8601DateTime! emailAgentTraitant: String motivation: String
}
scalar TraitementEvent
type Correction { dateResolution: ISO8601DateTime }
type Message {
  id: ID! email: String! body: String! createdAt: ISO8601DateTime! discardedAt: ISO8601DateTime correction: Correction
}
""")
"""Part of the documented schema.

`TraitementEvent` is an enum on the real server and a scalar here, so that tests can use unknown values.
"""


class DemarchesServer:
    """Server of `lists`: procedure → its lists by name, `dossiers`, `deletedDossiers` and `pendingDeletedDossiers`."""

    def __init__(self) -> None:
        self.url = ""
        self.lists: dict[int, dict[str, Any]] = {}
        self.queries: list[dict[str, Any]] = []
        self.refusal: Response | None = None
        """Scripted response to all queries."""
        self.before_answer: Callable[[int], object] = lambda _: None
        """Callback before each response, with the number of the query from 0."""
        self.code = ""
        """Error code sent instead of data."""

    async def answer(self, request: Request) -> Response:
        body = await request.json()
        self.queries.append(body)
        self.before_answer(len(self.queries) - 1)
        if self.refusal:
            return self.refusal
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return JSONResponse(_error("Without a token, only persisted queries are allowed", "forbidden"), 403)
        if self.code:
            return JSONResponse(_error("Dossier de Mireille Exemple", self.code))
        return JSONResponse(graphql_sync(SCHEMA, body["query"], self, variable_values=body["variables"]).formatted)

    def demarche(self, _info: object, number: int) -> "_Demarche":
        if number not in self.lists:
            raise GraphQLError("Demarche not found", extensions={"code": "not_found"})
        return _Demarche(self.lists[number])


class _Demarche:
    def __init__(self, lists: dict[str, Any]) -> None:
        self._lists = lists

    def dossiers(self, _info: object, **arguments: Any) -> dict[str, Any]:
        field = "dateDerniereModification" if "updatedSince" in arguments else "dateDepot"
        return self._page("dossiers", field, **arguments)

    def deletedDossiers(self, _info: object, **arguments: Any) -> dict[str, Any]:  # noqa: N802 - name in the schema
        return self._page("deletedDossiers", "dateSupression", **arguments)

    def pendingDeletedDossiers(self, _info: object, **arguments: Any) -> dict[str, Any]:  # noqa: N802 - name in the schema
        return self._page("pendingDeletedDossiers", "dateSupression", **arguments)

    def _page(
        self, name: str, field: str, first: int = LARGEST_PAGE, after: str | None = None, **since: str
    ) -> dict[str, Any]:
        return page_of(self._lists.get(name, []), field, next(iter(since.values()), None), first, after)


def _error(message: str, code: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code}}], "data": None}


@contextmanager
def serving_dossiers() -> Iterator[DemarchesServer]:
    """Run a server, at first without procedures, until the end of the block."""
    server = DemarchesServer()
    with serving(Starlette(routes=[Route(PATH, server.answer, methods=["POST"])])) as address:
        server.url = address + PATH
        yield server
