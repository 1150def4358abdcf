"""Simulated Démarches simplifiées with dossiers in their current state. It answers only the queries of the connector."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.demarches.api import LISTINGS
from connectors.demarches.config import LARGEST_PAGE

TOKEN: Final = "simulation"  # noqa: S105 - opens nothing
PATH: Final = "/api/v2/graphql"

Dossier = dict[str, Any]


class SimulatedDossiers:
    """Dossiers of `procedures`, in the format of the API."""

    def __init__(self, procedures: Sequence[int]) -> None:
        self._dossiers: dict[int, dict[int, Dossier]] = {procedure: {} for procedure in procedures}
        self._queries = {listing.query: listing for listing in LISTINGS}

    def submit(self, procedure: int, number: int, at: datetime, email: str) -> None:
        """Submit a dossier."""
        self._dossiers[procedure][number] = {
            "number": number,
            "dateDerniereModification": at.isoformat(),
            "deposeParUnTiers": False,
            "usager": {"email": email},
            "demandeur": {},
            "traitements": [],
            "messages": [],
        }
        self.add_step(procedure, number, at, "depose")

    def add_step(self, procedure: int, number: int, at: datetime, event: str) -> None:
        """Add a step with its name on the server, such as `passe_en_instruction` or `accepte`."""
        steps = self._change(procedure, number, at)["traitements"]
        step = {"id": f"Traitement-{number}-{len(steps)}", "event": event, "dateTraitement": at.isoformat()}
        steps.append(step)

    def request_correction(self, procedure: int, number: int, at: datetime) -> None:
        """Send a message that requests a correction."""
        message = {"id": f"Message-{number}", "createdAt": at.isoformat(), "discardedAt": None}
        messages = self._change(procedure, number, at)["messages"]
        messages.append(message | {"correction": {"dateResolution": None}})

    def correct(self, procedure: int, number: int, at: datetime) -> None:
        """Resolve the requested correction."""
        self._change(procedure, number, at)["messages"][-1]["correction"]["dateResolution"] = at.isoformat()

    @property
    def app(self) -> Starlette:
        """Application with the route of the API."""
        return Starlette(routes=[Route(PATH, self._answer, methods=["POST"])])

    def _change(self, procedure: int, number: int, at: datetime) -> Dossier:
        dossier = self._dossiers[procedure][number]
        dossier["dateDerniereModification"] = at.isoformat()
        return dossier

    async def _answer(self, request: Request) -> Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _refuse("forbidden", 403)
        body = await request.json()
        listing, variables = self._queries.get(body["query"]), body["variables"]
        if listing is None:
            return _refuse("not_simulated")
        if variables["number"] not in self._dossiers:
            return _refuse("not_found")
        entries = [*self._dossiers[variables["number"]].values()] if listing.name == "dossiers" else []
        page = page_of(entries, listing.changed_at, variables["since"], variables["first"], variables["after"])
        return JSONResponse({"data": {"demarche": {"page": page}}})


def page_of(entries: Sequence[Any], field: str, since: str | None, first: int, after: str | None) -> dict[str, Any]:
    """Return a page of the entries since `since` (inclusive), sorted by the time in `field` and the number.

    It has at most `first` and `LARGEST_PAGE` entries. `after` is the cursor of the previous page. None or an empty text for
    `since` means all entries, for `after` the first page.
    """
    rows = sorted(((_utc(entry[field]), entry["number"], entry) for entry in entries), key=lambda row: row[:2])
    if since:
        rows = [row for row in rows if row[0] >= _utc(since)]
    if after:
        at, _, number = base64.b64decode(after).decode().partition(";")
        rows = [row for row in rows if row[:2] > (_utc(at), int(number))]
    page = rows[: min(first, LARGEST_PAGE)]
    end = base64.b64encode(f"{page[-1][0].isoformat()};{page[-1][1]}".encode()).decode() if page else None
    return {
        "pageInfo": {"hasNextPage": len(rows) > len(page), "hasPreviousPage": bool(after), "endCursor": end},
        "nodes": [entry for _, _, entry in page],
    }


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _refuse(code: str, status: int = 200) -> Response:
    return JSONResponse({"data": None, "errors": [{"message": code, "extensions": {"code": code}}]}, status)
