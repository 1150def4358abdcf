"""Actions on the letters of a simulated Maarch."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from connectors.maarch.local_time import to_local, write_local
from connectors.maarch.simulate.database import Database

ZONE: Final = ZoneInfo("Europe/Paris")
INCOMING: Final[dict[str, Any]] = {"category_id": "incoming", "type_id": 101, "status": "NEW"}
OUTGOING: Final[dict[str, Any]] = {"category_id": "outgoing", "type_id": 102, "status": "ENVDONE"}
CATEGORY_CHARS: Final = {"incoming": "A", "outgoing": "D"}


class SimulatedMaarch:
    """Simulated Maarch whose letters are identified by `res_id`. Times have a time zone.

    Actions change the tables as in Maarch.
    """

    def __init__(self) -> None:
        self.database = Database()
        self._chronos: Counter[tuple[int, str]] = Counter()
        self._contacts: dict[tuple[str, str], int] = {}

    def register(
        self, at: datetime, destination: str, *, admitted_at: datetime, name: str, email: str, phone: str
    ) -> int:
        """Register a letter received at `admitted_at`, and return its number."""
        number = self._write(INCOMING | {"destination": destination, "admission_date": _local(admitted_at)}, at)
        self.database.insert(
            "resource_contacts",
            {"res_id": number, "item_id": self._contact(name, email, phone), "type": "contact", "mode": "sender"},
        )
        return number

    def assign(self, number: int, at: datetime, destination: str) -> None:
        """Assign a letter to another entity."""
        self._act(number, at, destination=destination)

    def acknowledge(self, number: int, at: datetime) -> None:
        """Send an acknowledgement of receipt."""
        row = {"res_id": number, "format": "html", "creation_date": _local(at), "send_date": _local(at)}
        self.database.insert("acknowledgement_receipts", row)
        self._act(number, at)

    def answer(self, number: int, at: datetime) -> None:
        """Send an answer."""
        self._act(number, at, status="ENVDONE")

    def close(self, number: int, at: datetime, status: str) -> None:
        """Close a letter; as in Maarch, a letter closed before keeps its first closing date."""
        (letter,) = self.database.select("res_view_letterbox", "closing_date", f"res_id = {number}")
        closed_at = letter["closing_date"] or _local(at)
        self._act(number, at + timedelta(milliseconds=3), closing_date=closed_at, status=status)

    def send(self, at: datetime, destination: str, custom_fields: dict[str, str]) -> None:
        """Send an outgoing letter with its postage in custom fields."""
        sent = {"destination": destination, "departure_date": _local(at), "custom_fields": json.dumps(custom_fields)}
        self._write(OUTGOING | sent, at)

    def stop(self) -> None:
        """Discard all letters."""
        self.database.close()

    def _write(self, columns: dict[str, Any], at: datetime) -> int:
        local = _local(at)
        row = {
            "model_id": 1,
            "subject": "Courrier fictif",
            "alt_identifier": self._chrono(int(local[:4]), CATEGORY_CHARS[columns["category_id"]]),
            "creation_date": local,
            "modification_date": local,
            "doc_date": local,
            "custom_fields": "{}",
            "linked_resources": "[]",
        }
        return self.database.insert("res_view_letterbox", row | columns)

    def _act(self, number: int, at: datetime, **columns: str) -> None:
        self.database.update(number, {**columns, "modification_date": _local(at)})

    def _contact(self, name: str, email: str, phone: str) -> int:
        if (email, phone) not in self._contacts:
            first, _, last = name.partition(" ")
            row = {"firstname": first, "lastname": last, "email": email or None, "phone": phone or None}
            self._contacts[email, phone] = self.database.insert("contacts", row)
        return self._contacts[email, phone]

    def _chrono(self, year: int, category: str) -> str:
        self._chronos[year, category] += 1
        return f"MAARCH/{year}{category}/{self._chronos[year, category]}"


def _local(at: datetime) -> str:
    return write_local(to_local(at.astimezone(UTC), ZONE))
