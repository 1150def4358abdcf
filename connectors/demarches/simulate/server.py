"""The server of dossiers that do not exist: it tells what of their lives has happened by now.

It keeps nothing, so after a restart it tells the same. It answers the connector's own questions and no others.
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
    """The dossiers that begin at `since` or later."""

    def __init__(self, seed: int, since: datetime, per_hour: float) -> None:
        self._seed = seed
        self._first_hour = int(since.timestamp()) // 3600
        self._per_hour = per_hour

    def scenarios(self, now: datetime) -> Iterator[DossierScenario]:
        """Yield those that have begun by `now`."""
        for hour in range(self._first_hour, int(now.timestamp()) // 3600 + 1):
            yield from (life for life in draw_scenarios(self._seed, hour, self._per_hour) if life.changed_at(now))

    def ledger(self, now: datetime) -> Counter[str]:
        """Return how many events of each type tell what happened by `now`, to who saw every dossier before it was deleted."""
        return Counter(kind for life in self.scenarios(now) for kind in life.happened(now))

    def answer(self, listing: Listing, asked: dict[str, Any], now: datetime) -> dict[str, Any]:
        """Return a page of a list, as the server tells it at `now`."""
        since = datetime.fromisoformat(asked["since"])
        entries = sorted(
            (
                entry
                for life in self.scenarios(now)
                if (entry := _entry(life, listing, asked["number"], now)) and entry[0] >= since
            ),
            key=lambda entry: entry[:2],
        )
        if asked["after"]:
            at, _, number = base64.b64decode(asked["after"]).decode().partition(";")
            entries = [entry for entry in entries if entry[:2] > (datetime.fromisoformat(at), int(number))]
        page = entries[: min(asked["first"], LARGEST_PAGE)]
        end = base64.b64encode(f"{page[-1][0].isoformat()};{page[-1][1]}".encode()).decode() if page else None
        return {
            "pageInfo": {"hasNextPage": len(entries) > len(page), "endCursor": end},
            "nodes": [node for _, _, node in page],
        }


def _entry(
    life: DossierScenario, listing: Listing, procedure: int, now: datetime
) -> tuple[datetime, int, dict[str, Any]] | None:
    """Return when an entry of a list changed, its number, and the entry; None if the list does not have it."""
    gone = life.deleted_at is not None and life.deleted_at <= now
    if life.procedure != procedure or gone == (listing.name == "dossiers"):
        return None
    changed_at = life.deleted_at if gone else life.changed_at(now)
    assert changed_at is not None
    node: dict[str, Any] = {"number": life.number, listing.changed_at: changed_at.isoformat()}
    if not gone:
        node |= {"deposeParUnTiers": False, "usager": {"email": life.email}, "demandeur": {}}
        node["traitements"] = [
            {"id": f"Traitement-{life.number}-{place}", "event": step, "dateTraitement": at.isoformat()}
            for place, (step, at) in enumerate(life.steps)
            if at <= now
        ]
        node["messages"] = [_message(life, now)] if life.asked_at and life.asked_at <= now else []
    return changed_at, life.number, node


def _message(life: DossierScenario, now: datetime) -> dict[str, Any]:
    assert life.asked_at is not None
    resolved = life.resolved_at.isoformat() if life.resolved_at and life.resolved_at <= now else None
    about = {"id": f"Message-{life.number}", "createdAt": life.asked_at.isoformat(), "discardedAt": None}
    return about | {"correction": {"dateResolution": resolved}}


def create_app(simulation: SimulatedDossiers, now: Callable[[], datetime]) -> Starlette:
    """Return the server, which tells what happened by `now`."""
    listings = {listing.question: listing for listing in LISTINGS}

    async def answer(request: Request) -> Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _refuse("forbidden", 403)
        body = await request.json()
        listing = listings.get(body["query"])
        if listing is None:
            return _refuse("not_simulated")
        if body["variables"]["number"] not in PROCEDURES:
            return _refuse("not_found")
        page = simulation.answer(listing, body["variables"], now())
        return JSONResponse({"data": {"demarche": {"page": page}}})

    return Starlette(routes=[Route(PATH, answer, methods=["POST"])])


def _refuse(code: str, status: int = 200) -> Response:
    return JSONResponse({"data": None, "errors": [{"message": code, "extensions": {"code": code}}]}, status)
