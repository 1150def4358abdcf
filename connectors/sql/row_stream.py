"""Rows of one query, fetched in pages from a cursor of the database."""

from typing import Any

from sqlalchemy import CursorResult, Engine

from connectors.sdk.errors import SourceMisconfiguredError
from connectors.sql.config import SqlConfig
from connectors.sql.database_errors import is_timeout
from connectors.sql.marks import Mark
from connectors.sql.sessions import abandon, begin, find_cancel, restart_timeout
from connectors.sql.statements import MARK, Statements
from models.locale import _


class RowStream:
    """An open query, in a read-only transaction of its own connection. For one thread; raises SQLAlchemy's errors."""

    def __init__(self, engine: Engine, config: SqlConfig, statements: Statements, lowest: Mark | None) -> None:
        """Run the query for the rows from `lowest` on, or for all. Raises also `SourceMisconfiguredError` for missing columns."""
        self._config = config
        self._statements = statements
        self._result: CursorResult[Any] | None = None
        self._connection = engine.connect()
        try:
            self._cancel = find_cancel(engine, self._connection)
            begin(self._connection, config)
            columns = [*self._connection.execute(statements.columns()).keys()]
            _check_columns(statements.needed, columns)
            statement = statements.rows(columns, is_continued=lowest is not None)
            options = {"stream_results": True, "yield_per": config.page_rows}
            self._result = self._connection.execute(
                statement, {} if lowest is None else {MARK: lowest}, execution_options=options
            )
            self.columns: tuple[str, ...] = tuple(self._result.keys())
        except BaseException as error:
            self._end(error)
            raise

    def read(self) -> list[tuple[Any, ...]]:
        """Return the next page of rows; fewer than `page_rows` at the end."""
        assert self._result is not None
        restart_timeout(self._connection, self._config)
        try:
            return self._result.fetchmany(self._config.page_rows)  # type: ignore[return-value]
        except BaseException as error:
            self._end(error)
            raise

    def has_rows_without_value(self) -> bool:
        """Return whether a row has no value in the cursor column; such rows are not read. Call it after the last page."""
        restart_timeout(self._connection, self._config)
        statement = self._statements.row_without_value()
        try:
            return statement is not None and self._connection.execute(statement).first() is not None
        except BaseException as error:
            self._end(error)
            raise

    def close(self) -> None:
        """End the query and close the connection, without reading the rest of the result; raises nothing."""
        abandon(self._connection, self._result)

    def _end(self, error: BaseException) -> None:
        self.close()
        if is_timeout(error):
            self._cancel()


def _check_columns(needed: list[str], columns: list[str]) -> None:
    missing = [name for name in needed if name not in columns]
    if missing:
        raise SourceMisconfiguredError(
            _("no column {missing}; there are: {columns}", missing=", ".join(missing), columns=", ".join(columns))
        )
