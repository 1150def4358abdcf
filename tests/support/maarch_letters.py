"""Sample rows of Maarch's database, and harnesses that read them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import connectors.maarch as maarch
from connectors.maarch.simulate.server import LOGIN, PASSWORD
from connectors.sdk.testing import ConnectorHarness
from models.events import Event
from tests.support.maarch_server import MaarchServer

BEGIN = datetime(2026, 3, 16, 8, tzinfo=UTC)
"""09:00 in Paris."""
NAME, EMAIL, PHONE = "Mireille Exemple", "mireille.exemple@example.org", "06 39 98 55 11"
SUBJECT = f"{NAME}, {PHONE}, n'a pas de réponse"
PERSONAL = ("Mireille", "Exemple", EMAIL, PHONE, SUBJECT)


def at(minute: float) -> str:
    """Return a local time in the notation of the database."""
    return (BEGIN + timedelta(hours=1, minutes=minute)).strftime("%Y-%m-%d %H:%M:%S.%f")


def when(minute: float) -> datetime:
    return BEGIN + timedelta(minutes=minute)


def letter(number: int, minute: float, **columns: Any) -> dict[str, Any]:
    """Return the row of a letter registered at `minute`."""
    return {
        "res_id": number,
        "subject": SUBJECT,
        "category_id": "incoming",
        "status": "NEW",
        "type_id": 101,
        "model_id": 1,
        "destination": "DAS",
        "alt_identifier": f"MAARCH/2026A/{number}",
        "creation_date": at(minute),
        "modification_date": at(minute),
        "admission_date": at(minute - 60),
        "custom_fields": json.dumps({"1": "Lettre verte", "2": "1,39", "3": "CAF-77"}),
        **columns,
    }


def sent(number: int, minute: float, **columns: Any) -> dict[str, Any]:
    """Return the row of an outgoing letter sent at `minute`."""
    return letter(number, minute, category_id="outgoing", departure_date=at(minute)) | columns


def receipt(number: int, minute: float | None) -> dict[str, Any]:
    return {"res_id": number, "format": "html", "creation_date": at(0), "send_date": minute and at(minute)}


def sender(number: int, item: int = 1, kind: str = "contact") -> dict[str, Any]:
    return {"res_id": number, "item_id": item, "type": kind, "mode": "sender"}


CONTACT = {"id": 1, "firstname": "Mireille", "lastname": "Exemple", "email": EMAIL, "phone": PHONE, "notes": SUBJECT}
LETTERS = [
    letter(1, 10),
    letter(2, 20, status="COU", modification_date=at(21)),
    letter(3, 30, status="ENVDONE", modification_date=at(31)),
    letter(4, 40, status="END", modification_date=at(42), closing_date=at(41)),
    letter(5, 45, status="MARS"),
    letter(6, 46, admission_date="20226-03-16 09:00:00"),
    letter(7, 47, destination=None, alt_identifier=None, admission_date=None),
    letter(8, 48, creation_date="hier"),
    letter(9, 49, status="SSUITE", modification_date=at(50), closing_date=at(50)),
    *(letter(number, 60) for number in range(10, 30)),
    sent(30, 70),
    sent(31, 71, custom_fields=json.dumps({"1": "Pigeon", "2": "1,39"})),
]
RECEIPTS_SENT = [receipt(2, 22), receipt(2, 25), receipt(3, None)]
POSTAGE = {"class_field": 1, "cost_field": 2, "classes": {"Lettre verte": "lettre_verte"}}


def options(server: MaarchServer, **changes: Any) -> dict[str, Any]:
    entities = {"DAS": {"service": "action-sociale", "site": "siege"}, "DRT": {"service": "routes"}}
    return {"url": server.url, "login": LOGIN, "password": PASSWORD, "entities": entities} | changes


def harness(server: MaarchServer, data: str = "data", **changes: Any) -> ConnectorHarness:
    directory = server.path.parent
    return ConnectorHarness(maarch.CONNECTOR, options(server, **changes), directory / data, directory / "keys")


def event_types(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.subject.rpartition(":")[2], event.type.removeprefix("letter.")) for event in events]
