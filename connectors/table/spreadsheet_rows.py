"""Rows of a spreadsheet: Excel or OpenDocument. The file is read as a whole."""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from python_calamine import CalamineError, CalamineWorkbook

from connectors.sdk.config_errors import suggest
from connectors.sdk.record_source import PlacedRecord
from connectors.table.config import TableConfig
from connectors.table.text_rows import unique_names
from models.locale import _

SUFFIXES: Final = frozenset({".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"})

_ZIP_ERRORS: Final = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError)
_CHUNK_BYTES: Final = 1 << 20


class SpreadsheetRows:
    """The rows of one spreadsheet, read into memory."""

    def __init__(self, path: Path, config: TableConfig) -> None:
        """Read the sheet. Raises OSError, and `ValueError` with the problem."""
        with _open_book(path) as book:
            if config.sheet and config.sheet not in book.sheet_names:
                raise ValueError(
                    _("it has no sheet {name}", name=config.sheet) + suggest(config.sheet, book.sheet_names)
                )
            sheet = book.get_sheet_by_name(config.sheet) if config.sheet else book.get_sheet_by_index(0)
            rows: list[list[Any]] = sheet.to_python(skip_empty_area=False)
        header = config.skip_lines
        names = config.columns or [str(name).strip() for name in (rows[header] if len(rows) > header else ())]
        if not any(names):
            raise ValueError(_("it has no header"))
        self.columns = unique_names(names)
        """Names of the columns."""
        self._rows = rows
        self._next = header + (not config.columns)

    def read(self, most: int) -> list[PlacedRecord]:
        """Return the next rows that are not empty, at most `most`."""
        found: list[PlacedRecord] = []
        while len(found) < most and self._next < len(self._rows):
            row = self._rows[self._next]
            self._next += 1
            if any(cell != "" and not (isinstance(cell, str) and cell.isspace()) for cell in row):
                found.append(self._place(row, self._next))
        return found

    def _place(self, row: Sequence[Any], number: int) -> PlacedRecord:
        fields = dict(zip(self.columns, row, strict=False))
        return PlacedRecord(fields, f"row {number}")


def list_sheets(path: Path) -> list[str]:
    """Return the names of the sheets, the first one first. Raises OSError, and `ValueError` with the problem."""
    with _open_book(path) as book:
        return list(book.sheet_names)


@contextmanager
def _open_book(path: Path) -> Iterator[CalamineWorkbook]:
    """Open a spreadsheet. Raises OSError, and `ValueError` with the problem, also for what is read of it."""
    try:
        if path.suffix.lower() == ".ods":
            _check_is_whole(path)
        with CalamineWorkbook.from_path(path) as book:
            yield book
    except (CalamineError, OSError, *_ZIP_ERRORS) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise ValueError(_("it is not a readable spreadsheet ({error})", error=type(error).__name__)) from None


def _check_is_whole(path: Path) -> None:
    """Raise `ValueError` if the content of an OpenDocument file has no end: calamine would then read forever."""
    end = b""
    with zipfile.ZipFile(path) as book, book.open("content.xml") as content:
        while chunk := content.read(_CHUNK_BYTES):
            end = (end + chunk)[-100:]
    if not end.rstrip().endswith(b"document-content>"):
        raise ValueError(_("it is incomplete or encrypted"))
