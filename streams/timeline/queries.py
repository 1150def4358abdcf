"""Cached text of SQL queries. Building a query with SQLAlchemy takes longer than its execution, even with its cache."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, text

IN_ONE_QUERY: Final = 500
"""Maximum of values in one query. SQLite accepts some thousands of parameters; PostgreSQL plans fewer faster."""


class Query:
    """A query and the names of its columns."""

    def __init__(self, sql: str, *columns: str) -> None:
        """Prepare `sql`, whose result has these `columns` in order. If the order of the rows matters, it must have a LIMIT."""
        self._plain: Final = text(sql)
        self._columns: Final = columns
        numbers: dict[str, int] = {}
        numbered = _NAME.sub(lambda name: f"?{numbers.setdefault(name[1], len(numbers) + 1)}", sql)
        self._packed: Final = f"SELECT json_group_array(json_array({', '.join(columns)})) FROM ({numbered})"  # noqa: S608
        self._names: Final = tuple(numbers)  # positional: SQLite would search the list of names for each parameter

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Return the rows. Raises `sqlite3.Error` or SQLAlchemy's errors, which `database.database_errors` translates.

        SQLite returns all rows as one JSON value, because its driver releases the GIL at each row and then waits for other
        threads. SQLite is queried without SQLAlchemy, which takes as long as the query itself. For PostgreSQL, SQLAlchemy detects
        lost connections.
        """
        if connection.dialect.name != "sqlite":
            return connection.execute(self._plain, values).all()
        driver: Any = connection.connection.driver_connection
        ((packed,),) = driver.execute(self._packed, [values[name] for name in self._names]).fetchall()
        rows: Sequence[Sequence[Any]] = _DECODER.decode(packed)
        return rows

    def mappings(self, connection: Connection, values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Return the rows as mappings by column name."""
        return [dict(zip(self._columns, row, strict=True)) for row in self.rows(connection, values)]


_NAME: Final = re.compile(r":(\w+)")
_DECODER: Final = msgspec.json.Decoder(list[list[Any]])


def rows_of(
    connection: Connection, sql: str, columns: tuple[str, ...], contacts: Iterable[str]
) -> Iterator[Sequence[Any]]:
    """Yield the rows of a query, which is run for a slice of the contacts at a time. `{contacts}` in `sql` stands for these."""
    for some in slices(list(contacts)):
        width = width_of(len(some))
        values = {f"contact_{number}": some[min(number, len(some) - 1)] for number in range(width)}
        yield from _make_query(sql, columns, width).rows(connection, values)


@cache
def _make_query(sql: str, columns: tuple[str, ...], width: int) -> Query:
    return Query(sql.replace("{contacts}", ", ".join(f":contact_{number}" for number in range(width))), *columns)


def width_of(number: int) -> int:
    """Return the least power of two that is at least `number`: queries are prepared for few numbers of values only."""
    return 1 << (number - 1).bit_length()


def slices(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the values in slices of at most `IN_ONE_QUERY`."""
    return (values[start : start + IN_ONE_QUERY] for start in range(0, len(values), IN_ONE_QUERY))
