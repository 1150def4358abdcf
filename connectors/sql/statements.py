"""Statements that read a table or a query. Pure."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, Select, bindparam, literal_column, select, text
from sqlalchemy import column as named_column
from sqlalchemy import table as named_table

from connectors.sdk.mapping.fields import is_expression
from connectors.sdk.mapping.options import find_fields
from connectors.sql.config import SqlConfig

MARK: Final = "accueil_mark"
"""Parameter with the value from which rows are read."""
_ROWS: Final = "accueil_rows"
_NEVER: Final = literal_column("1") == literal_column("0")
"""Condition that no row meets; not every database has `false`."""


class Statements:
    """The statements of one configuration."""

    def __init__(self, config: SqlConfig) -> None:
        self._rows = _named(config.table) if config.table else _queried(config.query)
        self._since: ColumnElement[Any] | None = named_column(config.since) if config.since else None
        fields = find_fields(config)
        self.needed = [*dict.fromkeys(name for name in (config.since, *fields) if name and not is_expression(name))]
        """Columns that must exist."""
        self._is_whole = any(map(is_expression, fields))

    def columns(self) -> Select[Any]:
        """Return a statement whose result has all columns and no rows."""
        return select(literal_column("*")).select_from(self._rows).where(_NEVER)

    def rows(self, columns: Sequence[str], *, is_continued: bool) -> Select[Any]:
        """Return the statement that reads the rows, in the order of the cursor column.

        It selects all `columns` if expressions of the mapping may read them, and otherwise only the needed ones. If
        `is_continued`, it reads the rows from the parameter `MARK` on.
        """
        wanted = columns if self._is_whole else self.needed
        statement: Select[Any] = select().add_columns(*map(named_column, wanted)).select_from(self._rows)
        if self._since is None:
            return statement
        condition = self._since >= bindparam(MARK) if is_continued else self._since.is_not(None)
        return statement.where(condition).order_by(self._since)

    def row_without_value(self) -> Select[Any] | None:
        """Return the statement that reads one row without a value in the cursor column; None without a cursor column."""
        if self._since is None:
            return None
        return select(literal_column("1")).select_from(self._rows).where(self._since.is_(None)).limit(1)


def _named(name: str) -> FromClause:
    schema, _dot, table = name.rpartition(".")
    return named_table(table, schema=schema or None)


def _queried(query: str) -> FromClause:
    # A colon would begin a parameter. A line break ends a comment at the end of the query.
    return text(query.replace(":", "\\:") + "\n").columns().subquery(_ROWS)
