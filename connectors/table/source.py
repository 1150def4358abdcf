"""Source of the rows in a set of files.

A file is read in place, up to its end, and on when it grows. After any other change it is read from its beginning: rows that were
read before are known and are skipped.
"""

import glob
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import msgspec
import structlog

from connectors.sdk.contract import Context
from connectors.sdk.errors import ConfigError, SourceMisconfiguredError, describe_os_error, source_error
from connectors.sdk.mapping.fields import is_expression
from connectors.sdk.mapping.options import find_fields
from connectors.sdk.record_source import Page, PlacedRecord, RecordSource
from connectors.table.config import TableConfig
from connectors.table.spreadsheet_rows import SUFFIXES, SpreadsheetRows
from connectors.table.text_rows import START, TextPosition, TextRows, checksum_of
from models.locale import _

PAGE_ROWS: Final = 4000
LIST_SECONDS: Final = 1.0
"""Interval between two listings of the files while there is nothing to read."""
ALWAYS_CHECKED_BYTES: Final = 64 << 20
"""Of a longer file that has grown, only every `CHECK_SECONDS` is it checked that the rows read before are unchanged."""
CHECK_SECONDS: Final = 60.0
SAMPLE_ROWS: Final = 10_000
"""Rows that a trial of a mapping reads from a file."""

log = structlog.get_logger(__name__)


def read_sample(config: TableConfig, path: Path) -> Sequence[PlacedRecord]:
    """Return the first rows of a file, at most `SAMPLE_ROWS`. Raises `ConfigError`."""
    try:
        if path.suffix.lower() in SUFFIXES:
            return SpreadsheetRows(path, config).read(SAMPLE_ROWS)
        with path.open("rb") as file:
            return TextRows(file, config, START).read(SAMPLE_ROWS, is_settled=True)
    except OSError as error:
        raise ConfigError(describe_os_error(error, path)) from None
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None


class FilePosition(msgspec.Struct, array_like=True, frozen=True):
    """Position in one file, with the size and time of modification up to which it is read."""

    size: int
    modified_ns: int
    text: TextPosition = START
    is_settled: bool = False
    """True if also an incomplete last row was read."""


class _OpenFile(NamedTuple):
    name: str
    size: int
    modified_ns: int
    is_settled: bool
    rows: TextRows | SpreadsheetRows
    file: BinaryIO | None


class TableSource(RecordSource):
    """Reads the rows of the files of one instance, the oldest file first."""

    def __init__(self, config: TableConfig, context: Context) -> None:
        """Open the store. Raises `ConnectorError`, and the errors of `Context.pseudonym_key`."""
        super().__init__(config, context)
        self._config = config
        self._fields = [name for name in find_fields(config) if not is_expression(name)]
        self._files = {name: msgspec.msgpack.decode(saved, type=FilePosition) for name, saved in self.positions.items()}
        self._open: _OpenFile | None = None
        self._troubles: dict[str, tuple[int, str]] = {}
        self._listed_at = float("-inf")
        self._checked_at: dict[str, float] = {}

    @property
    def trouble(self) -> str:
        """The files that cannot be read, with the reason; empty if there is none."""
        return "; ".join(f"{name}: {problem}" for name, (_modified, problem) in self._troubles.items())

    def read_page(self) -> Page:
        """Return the next rows of the open file, or of the next file with new rows. Raises `SourceUnavailableError`."""
        if self._open is None and time.monotonic() - self._listed_at >= LIST_SECONDS:
            self._open_next()
        if self._open is None:
            return Page()
        return self._read_open_file(self._open)

    def close(self) -> None:
        """Close the store and the open file."""
        self._close_file()
        super().close()

    def _read_open_file(self, opened: _OpenFile) -> Page:
        try:
            records = self._read_rows(opened.rows, is_settled=opened.is_settled)
        except OSError as error:
            self._close_file()
            raise source_error(error, opened.name) from None
        if len(records) < PAGE_ROWS:
            position = FilePosition(opened.size, opened.modified_ns, _text_position(opened.rows), opened.is_settled)
            self._close_file()
        else:  # of a spreadsheet that is not finished no position is saved
            position = FilePosition(-1, 0, _text_position(opened.rows))
        self._files[opened.name] = position
        return Page(records, {opened.name: msgspec.msgpack.encode(position)})

    def _read_rows(self, rows: TextRows | SpreadsheetRows, *, is_settled: bool) -> list[PlacedRecord]:
        if isinstance(rows, TextRows):
            return rows.read(PAGE_ROWS, is_settled=is_settled)
        return rows.read(PAGE_ROWS)

    def _open_next(self) -> None:
        """Open the oldest file that has changed since it was read; none if no file has."""
        if not self._config.directory.is_dir():
            raise SourceMisconfiguredError(
                _("{directory} is not there: is the path in `files` right?", directory=self._config.directory)
            )
        for path, size, modified_ns in self._list_files():
            name = str(path)
            is_settled = time.time() - modified_ns / 1e9 >= self._config.settle_seconds
            known = self._files.get(name)
            if (
                known
                and (known.size, known.modified_ns) == (size, modified_ns)
                and (known.is_settled or not is_settled)
            ):
                continue
            if self._troubles.get(name, (0, ""))[0] == modified_ns or (
                path.suffix.lower() in SUFFIXES and not is_settled
            ):
                continue
            try:
                self._open = self._open_file(path, size, modified_ns, known, is_settled=is_settled)
            except OSError as error:
                self._report(name, modified_ns, describe_os_error(error, name))
            except ValueError as error:
                self._report(name, modified_ns, str(error))
            else:
                self._troubles.pop(name, None)
                return
        self._listed_at = time.monotonic()

    def _list_files(self) -> Iterator[tuple[Path, int, int]]:
        found = []
        for name in glob.glob(self._config.files):  # noqa: PTH207 - an absolute pattern
            path = Path(name)
            try:
                status = path.stat()
            except OSError:
                continue  # just removed or renamed
            if path.is_file():
                found.append((path, status.st_size, status.st_mtime_ns))
        yield from sorted(found, key=lambda file: (file[2], file[0]))

    def _open_file(
        self, path: Path, size: int, modified_ns: int, known: FilePosition | None, *, is_settled: bool
    ) -> _OpenFile:
        """Open a file at its position, or at its beginning if the rows read before have changed. Raises OSError, `ValueError`."""
        name = str(path)
        if path.suffix.lower() in SUFFIXES:
            if size > self._config.max_megabytes << 20:
                raise ValueError(_("it is larger than max_megabytes"))
            sheet = SpreadsheetRows(path, self._config)
            self._check_columns(sheet.columns)
            return _OpenFile(name, size, modified_ns, is_settled, sheet, None)
        position = known.text if known and self._is_unchanged(path, size, known.text) else START
        file = path.open("rb")
        try:
            rows = TextRows(file, self._config, position)
            self._check_columns(rows.columns)
        except BaseException:
            file.close()
            raise
        if position is START:
            log.info("table_opened", file=name, form=rows.form, columns=len(rows.columns))
        return _OpenFile(name, size, modified_ns, is_settled, rows, file)

    def _is_unchanged(self, path: Path, size: int, position: TextPosition) -> bool:
        """Return whether the bytes read before are still the same."""
        if size < position.offset:
            return False
        now = time.monotonic()
        if size > ALWAYS_CHECKED_BYTES and now - self._checked_at.get(str(path), float("-inf")) < CHECK_SECONDS:
            return True
        self._checked_at[str(path)] = now
        return checksum_of(path, position.offset) == position.checksum

    def _check_columns(self, columns: Sequence[str]) -> None:
        missing = [name for name in self._fields if name not in columns]
        if missing:
            raise ValueError(
                _(
                    "it has no column {missing}; it has: {columns}",
                    missing=", ".join(missing),
                    columns=", ".join(columns),
                )
            )

    def _report(self, name: str, modified_ns: int, problem: str) -> None:
        self._troubles[name] = (modified_ns, problem)
        log.warning("table_unusable", file=name, problem=problem)

    def _close_file(self) -> None:
        if self._open and self._open.file:
            self._open.file.close()
        self._open = None


def _text_position(rows: TextRows | SpreadsheetRows) -> TextPosition:
    return rows.position if isinstance(rows, TextRows) else START
