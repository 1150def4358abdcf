"""The queries of the presets for Asterisk, FreePBX and XiVO on real PostgreSQL and MariaDB servers."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import pytest
from sqlalchemy import Column, Connection, MetaData, Table, create_engine, text
from sqlalchemy.types import DateTime, Integer, String

from connectors.sdk.mapping.config import read_mapping
from tests.support.sql_calls import Server
from tests.support.telephony_tables import TABLES, run_query

NUMBERS: Final = frozenset({"id", "duration", "billsec", "sequence"})
TIMES: Final = frozenset({"calldate", "eventtime"})
"""Columns of the type TIMESTAMP or DATETIME, as in the backends of Asterisk and in FreePBX."""


@pytest.fixture
def connection(server: Server) -> Iterator[Connection]:
    """A connection to a database with the tables of `TABLES`."""
    if not server.runs:
        server.start()
    engine = create_engine(server.url)
    with engine.connect() as connection:
        tables = [_create(connection, name) for name in TABLES]
        connection.commit()
        yield connection
        connection.rollback()
        for table in tables:
            table.drop(connection)
        connection.commit()
    engine.dispose()


def _create(connection: Connection, name: str) -> Table:
    columns, rows = TABLES[name]
    types = {
        column: Integer if column in NUMBERS else DateTime if column in TIMES else String(150) for column in columns
    }
    table = _table(name, types)
    table.create(connection)
    empty = {column: None if column in TIMES or column in NUMBERS else "" for column in columns}
    connection.execute(table.insert(), [{**empty, **_converted(row)} for row in rows])
    return table


def _table(name: str, types: dict[str, Any]) -> Table:
    return Table(name, MetaData(), *(Column(column, kind) for column, kind in types.items()))


def _converted(row: dict[str, Any]) -> dict[str, Any]:
    return {key: datetime.fromisoformat(value) if key in TIMES else value for key, value in row.items()}


@pytest.mark.parametrize("preset", ["asterisk-cdr", "asterisk-cel", "freepbx", "xivo-queue-log"])
def test_a_query_gives_the_same_rows_as_on_sqlite(connection: Connection, preset: str) -> None:
    options = read_mapping(preset)
    query = f"{options['query']} ORDER BY {options['since']}"
    found = [_shown(row) for row in connection.execute(text(query.replace(":", r"\:"))).mappings()]
    expected = [_shown(row) for row in run_query(query)]
    assert len(found) > 3
    assert sorted(found) == sorted(expected)


def _shown(row: Any) -> str:
    return str({column: "" if value is None else str(value) for column, value in row.items()})
