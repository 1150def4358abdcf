"""Table of calls in a real database, and the events that its rows must give."""
# ruff: noqa: DTZ001 - databases store times without an offset

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, NullPool, create_engine, text

from connectors.sdk.testing import ConnectorHarness
from connectors.sql import CONNECTOR
from models.events import Event
from tests.support.mariadb import MariaDb, running_mariadb
from tests.support.postgres import Postgres, running_postgres

Server = Postgres | MariaDb
BEGIN: Final = datetime(2026, 3, 16, 9, 0)
MAPPING: Final[Mapping[str, Any]] = {
    "timezone": "UTC",
    "id": "call_id",
    "phone": "caller",
    "queue": "queue",
    "values": {"queue": {"rsa": "rsa", "pmi": "pmi"}},
    "events": [
        {"event": "call.queued", "time": "queued_at"},
        {"event": "call.answered", "time": "answered_at", "when": "answered_at"},
        {"event": "call.ended", "time": "ended_at", "when": "ended_at"},
    ],
}
Fact = tuple[str, datetime, str]
"""Type and time of an event, and its queue, if it has one."""


@contextmanager
def running_server(kind: str) -> Iterator[Server]:
    with running_postgres() if kind == "postgres" else running_mariadb() as server:
        yield server


class Calls:
    """The table `calls` of a server. Its column `changed_at` has the time at which a transaction changed the row."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.engine = create_engine(server.url, poolclass=NullPool, isolation_level="READ COMMITTED")
        self.execute("DROP TABLE IF EXISTS calls")
        self.execute(
            "CREATE TABLE calls (call_id VARCHAR(40) PRIMARY KEY, caller VARCHAR(40), queue VARCHAR(40),"
            f" queued_at {self.time}, answered_at {self.time}, ended_at {self.time}, changed_at {self.time})"
        )
        self.execute("CREATE INDEX calls_changed ON calls (changed_at)")

    @property
    def time(self) -> str:
        return "TIMESTAMP" if self.engine.dialect.name == "postgresql" else "DATETIME(6)"

    def execute(self, statement: str, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), values)

    def options(self, **changes: Any) -> dict[str, Any]:
        url = self.server.url.replace("+psycopg", "").replace("+pymysql", "")
        return {"url": url, "table": "calls", "since": "changed_at", "poll_seconds": 1, **MAPPING, **changes}

    def harness(self, directory: Path, **changes: Any) -> ConnectorHarness:
        return ConnectorHarness(CONNECTOR, self.options(**changes), directory / "data", directory / "keys")

    def add(
        self, numbers: Iterable[int], changed_at: datetime | None = None, connection: Connection | None = None
    ) -> None:
        """Insert a row per number, changed one second after the other, or all at `changed_at`."""
        rows = [
            {"id": f"C-{number}", "at": queued_at, "changed_at": changed_at or queued_at}
            for number in numbers
            for queued_at in [BEGIN + timedelta(seconds=number)]
        ]
        insert = text("INSERT INTO calls VALUES (:id, '06 39 98 12 34', 'rsa', :at, NULL, NULL, :changed_at)")
        if connection is not None:
            connection.execute(insert, rows)
            return
        with self.engine.begin() as own:
            own.execute(insert, rows)

    def expected(self) -> dict[str, set[Fact]]:
        """Return the facts that the rows now give, by call."""
        with self.engine.connect() as connection:
            rows = connection.execute(text("SELECT call_id, queue, queued_at, answered_at, ended_at FROM calls")).all()
        return {
            call: {
                (kind, at, queue if kind == "call.queued" else "")
                for kind, at in (("call.queued", queued), ("call.answered", answered), ("call.ended", ended))
                if at is not None
            }
            for call, queue, queued, answered, ended in rows
        }


def last_facts(events: Iterable[Event]) -> dict[str, set[Fact]]:
    """Return the facts of each call's contact that is not retracted. Fails if a call has several of them."""
    contacts: dict[str, set[Fact]] = defaultdict(set)
    retracted = set()
    for event in events:
        if event.type == "contact.retracted":
            retracted.add(event.subject)
        else:
            queue = getattr(event.data, "queue", "") if event.type == "call.queued" else ""
            contacts[event.subject].add((event.type, event.time.replace(tzinfo=None), queue))
    facts: dict[str, set[Fact]] = {}
    for subject, found in contacts.items():
        if subject not in retracted:
            call = call_of(subject)
            assert call not in facts, f"{call} has several contacts"
            facts[call] = found
    return facts


def call_of(subject: str) -> str:
    """Return the id of the call of a contact, whose later versions end in `-v2`, `-v3` and so on."""
    return re.sub(r"-v\d+$", "", subject.rpartition(":")[2])
