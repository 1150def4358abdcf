"""Actions on the letters of a simulated Maarch."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from connectors.maarch.local_time import to_local, write_local
from connectors.maarch.simulate.database import Database

CLOSING: Final = frozenset({"END", "SSUITE"})
"""Statuses set by closing actions."""
CATEGORY_CHARS: Final = {"incoming": "A", "outgoing": "D"}


class SimulatedMaarch:
    """Simulated Maarch whose letters are identified by `res_id`. Times have a time zone.

    Actions change the tables as in Maarch: `assign`, `answer` and other user actions set `modification_date`. `set_status`, the
    web service for other programs, does not.
    """

    def __init__(self, timezone: str = "Europe/Paris") -> None:
        self.database = Database()
        self._zone = ZoneInfo(timezone)
        self._chronos: Counter[tuple[int, str]] = Counter()
        self._contacts: dict[tuple[str, str], int] = {}

    def register(
        self,
        at: datetime,
        destination: str,
        *,
        admitted_at: datetime | None = None,
        doctype: int = 101,
        status: str = "NEW",
        name: str = "",
        email: str = "",
        phone: str = "",
        subject: str = "",
        custom_fields: dict[str, str] | None = None,
    ) -> int:
        """Register a letter received at `admitted_at`, and return its number."""
        number = self._write("incoming", at, destination, doctype, status, subject, custom_fields)
        self.database.update(number, {"admission_date": self._local(admitted_at or at)})
        if email or phone or name:
            contact = self._contact(name, email, phone)
            self.database.insert(
                "resource_contacts", {"res_id": number, "item_id": contact, "type": "contact", "mode": "sender"}
            )
        return number

    def assign(self, number: int, at: datetime, destination: str) -> None:
        """Assign a letter to another entity."""
        self._act(number, at, destination=destination)

    def take_up(self, number: int, at: datetime) -> None:
        """Start handling a letter."""
        self._act(number, at, status="COU")

    def acknowledge(self, number: int, at: datetime) -> None:
        """Send an acknowledgement of receipt."""
        row = {"res_id": number, "format": "html", "creation_date": self._local(at), "send_date": self._local(at)}
        self.database.insert("acknowledgement_receipts", row)
        self._act(number, at)

    def answer(self, number: int, at: datetime) -> None:
        """Send an answer."""
        self._act(number, at, status="ENVDONE")

    def close(self, number: int, at: datetime, status: str = "END") -> None:
        """Close a letter; as in Maarch, a letter closed before keeps its first closing date."""
        (letter,) = self.database.select("res_view_letterbox", "closing_date", f"res_id = {number}")
        closed_at = letter["closing_date"] or self._local(at)
        self._act(number, at + timedelta(milliseconds=3), closing_date=closed_at, status=status)

    def reopen(self, number: int, at: datetime) -> None:
        """Reopen a closed letter."""
        self._act(number, at, status="COU")

    def annotate(self, number: int, at: datetime) -> None:
        """Change a letter without any step, such as a note."""
        self._act(number, at)

    def set_status(self, number: int, at: datetime, status: str) -> None:
        """Set the status like the route `PUT/res/resource/status`, which sets no date unless it closes the letter."""
        closed_at = self._local(at) if status in CLOSING else None
        self.database.update(number, {"status": status, "closing_date": closed_at})

    def send(
        self, at: datetime, *, destination: str = "", subject: str = "", custom_fields: dict[str, str] | None = None
    ) -> int:
        """Send an outgoing letter with its postage in custom fields, and return its number."""
        number = self._write("outgoing", at, destination, 102, "ENVDONE", subject, custom_fields)
        self.database.update(number, {"departure_date": self._local(at)})
        return number

    def stop(self) -> None:
        """Discard all letters."""
        self.database.close()

    def _write(
        self,
        category: str,
        at: datetime,
        destination: str,
        doctype: int,
        status: str,
        subject: str,
        custom_fields: dict[str, str] | None,
    ) -> int:
        local = self._local(at)
        row = {
            "category_id": category,
            "model_id": 1,
            "type_id": doctype,
            "status": status,
            "destination": destination or None,
            "subject": subject,
            "alt_identifier": self._chrono(int(local[:4]), CATEGORY_CHARS[category]),
            "creation_date": local,
            "modification_date": local,
            "doc_date": local,
            "custom_fields": json.dumps(custom_fields or {}),
            "linked_resources": "[]",
        }
        return self.database.insert("res_view_letterbox", row)

    def _act(self, number: int, at: datetime, **columns: str) -> None:
        self.database.update(number, {**columns, "modification_date": self._local(at)})

    def _contact(self, name: str, email: str, phone: str) -> int:
        if (email, phone) not in self._contacts:
            first, _, last = name.partition(" ")
            row = {"firstname": first, "lastname": last, "email": email or None, "phone": phone or None}
            self._contacts[email, phone] = self.database.insert("contacts", row)
        return self._contacts[email, phone]

    def _chrono(self, year: int, category: str) -> str:
        self._chronos[year, category] += 1
        return f"MAARCH/{year}{category}/{self._chronos[year, category]}"

    def _local(self, at: datetime) -> str:
        return write_local(to_local(at.astimezone(UTC), self._zone))
