"""Rows of a text file with a table: delimited (RFC 4180 and its relatives) or of fixed width.

The file may grow while it is read: an incomplete last row is left for later.
"""

import codecs
import csv
import os
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import BytesIO
from typing import BinaryIO, Final

import msgspec

from connectors.sdk.record_source import PlacedRecord
from connectors.table.config import TableConfig
from models.locale import _

DELIMITERS: Final = ";,\t|"
SAMPLE_LINES: Final = 50
"""Lines from which the delimiter is recognised."""
MAX_ROW_LINES: Final = 200
"""Most lines of one row: in a longer one, a quotation mark is not closed."""
MAX_LINE_BYTES: Final = 1 << 20
"""A longer line is rejected as a whole."""
SAMPLE_CHARACTERS: Final = 10_000
"""Characters of a line from which the delimiter is recognised."""
MAX_SHOWN_BYTES: Final = 10_000
"""Most bytes of an unreadable line in its reject."""
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


class _UnreadableRowError(Exception):
    """A row has more than `MAX_ROW_LINES` lines, or a line is too long. The text says so, in English."""


class TextRows:
    """Reader of the rows of one open file from a position. Close it by closing the file."""

    def __init__(self, file: BinaryIO, config: TableConfig, position: TextPosition) -> None:
        """Read the header. Raises `ValueError` with the problem if the file has none yet, or has an unknown form."""
        self._config = config
        self._encoding = config.encoding
        wide = _wide_encoding(file, config.encoding)
        if wide:
            # Lines of such files do not end with the byte of a line feed. The file is then read as a whole after each change.
            file.seek(0)
            file, self._encoding = BytesIO(file.read().decode(wide, "replace").encode()), "utf-8"
        self._file = file
        self.is_copy = bool(wide)
        """True if the file was copied to memory; offsets are then those of the copy."""
        head = _read_sample(file, config.skip_lines)
        self._delimiter = config.delimiter or find_delimiter([self._decode(line) for line in head])
        self._go_to(START)
        self.columns = unique_names(self._read_header())
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
        encoding = self._config.encoding or ("utf-16" if self.is_copy else "utf-8")
        return f"{encoding}, {'fixed width' if self._config.widths else delimiter}"

    def read(self, most: int, *, is_settled: bool) -> list[PlacedRecord]:
        """Return the next rows, at most `most`. An incomplete last row is read only if the file `is_settled`.

        The position stays before an incomplete row, which may be longer when the file is read again.
        """
        rows: list[PlacedRecord] = []
        while len(rows) < most:
            before, self._row_line = self.position, self._line
            try:
                row = next(self._rows)
            except StopIteration:
                self._go_to(before)
                break
            except (csv.Error, _UnreadableRowError) as error:
                if self._is_at_end and not is_settled:
                    self._go_to(before)
                    break
                rows.append(self._give_up(before, error))
                continue
            if self._is_incomplete and not is_settled:
                self._go_to(before)
                break
            if any(map(str.strip, row)):
                rows.append(self._place(row, before))
            if self._is_incomplete:
                self._go_to(before)
                break
        return rows

    def _place(self, row: Sequence[str], before: TextPosition) -> PlacedRecord:
        place = f"line {before.line + 1}"
        if len(row) == len(self.columns) or (self._config.more_columns and len(row) > len(self.columns)):
            fields = dict(zip(self.columns, row, strict=False))
            is_doubtful = self._line - before.line > 1 and self._contains_rows(row, before)
            return PlacedRecord(
                fields, place, "a quoted value contains lines that look like rows" if is_doubtful else ""
            )
        fields = {f"column {number}": value for number, value in enumerate(row, 1)}
        return PlacedRecord(fields, place, f"{len(row)} columns instead of {len(self.columns)}")

    def _contains_rows(self, row: Sequence[str], before: TextPosition) -> bool:
        """Return whether a row of several lines seems to hide rows, between the stray quotation marks of two rows.

        The last line of a quoted value of the first column always looks like a row.
        """
        if len(row) < 3:  # a text may well contain one delimiter
            return False
        self._file.seek(before.offset)
        lines = self._file.read(self._offset - before.offset).split(b"\n")[1:]
        last = next(index for index in range(len(row) - 1, -1, -1) if "\n" in row[index])
        inner = [line for line in lines if line][: None if last else -1]
        return any(_count_columns(self._decode(line), self._delimiter) == len(row) for line in inner)

    def _give_up(self, before: TextPosition, error: Exception) -> PlacedRecord:
        """Return the first line of a row that cannot be read, and go to the line after it."""
        self._go_to(before)
        text = self._decode(self._file.readline(MAX_SHOWN_BYTES))
        self._go_to(before)
        with suppress(_UnreadableRowError):  # the line is too long
            self._read_line()
        problem = str(error) if isinstance(error, _UnreadableRowError) else _explain(error)
        self._is_incomplete = False
        self._rows = self._start_rows()
        return PlacedRecord({"line": text}, f"line {before.line + 1}", problem)

    def _read_header(self) -> Sequence[str]:
        """Skip the lines before the first row, and return the names of the columns. Raises `ValueError`."""
        try:
            for _line in range(self._config.skip_lines):
                self._read_line()
            header: Sequence[str] = self._config.columns or next(self._rows, ())
        except (csv.Error, _UnreadableRowError):
            raise ValueError(_("it has no readable header: are delimiter and encoding right?")) from None
        if not any(map(str.strip, header)) or (self._is_incomplete and not self._config.columns):
            raise ValueError(_("it has no header yet"))
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
                raise _UnreadableRowError("a quotation mark is not closed")
        self._is_at_end = True

    def _read_line(self) -> str | None:
        line = self._file.readline(MAX_LINE_BYTES)
        if not line:
            return None
        self._add(line)
        self._line += 1
        if len(line) == MAX_LINE_BYTES and self._is_incomplete:
            while self._is_incomplete and (rest := self._file.readline(MAX_LINE_BYTES)):
                self._add(rest)
            raise _UnreadableRowError(f"a line longer than {MAX_LINE_BYTES} bytes")
        return self._decode(line)

    def _add(self, read: bytes) -> None:
        self._offset += len(read)
        self._checksum = zlib.crc32(read, self._checksum)
        self._is_incomplete = not read.endswith(b"\n")

    def _decode(self, line: bytes) -> str:
        if self._encoding:
            return line.decode(self._encoding, "replace").removeprefix("\ufeff")
        try:
            return line.removeprefix(codecs.BOM_UTF8).decode()
        except UnicodeDecodeError:
            return line.decode(FALLBACK, "replace")


def _explain(error: Exception) -> str:
    """Return the problem of a row that `csv` cannot read, in English."""
    text = str(error)
    if "field larger than" in text:
        return f"a value longer than {csv.field_size_limit()} characters"
    return (
        "a quotation mark within a quoted value is not doubled" if "expected after" in text else "not a row of a table"
    )


def find_delimiter(lines: Sequence[str]) -> str:
    """Return the delimiter that splits most of `lines` into the same number of columns, the more the better; else a semicolon."""
    samples = [line[:SAMPLE_CHARACTERS].rstrip("\r\n") for line in lines]

    def rate(delimiter: str) -> tuple[int, int]:
        counts = [count for line in samples if (count := _count_columns(line, delimiter))]
        usual = max(counts, key=counts.count, default=1)
        return (counts.count(usual) if usual > 1 else 0), usual

    return max(DELIMITERS, key=rate)


def _count_columns(line: str, delimiter: str) -> int:
    """Return the number of columns of one line; 0 for a blank line, and for one that is not a row."""
    try:
        return len(next(csv.reader([line], delimiter=delimiter), ()))
    except csv.Error:
        return 0


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return column names, with a number added to repeated and empty ones: `Date`, `Date 2`."""
    taken, counts = set(names), Counter[str]()
    unique: list[str] = []
    for position, name in enumerate(names, 1):
        name = name or f"column {position}"
        counts[name] += 1
        new = name
        while counts[name] > 1 and new in taken:
            new = f"{name} {counts[name]}"
            counts[name] += new in taken
        taken.add(new)
        unique.append(new)
    return tuple(unique)


def checksum_of(descriptor: int, start: TextPosition, end: int) -> int:
    """Return the CRC-32 of the first `end` bytes of an open file as it is now; those before `start` are not read again."""
    checksum, offset = start.checksum, start.offset
    while offset < end and (chunk := os.pread(descriptor, min(end - offset, 1 << 20), offset)):
        checksum = zlib.crc32(chunk, checksum)
        offset += len(chunk)
    return checksum


def _wide_encoding(file: BinaryIO, encoding: str) -> str:
    """Return the encoding of a file whose characters have two or four bytes; empty for other files."""
    if encoding:
        return encoding if codecs.lookup(encoding).name.startswith(("utf-16", "utf-32")) else ""
    file.seek(0)
    return "utf-16" if file.read(2) in UTF16_MARKS else ""


def _read_sample(file: BinaryIO, skip_lines: int) -> list[bytes]:
    file.seek(0)
    lines = [file.readline(MAX_LINE_BYTES) for _line in range(skip_lines + SAMPLE_LINES)]
    return [line for line in lines[skip_lines:] if line]
