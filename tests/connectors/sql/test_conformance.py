"""The SQL connector on SQLite, in the conformance suite."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import connectors.sql as sql
from connectors.sdk.testing import Conformance, take_part
from connectors.sdk.testing.hostile import CONTENTS, LARGE_BYTES

PERSONAL = ("Mireille Exemple", "mireille.exemple@example.org", "06 39 98 55 11", "demande une aide d'urgence")
COLUMNS = ("number", "changed_at", "call_id", "state", "queue", "caller", "name", "email", "note")
Row = tuple[Any, ...]


def make_rows() -> Iterator[Row]:
    for number in range(1, 61):
        queue = "RSA" if number % 13 else PERSONAL[0]
        time = f"2026-03-16 10:{number % 60:02}:00" if number % 17 else PERSONAL[3]
        state = ("waiting", "answered", "test")[number % 3] if number % 19 else PERSONAL[1]
        caller = PERSONAL[2] if number % 4 else None
        yield number, time, f"c{number}", state, queue, caller, *PERSONAL[:2], PERSONAL[3]


def options(directory: Path) -> dict[str, Any]:
    return {
        "url": f"sqlite:///{directory}/calls.db",
        "table": "calls",
        "since": "number",
        "overlap": 5,
        "page_rows": 7,
        "poll_seconds": 1,
        "timezone": "Europe/Paris",
        "id": "call_id",
        "phone": "caller",
        "email": "email",
        "queue": "queue",
        "values": {"queue": {"RSA": "rsa"}},
        "ignored": {"state": "test"},
        "events": [
            {"event": "call.queued", "time": "changed_at", "when": {"state": ["waiting", "answered"]}},
            {"event": "call.answered", "time": "changed_at", "when": {"state": "answered"}},
        ],
    }


def add(path: Path, rows: list[Row]) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS calls ({', '.join(COLUMNS)})")
        connection.executemany(f"INSERT INTO calls VALUES ({', '.join('?' * len(COLUMNS))})", rows)


class TestSince(Conformance):
    connector = sql.CONNECTOR
    readme = Path(sql.__file__).with_name("README.md")
    personal = PERSONAL

    def options(self, directory: Path) -> dict[str, Any]:
        return options(directory)

    def supply(self, directory: Path, part: int, parts: int) -> None:
        add(directory / "calls.db", take_part([*make_rows()], part, parts))

    def supply_hostile(self, directory: Path) -> None:
        numbers = (
            30 + part / 10_000 for part in count(1)
        )  # between the rows of the first part and those of the second
        rows = []
        for content in CONTENTS.values():
            for value in (content, content.decode("latin-1")):
                for column in range(1, len(COLUMNS)):
                    row = [*next(make_rows())]
                    row[0], row[2] = next(numbers), f"h{len(rows)}"
                    row[column] = value
                    if len(content) < LARGE_BYTES or column == COLUMNS.index("caller"):
                        rows.append(tuple(row))
        add(directory / "calls.db", rows)


class TestSnapshot(TestSince):
    def options(self, directory: Path) -> dict[str, Any]:
        return {**options(directory), "since": ""}
