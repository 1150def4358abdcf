"""Illisa's database, and the API that lists its cases."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.simulator.illisa.procedures import PROCEDURES, Procedure, Step
from connectors.simulator.population import Citizen

TOKEN: Final = "simulation"  # noqa: S105 - opens nothing
PATH: Final = "/api/v1/procedures/{procedure}/dossiers"
LARGEST_PAGE: Final = 200
_SCHEMA: Final = Path(__file__).with_name("schema.sql")


class Illisa:
    """The database in a file. For one thread at a time; the API opens connections of its own."""

    def __init__(self, path: Path) -> None:
        """Open or create the database."""
        self._path = path
        self._database = sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)
        self._database.execute("PRAGMA synchronous = OFF")  # after a power failure, the simulation begins again
        self._database.executescript(_SCHEMA.read_text(encoding="utf-8"))

    def clear(self, names: Iterable[str]) -> None:
        """Delete all cases of these procedures."""
        for name in names:
            self._database.execute(f"DELETE FROM {PROCEDURES[name].table}")  # noqa: S608 - a name of ours

    def submit(self, name: str, number: int, at: datetime, citizen: Citizen) -> None:
        """Create case `number` of a procedure, for a citizen."""
        procedure = PROCEDURES[name]
        self._database.execute(
            f"INSERT INTO {procedure.table} VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - a name of ours
            (
                number,
                f"{procedure.prefix}-{at.year}-{number:05}",
                procedure.states[Step.SUBMITTED],
                _text(at),
                _text(at),
                citizen.name,
                citizen.email or None,
                citizen.phone,
            ),
        )

    def advance(self, name: str, number: int, step: Step, at: datetime) -> None:
        """Take a step with case `number` of a procedure."""
        procedure = PROCEDURES[name]
        self._database.execute(
            f"UPDATE {procedure.table} SET state = ?, changed_at = ? WHERE numero = ?",  # noqa: S608 - a name of ours
            (procedure.states[step], _text(at), number),
        )

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    @property
    def app(self) -> Starlette:
        """Application with the route of the API."""
        return Starlette(routes=[Route(PATH, self._list)])

    def _list(self, request: Request) -> Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"erreur": "non autorisé"}, 401)
        procedure = PROCEDURES.get(request.path_params["procedure"])
        if procedure is None or not procedure.is_listed_by_api:
            return JSONResponse({"erreur": "procédure inconnue"}, 404)
        try:
            page = max(1, int(request.query_params.get("page", 1)))
            since = request.query_params.get("modifie_depuis")
            first = _text(datetime.fromisoformat(since)) if since else ""
        except ValueError:
            return JSONResponse({"erreur": "paramètre invalide"}, 400)
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=30)) as database:
            database.row_factory = sqlite3.Row
            rows = database.execute(
                f"SELECT * FROM {procedure.table} WHERE changed_at >= ? ORDER BY numero LIMIT ? OFFSET ?",  # noqa: S608
                (first, LARGEST_PAGE, (page - 1) * LARGEST_PAGE),
            ).fetchall()
        return JSONResponse({"page": page, "dossiers": [_describe(procedure, row) for row in rows]})


def _describe(procedure: Procedure, row: sqlite3.Row) -> dict[str, Any]:
    return {
        "numero": row["numero"],
        "reference": row["reference"],
        "depose_le": f"{row['created_at'].replace(' ', 'T')}Z",
        "etat": {"code": row["state"], "depuis": f"{row['changed_at'].replace(' ', 'T')}Z"},
        procedure.person: {"nom": row[procedure.person], "courriel": row["courriel"], "telephone": row["telephone"]},
    }


def _text(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
