"""Simulated Maarch REST API with the connector's routes and the refusals of the real server.

Refusals follow the published code: `rest/index.php` (unknown user, unauthorised route), `ResController::getList` and
`PreparedClauseController::isRequestValid` (invalid query), and `hasRightByResId` (letter out of perimeter). Changes of the real
server go unnoticed here.
"""

import base64
import binascii
import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.maarch.simulate.database import Database, Row

LOGIN: Final = "accueil"
PASSWORD: Final = "simulation"  # noqa: S105 - opens nothing
_WRITES: Final = (
    r"\b(?:abort|alter|copy|create|delete|disgard|drop|execute|grant|insert|load|lock|move|reset|truncate|update{})\b"
)
NOT_IN_CLAUSE: Final = re.compile(_WRITES.format(""), re.IGNORECASE)
NOT_IN_SELECT: Final = re.compile(_WRITES.format("|select"), re.IGNORECASE)


class Refusal(Exception):  # noqa: N818 - a regular response, no failure of the server
    """Response with a status other than 200."""

    def __init__(self, status: int, errors: str) -> None:
        super().__init__(errors)
        self.response: Response = JSONResponse({"errors": errors}, status)


class MaarchRestApi:
    """Routes on `database` for a single user."""

    perimeter: str | None = "1=1"
    """SQL condition for the letters visible to the user's groups; None for a user without a group."""
    authorized: Sequence[str] = ()
    """Routes authorised for the user (`users.authorized_api`), such as `POST/res/list`; empty: all routes."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def app(self) -> Starlette:
        """Return the application with its routes under `/rest`."""
        routes = {
            "POST/res/list": self._list,
            "GET/resources/{resId}/contacts": self._contacts,
            "GET/resources/{resId}/acknowledgementReceipts": self._receipts,
        }

        def endpoint(route: str) -> Any:
            async def answer(request: Request) -> Response:
                try:
                    self._check_access(request, route)
                    body = await request.json() if request.method == "POST" else {}
                    return JSONResponse(routes[route](request, body))
                except Refusal as refusal:
                    return refusal.response

            return answer

        return Starlette(
            routes=[
                Route("/rest/" + route.partition("/")[2], endpoint(route), methods=[route.partition("/")[0]])
                for route in routes
            ]
        )

    # ------------------------------------------------------------------------------------------------------------ routes
    def _list(self, _: Request, body: dict[str, Any]) -> Mapping[str, Any]:
        for field in ("select", "clause"):
            if not isinstance(body.get(field), str) or not body[field]:
                raise Refusal(400, f"Bad Request: {field} is not valid")
        for field, kind in (("orderBy", list), ("limit", int)):
            if body.get(field) and not isinstance(body[field], kind):
                raise Refusal(400, f"Bad Request: {field} parameter not valid")
        select, clause = body["select"], body["clause"]
        if NOT_IN_CLAUSE.search(clause) or NOT_IN_SELECT.search(" AND ".join(select.split(","))):
            raise Refusal(400, "La requête n'est pas valide")
        if self.perimeter is None:
            raise Refusal(400, "User has no groups")
        try:
            rows = self.database.select(
                "res_view_letterbox",
                select,
                f"({clause}) AND ({self.perimeter})",
                body.get("orderBy") or (),
                body.get("limit") or 0,
            )
        except sqlite3.Error:
            raise Refusal(400, "La requête n'est pas valide") from None
        return {"resources": rows, "count": len(rows)}

    def _contacts(self, request: Request, _: dict[str, Any]) -> Mapping[str, Any]:
        number = self._letter(request)
        mode = {"senders": "sender", "recipients": "recipient"}.get(request.query_params.get("type", ""), "")
        linked = self.database.select("resource_contacts", "*", f"res_id = {number} AND mode = '{mode}'")
        return {"contacts": [self._contact(row) for row in linked]}

    def _receipts(self, request: Request, _: dict[str, Any]) -> Sequence[Mapping[str, Any]]:
        number = self._letter(request)
        receipts = self.database.select("acknowledgement_receipts", "*", f"res_id = {number}")
        return [
            {
                "id": receipt["id"],
                "resId": number,
                "type": "simple",
                "format": receipt["format"],
                "userLabel": "",
                "creationDate": receipt["creation_date"],
                "sendDate": receipt["send_date"],
                "contact": None,
            }
            for receipt in receipts
        ]

    # ------------------------------------------------------------------------------------------------------------- parts
    def _check_access(self, request: Request, route: str) -> None:
        if not self._is_user(request.headers.get("Authorization", "")):
            raise Refusal(401, "Authentication Failed")
        if self.authorized and route not in self.authorized:
            raise Refusal(403, "This route is not authorized for this user")

    def _is_user(self, authorization: str) -> bool:
        kind, _, credentials = authorization.partition(" ")
        try:
            return kind == "Basic" and base64.b64decode(credentials, validate=True).decode() == f"{LOGIN}:{PASSWORD}"
        except (binascii.Error, UnicodeDecodeError):
            return False

    def _letter(self, request: Request) -> int:
        number = request.path_params["resId"]
        clause = f"res_id = {number} AND ({self.perimeter})"
        if not number.isdecimal() or not self.database.select("res_view_letterbox", "res_id", clause):
            raise Refusal(403, "Document out of perimeter")
        return int(number)

    def _contact(self, linked: Row) -> Mapping[str, Any]:
        if linked["type"] != "contact":
            return {"type": linked["type"], "lastname": "", "email": None, "phone": None}
        (contact,) = self.database.select("contacts", "*", f"id = {linked['item_id']}")
        return {
            "type": "contact",
            "firstname": contact["firstname"],
            "lastname": contact["lastname"],
            "company": contact["company"],
            "addressStreet": contact["address_street"],
            "addressPostcode": contact["address_postcode"],
            "addressTown": contact["address_town"],
            "email": contact["email"],
            "phone": contact["phone"],
            "notes": contact["notes"],
        }
