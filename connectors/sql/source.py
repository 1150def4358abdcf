"""Source of the rows of a table or query.

With a cursor column, each query reads the rows from the last read value on, less an overlap. The position is saved with each
page, so that an interrupted read continues. Without a cursor column, each query reads all rows. In both cases, rows that were
read before are known and are skipped.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from connectors.sdk.contract import Context, Outcome
from connectors.sdk.errors import SourceMisconfiguredError, SourceUnavailableError
from connectors.sdk.pull import Backoff, Interval
from connectors.sdk.record_source import Page, PlacedRecord, RecordSource
from connectors.sql.config import SqlConfig
from connectors.sql.database_errors import explained
from connectors.sql.marks import MARK_TYPES, Overlap, decode_mark, encode_mark, is_mark
from connectors.sql.row_stream import RowStream
from connectors.sql.sessions import STREAM_SECONDS, open_engine
from connectors.sql.statements import Statements
from models.locale import _

CHECK_SECONDS: Final = 3600.0
"""Interval of checks for rows without a value in the cursor column."""
BUSY_SECONDS: Final = 1.0
"""Longest time that one `read` skips pages of known rows."""
IDLE_SECONDS: Final = 5.0
"""Time without a read after which an open query is ended, so that the database holds nothing while Kafka is away."""


class SqlSource(RecordSource):
    """Reads the rows of one table or query."""

    def __init__(self, config: SqlConfig, context: Context) -> None:
        """Open the store. Raises `ConnectorError`, and the errors of `Context.pseudonym_key`."""
        self._engine = open_engine(config)
        super().__init__(config, context)
        self._config = config
        self._statements = Statements(config)
        zone = ZoneInfo(config.timezone) if config.timezone else None
        self._overlap = Overlap(config.overlap_seconds, config.overlap, zone)
        self._interval = Interval(config.poll_seconds)
        self._backoff = Backoff()
        self._error: type[SourceUnavailableError] = SourceUnavailableError
        self._rows: RowStream | None = None
        self._count = 0
        self._opened_at = self._read_at = 0.0
        self._checked_at = float("-inf")
        self._is_ended = False
        self._began_at = datetime.now(UTC)
        self._has_rows_without_value = False
        saved = self.positions.get(config.since)
        try:
            mark = decode_mark(saved) if saved is not None else None
        except (msgspec.DecodeError, ValueError, ArithmeticError):
            self.close()
            raise self.damaged() from None
        self._mark = mark if is_mark(mark) else None

    @property
    def trouble(self) -> str:
        """Reason why some rows are not read; empty if all are."""
        if not self._has_rows_without_value:
            return ""
        return _(
            "rows without a value in {column} are not read: replace it in `query`, as by coalesce({column}, …), then run"
            " accueil connectors reread",
            column=self._config.since,
        )

    def read(self, wait_seconds: float) -> Sequence[Outcome]:
        """Return the outcomes of the next page with new or changed rows.

        Return none after `wait_seconds` without rows, or after `BUSY_SECONDS` in which all rows were known. Raises
        `SourceUnavailableError`.
        """
        outcomes = super().read(wait_seconds)
        deadline = time.monotonic() + BUSY_SECONDS  # after the wait, so that an empty query also comes to its end
        while not outcomes and self._rows and time.monotonic() < deadline:
            outcomes = super().read(0.0)
        return outcomes

    def read_page(self) -> Page:
        """Return the next rows of the open query, or of a new one if it is time. Raises `SourceUnavailableError`."""
        if self._backoff.is_paused:
            raise self._error(self._backoff.trouble)
        if self._rows is None and not self._interval.due:
            return Page()
        try:
            with explained(self._config):
                if self._is_ended:
                    self._end_round()
                    return Page()
                rows = self._rows = self._rows or self._open()
                page = rows.read()
            self._check_page(rows.columns, page)
        except SourceUnavailableError as error:
            self._close_rows()
            self._backoff.record_failure(str(error))
            self._error = type(error)
            raise
        self._backoff.record_success()
        self._read_at = time.monotonic()
        return self._make_page(rows, page)

    def pause(self) -> None:
        """End a query that was not read for `IDLE_SECONDS`."""
        if self._rows and time.monotonic() - self._read_at > IDLE_SECONDS:
            self._close_rows()

    def close(self) -> None:
        """Close the store and the connection."""
        self._close_rows()
        super().close()

    def _open(self) -> RowStream:
        lowest = None if self._mark is None else self._overlap.lowest(self._mark)
        self._began_at = datetime.now(UTC)
        self._opened_at = time.monotonic()
        self._count = 0
        return RowStream(self._engine, self._config, self._statements, lowest)

    def _check_page(self, columns: Sequence[str], page: Sequence[Sequence[Any]]) -> None:
        """Raise `SourceMisconfiguredError` if a query without a cursor column has too many rows, or the column a wrong type."""
        config = self._config
        if not config.since:
            if self._count + len(page) > config.max_rows:
                raise SourceMisconfiguredError(
                    _("the query has more than max_rows ({max_rows}) rows: set `since`", max_rows=config.max_rows)
                )
        elif page and not isinstance(page[-1][columns.index(config.since)], MARK_TYPES):
            raise SourceMisconfiguredError(
                _("{column} in `since` must contain times, numbers or texts", column=config.since)
            )

    def _make_page(self, rows: RowStream, page: Sequence[Sequence[Any]]) -> Page:
        columns, first = rows.columns, self._count + 1
        records = [
            PlacedRecord(dict(zip(columns, row, strict=True)), f"row {number}")
            for number, row in enumerate(page, first)
        ]
        self._count += len(page)
        positions = self._advance(records)
        self._is_ended = len(page) < self._config.page_rows
        listing = _listing(is_first=first == 1, is_last=self._is_ended) if self._config.complete else ""
        if not self._is_ended and self._config.since and time.monotonic() - self._opened_at > STREAM_SECONDS:
            self._close_rows()
        return Page(records, positions, listing=listing)

    def _advance(self, records: Sequence[PlacedRecord]) -> dict[str, bytes]:
        """Raise the mark to the last row's value, and return the changed position."""
        since = self._config.since
        if not since:
            return {}
        values = (record.fields[since] for record in reversed(records))
        mark = next((value for value in values if is_mark(value)), None)
        if mark is None:
            return {}
        mark = self._overlap.bounded(mark, self._began_at)
        if self._mark is not None and not self._overlap.is_above(mark, self._mark):
            return {}
        self._mark = mark
        return {since: encode_mark(mark)}

    def _end_round(self) -> None:
        """After the last row, look from time to time for rows that are not read, and close the query."""
        if self._rows and time.monotonic() - self._checked_at > CHECK_SECONDS:
            self._has_rows_without_value = self._rows.has_rows_without_value()
            self._checked_at = time.monotonic()
        self._close_rows()
        self._interval.restart()

    def _close_rows(self) -> None:
        if self._rows:
            self._rows.close()
        self._rows = None
        self._is_ended = False


def _listing(*, is_first: bool, is_last: bool) -> Literal["begins", "continues", "ends", "whole"]:
    """Return the part of a complete list that a page is."""
    if is_first:
        return "whole" if is_last else "begins"
    return "ends" if is_last else "continues"
