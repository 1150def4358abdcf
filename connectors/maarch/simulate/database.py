"""SQLite database with the Maarch tables that the simulation needs.

Column names follow Maarch's published `sql/structure.sql`. SQL conditions are executed, so that unknown columns and wrong
operators fail as on the real server. Functions that only PostgreSQL has are defined here.
"""

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any, Final

from connectors.maarch.local_time import read_local, write_local

TABLES: Final = {
    "res_view_letterbox": (
        *("res_id INTEGER PRIMARY KEY", "subject", "category_id", "status", "type_id INTEGER", "model_id INTEGER"),
        *("destination", "initiator", "alt_identifier", "priority", "barcode", "custom_fields", "linked_resources"),
        *("creation_date", "modification_date", "doc_date", "admission_date", "departure_date"),
        *("process_limit_date", "closing_date"),
    ),
    "acknowledgement_receipts": ("id INTEGER PRIMARY KEY", "res_id INTEGER", "format", "creation_date", "send_date"),
    "resource_contacts": ("id INTEGER PRIMARY KEY", "res_id INTEGER", "item_id INTEGER", "type", "mode"),
    "contacts": (
        *("id INTEGER PRIMARY KEY", "firstname", "lastname", "company", "email", "phone", "notes"),
        *("address_street", "address_postcode", "address_town"),
    ),
}
_CUSTOM_FIELD: Final = re.compile(r"custom_fields\s*->>\s*'(\w+)'")
_ZEROS: Final = re.compile(r"\.?0+$")

Row = dict[str, Any]


class Database:
    """In-memory database with `TABLES`, usable from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._database = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._database.row_factory = sqlite3.Row
        self._database.create_function("GREATEST", -1, _greatest, deterministic=True)
        self._database.create_function("CUSTOM_FIELD", 2, _custom_field, deterministic=True)
        for name, columns in TABLES.items():
            self._database.execute(f"CREATE TABLE {name} ({', '.join(columns)})")

    def insert(self, table: str, row: Mapping[str, Any]) -> int:
        """Insert a row, and return its number."""
        columns, placeholders = ", ".join(row), ", ".join("?" * len(row))
        with self._lock:
            cursor = self._database.execute(
                f"INSERT INTO {table} ({columns}) VALUES ({placeholders})",  # noqa: S608 - names of the simulation
                [_stored(value) for value in row.values()],
            )
        return cursor.lastrowid or 0

    def update(self, letter: int, row: Mapping[str, Any]) -> None:
        """Update columns of a letter."""
        columns = ", ".join(f"{name} = ?" for name in row)
        with self._lock:
            self._database.execute(
                f"UPDATE res_view_letterbox SET {columns} WHERE res_id = ?",  # noqa: S608 - names of the simulation
                [*map(_stored, row.values()), letter],
            )

    def select(self, table: str, select: str, clause: str, order: Sequence[str] = (), limit: int = 0) -> list[Row]:
        """Return the rows that match `clause`, with times in PostgreSQL's notation; `limit` 0 means all.

        Raises `sqlite3.Error` for invalid SQL and unknown columns.
        """
        query = f"SELECT {select} FROM {table} WHERE {clause}"  # noqa: S608 - the interface takes SQL
        query += f" ORDER BY {', '.join(order)}" if order else ""
        query += f" LIMIT {limit}" if limit else ""
        with self._lock:
            rows = self._database.execute(_CUSTOM_FIELD.sub(r"CUSTOM_FIELD(custom_fields, '\1')", query)).fetchall()
        return [{name: _written(row[name]) for name in row.keys()} for row in rows]  # noqa: SIM118 - iterating gives values

    def close(self) -> None:
        """Close the database and discard its rows."""
        self._database.close()


def _greatest(*values: Any) -> Any:
    """Return the greatest value that is not NULL, as PostgreSQL does."""
    return max((value for value in values if value is not None), default=None)


def _custom_field(fields: str | None, number: str) -> Any:
    value = json.loads(fields or "{}").get(number)
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _stored(value: Any) -> Any:
    """Return times with all digits, so that they sort as texts; other values unchanged."""
    try:
        return write_local(read_local(value)) if isinstance(value, str) and len(value) > 10 else value
    except ValueError:
        return value


def _written(value: Any) -> Any:
    """Return times without trailing zeros in the fraction, as PostgreSQL writes them; other values unchanged."""
    try:
        return _ZEROS.sub("", value) if isinstance(value, str) and write_local(read_local(value)) == value else value
    except ValueError:
        return value
