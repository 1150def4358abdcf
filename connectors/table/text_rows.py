"""Rows of a text file with a table: delimited (RFC 4180 and its relatives) or of fixed width.

The file may grow while it is read: an incomplete last row is left for later.
"""

import codecs
import csv
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from connectors.sdk.record_source import PlacedRecord
from connectors.table.config import TableConfig

DELIMITERS: Final = ";,\t|"
SAMPLE_LINES: Final = 50
"""Lines from which the delimiter is recognised."""
MAX_ROW_LINES: Final = 200
"""Most lines of one row: in a longer one, a quotation mark is not closed."""
MAX_LINE_BYTES: Final = 1 << 20
FALLBACK: Final = "cp1252"
"""Encoding of lines that are not UTF-8: that of Windows in France."""
UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


class TextPosition(msgspec.Struct, array_like=True, frozen=True):
    """Position in a text file, after a row."""

    offset: int
    """Number of bytes read."""
    line: int
    """Number of lines read."""
    checksum: int
    """CRC-32 of the bytes read."""


START: Final = TextPosition(0, 0, 0)


class _UnclosedQuoteError(Exception):
    """A row has more than `MAX_ROW_LINES` lines."""


class TextRows:
    """Reader of the rows of one open file from a position. Close it by closing the file."""

    def __init__(self, file: BinaryIO, config: TableConfig, position: TextPosition) -> None:
        """Read the header. Raises `ValueError` with the problem if the file has none yet, or has an unknown form."""
        self._config = config
        self._encoding = config.encoding
        if wide := _wide_encoding(file, config.encoding):
            # Lines of such files do not end with the byte of a line feed. The file is then read as a whole after each change.
            file.seek(0)
            file, self._encoding = BytesIO(file.read().decode(wide, "replace").encode()), "utf-8"
        self._file = file
        head = _read_sample(file, config.skip_lines)
        self._delimiter = config.delimiter or find_delimiter([self._decode(line) for line in head])
        self._go_to(START)
        for _ in range(config.skip_lines):
            self._read_line()
        header = [] if config.columns else self._read_header()
        self.columns = unique_names(config.columns or header)
        """Names of the columns."""
        if position.offset > self._offset:
            self._go_to(position)

    @property
    def position(self) -> TextPosition:
        """Position after the last row."""
        return TextPosition(self._offset, self._line, self._checksum)

    @property
    def form(self) -> str:
        """Recognised encoding and delimiter, for people."""
        delimiter = {"\t": "tab"}.get(self._delimiter, self._delimiter)
        return f"{self._encoding or 'utf-8'}, {delimiter}"

    def read(self, most: int, *, is_settled: bool) -> list[PlacedRecord]:
        """Return the next rows, at most `most`. An incomplete last row is read only if the file `is_settled`."""
        rows: list[PlacedRecord] = []
        while len(rows) < most:
            before, self._row_line = self.position, self._line
            try:
                row = next(self._rows)
            except StopIteration:
                self._go_to(before)
                break
            except (csv.Error, _UnclosedQuoteError) as error:
                if self._is_at_end and not is_settled:
                    self._go_to(before)
                    break
                rows.append(self._give_up(before, error))
                continue
            if self._is_incomplete and not is_settled:
                self._go_to(before)
                break
            if any(row):
                rows.append(self._place(row, before.line + 1))
        return rows

    def _place(self, row: Sequence[str], line: int) -> PlacedRecord:
        if len(row) == len(self.columns):
            return PlacedRecord(dict(zip(self.columns, row, strict=True)), f"line {line}")
        fields = {f"column {number}": value for number, value in enumerate(row, 1)}
        return PlacedRecord(fields, f"line {line}", f"{len(row)} columns instead of {len(self.columns)}")

    def _give_up(self, before: TextPosition, error: Exception) -> PlacedRecord:
        """Return the first line of a row that cannot be read, and go to the line after it."""
        self._go_to(before)
        text = self._read_line() or ""
        problem = "a quotation mark is not closed" if isinstance(error, _UnclosedQuoteError) else "not a row of a table"
        self._rows = self._start_rows()
        return PlacedRecord({"line": text}, f"line {before.line + 1}", problem)

    def _read_header(self) -> Sequence[str]:
        header = next(self._rows, [])
        if not any(header) or self._is_incomplete:
            raise ValueError("it has no header yet")
        return [name.strip() for name in header]

    def _go_to(self, position: TextPosition) -> None:
        self._file.seek(position.offset)
        self._offset, self._line, self._checksum = position.offset, position.line, position.checksum
        self._row_line = self._line
        self._is_at_end = self._is_incomplete = False
        self._rows = self._start_rows()

    def _start_rows(self) -> Iterator[Sequence[str]]:
        if self._config.widths:
            return map(self._split, self._lines())
        return csv.reader(self._lines(), delimiter=self._delimiter, strict=True)

    def _split(self, line: str) -> Sequence[str]:
        row, begin = [], 0
        for width in self._config.widths:
            row.append(line[begin : begin + width].strip())
            begin += width
        return row

    def _lines(self) -> Iterator[str]:
        while (line := self._read_line()) is not None:
            yield line
            if self._line - self._row_line > MAX_ROW_LINES:
                raise _UnclosedQuoteError
        self._is_at_end = True

    def _read_line(self) -> str | None:
        line = self._file.readline(MAX_LINE_BYTES)
        if not line:
            return None
        self._offset += len(line)
        self._line += 1
        self._checksum = zlib.crc32(line, self._checksum)
        self._is_incomplete = not line.endswith(b"\n")
        return self._decode(line)

    def _decode(self, line: bytes) -> str:
        if self._encoding:
            return line.decode(self._encoding, "replace")
        try:
            return line.decode("utf-8-sig")
        except UnicodeDecodeError:
            return line.decode(FALLBACK, "replace")


def find_delimiter(lines: Sequence[str]) -> str:
    """Return the delimiter that splits most of `lines` into the same number of columns, the more the better; else a semicolon."""

    def rate(delimiter: str) -> tuple[int, int]:
        counts = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        usual = max(counts, key=counts.count, default=1)
        return (counts.count(usual) if usual > 1 else 0), usual

    return max(DELIMITERS, key=rate)


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return column names, with a number added to repeated and empty ones: `Date`, `Date 2`."""
    unique: list[str] = []
    for position, name in enumerate(names, 1):
        name = name or f"column {position}"
        same = sum(known == name for known in names[: position - 1])
        unique.append(f"{name} {same + 1}" if same else name)
    return tuple(unique)


def checksum_of(path: Path, size: int) -> int:
    """Return the CRC-32 of the first `size` bytes of a file."""
    checksum = 0
    with path.open("rb") as file:
        while size > 0 and (chunk := file.read(min(size, 1 << 20))):
            checksum = zlib.crc32(chunk, checksum)
            size -= len(chunk)
    return checksum


def _wide_encoding(file: BinaryIO, encoding: str) -> str:
    """Return the encoding of a file whose characters have two or four bytes; empty for other files."""
    if encoding:
        return encoding if codecs.lookup(encoding).name.startswith(("utf-16", "utf-32")) else ""
    file.seek(0)
    return "utf-16" if file.read(2) in UTF16_MARKS else ""


def _read_sample(file: BinaryIO, skip_lines: int) -> list[bytes]:
    file.seek(0)
    lines = [file.readline(MAX_LINE_BYTES) for _ in range(skip_lines + SAMPLE_LINES)]
    return [line for line in lines[skip_lines:] if line]
