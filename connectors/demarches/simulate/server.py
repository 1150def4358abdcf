"""Simulated GraphQL server that shows the dossiers in their current state.

It stores nothing, so that a restart changes nothing. It answers only the queries of the connector.
"""

import base64
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.demarches.api import LISTINGS, Listing
from connectors.demarches.config import LARGEST_PAGE
from connectors.demarches.simulate.scenarios import PROCEDURES, DossierScenario, draw_scenarios

TOKEN: Final = "simulation"  # noqa: S105 - opens nothing
PATH: Final = "/api/v2/graphql"


class SimulatedDossiers:
    """Dossiers that begin at `since` or later."""

    def __init__(self, seed: int, since: datetime, per_hour: float) -> None:
        self._seed = seed
        self._first_hour = int(since.timestamp()) // 3600
        self._per_hour = per_hour

    def scenarios(self, now: datetime) -> Iterator[DossierScenario]:
        """Yield the scenarios that have begun by `now`."""
        for hour in range(self._first_hour, int(now.timestamp()) // 3600 + 1):
            yield from (
                scenario for scenario in draw_scenarios(self._seed, hour, self._per_hour) if scenario.changed_at(now)
            )

    def ledger(self, now: datetime) -> Counter[str]:
        """Return the expected number of events by type, for a connector that read each dossier before its deletion."""
        return Counter(kind for scenario in self.scenarios(now) for kind in scenario.happened(now))

    def page(self, listing: Listing, variables: dict[str, Any], now: datetime) -> dict[str, Any]:
        """Return the page of a list as of `now`."""
        since = datetime.fromisoformat(variables["since"])
        entries = sorted(
            (
                entry
                for scenario in self.scenarios(now)
                if (entry := _entry(scenario, listing, variables["number"], now)) and entry[0] >= since
            ),
            key=lambda entry: entry[:2],
        )
        if variables["after"]:
            at, _, number = base64.b64decode(variables["after"]).decode().partition(";")
            entries = [entry for entry in entries if entry[:2] > (datetime.fromisoformat(at), int(number))]
        page = entries[: min(variables["first"], LARGEST_PAGE)]
        end = base64.b64encode(f"{page[-1][0].isoformat()};{page[-1][1]}".encode()).decode() if page else None
        return {
            "pageInfo": {"hasNextPage": len(entries) > len(page), "endCursor": end},
            "nodes": [node for _, _, node in page],
        }


def _entry(
    scenario: DossierScenario, listing: Listing, procedure: int, now: datetime
) -> tuple[datetime, int, dict[str, Any]] | None:
    """Return the time of change, the number and the entry of a dossier in a list; None if the list does not hold it."""
    is_deleted = scenario.deleted_at is not None and scenario.deleted_at <= now
    if scenario.procedure != procedure or is_deleted == (listing.name == "dossiers"):
        return None
    changed_at = scenario.deleted_at if is_deleted else scenario.changed_at(now)
    assert changed_at is not None
    node: dict[str, Any] = {"number": scenario.number, listing.changed_at: changed_at.isoformat()}
    if not is_deleted:
        node |= {"deposeParUnTiers": False, "usager": {"email": scenario.email}, "demandeur": {}}
        node["traitements"] = [
            {"id": f"Traitement-{scenario.number}-{index}", "event": step, "dateTraitement": at.isoformat()}
            for index, (step, at) in enumerate(scenario.steps)
            if at <= now
        ]
        node["messages"] = [_message(scenario, now)] if scenario.asked_at and scenario.asked_at <= now else []
    return changed_at, scenario.number, node


def _message(scenario: DossierScenario, now: datetime) -> dict[str, Any]:
    assert scenario.asked_at is not None
    resolved = scenario.resolved_at.isoformat() if scenario.resolved_at and scenario.resolved_at <= now else None
    message = {"id": f"Message-{scenario.number}", "createdAt": scenario.asked_at.isoformat(), "discardedAt": None}
    return message | {"correction": {"dateResolution": resolved}}


def create_app(simulation: SimulatedDossiers, now: Callable[[], datetime]) -> Starlette:
    """Return the server application; `now` returns the current time."""
    listings = {listing.query: listing for listing in LISTINGS}

    async def answer(request: Request) -> Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _refuse("forbidden", 403)
        body = await request.json()
        listing = listings.get(body["query"])
        if listing is None:
            return _refuse("not_simulated")
        if body["variables"]["number"] not in PROCEDURES:
            return _refuse("not_found")
        page = simulation.page(listing, body["variables"], now())
        return JSONResponse({"data": {"demarche": {"page": page}}})

    return Starlette(routes=[Route(PATH, answer, methods=["POST"])])


def _refuse(code: str, status: int = 200) -> Response:
    return JSONResponse({"data": None, "errors": [{"message": code, "extensions": {"code": code}}]}, status)
