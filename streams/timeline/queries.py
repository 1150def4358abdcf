"""Queries as text, written once: to write one, or only to find out that it was written before, takes longer than to answer it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, text

IN_ONE_QUERY: Final = 500
"""SQLite takes some thousands of parameters, and PostgreSQL plans few of them faster."""


class Query:
    """A query, and the names of its columns."""

    def __init__(self, sql: str, *columns: str) -> None:
        """`sql` has a LIMIT if the order of its rows counts."""
        self._plain: Final = text(sql)
        self._columns: Final = columns
        numbers: dict[str, int] = {}
        numbered = _NAME.sub(lambda name: f"?{numbers.setdefault(name[1], len(numbers) + 1)}", sql)
        self._packed: Final = f"SELECT json_group_array(json_array({', '.join(columns)})) FROM ({numbered})"  # noqa: S608
        self._names: Final = tuple(numbers)  # SQLite looks through all names for each of them

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Return its rows. Raises `sqlite3.Error` or SQLAlchemy's errors, which `database.clear` turns into ours.

        SQLite's driver lets go of the interpreter at each row, and has to get it back from whoever else is answered meanwhile: so
        all of them come in one. It is asked without SQLAlchemy, which takes as long as the query; of PostgreSQL that notices
        connections that were lost.
        """
        if connection.dialect.name != "sqlite":
            return connection.execute(self._plain, values).all()
        driver: Any = connection.connection.driver_connection
        ((packed,),) = driver.execute(self._packed, [values[name] for name in self._names]).fetchall()
        rows: Sequence[Sequence[Any]] = _DECODER.decode(packed)
        return rows

    def mappings(self, connection: Connection, values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Return its rows by the names of their columns."""
        return [dict(zip(self._columns, row, strict=True)) for row in self.rows(connection, values)]


_NAME: Final = re.compile(r":(\w+)")
_DECODER: Final = msgspec.json.Decoder(list[list[Any]])


def width_of(number: int) -> int:
    """Return how many a query is written for that asks for so many: the next power of two, so that few are prepared."""
    return 1 << (number - 1).bit_length()


def slices(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield them some at a time, as many as go into one query."""
    return (values[start : start + IN_ONE_QUERY] for start in range(0, len(values), IN_ONE_QUERY))
