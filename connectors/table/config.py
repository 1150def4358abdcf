"""Options of one set of files with tables."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from connectors.sdk.exclusive_resources import ExclusiveResource
from connectors.sdk.mapping.config import MappedConfig
from models.locale import _

COMPRESSED: Final = frozenset({".gz", ".bz2", ".xz", ".zst", ".zip"})
"""Suffixes of compressed files, which are skipped: log rotation often leaves them beside the others."""


def _check_encoding(name: str) -> str:
    try:
        b"a".decode(name or "utf-8", "replace")
    except LookupError:  # also for codecs that are no encodings of text, such as hex
        raise ValueError(_("is not an encoding, as utf-8 or cp1252")) from None
    return name


def _check_files(pattern: str) -> str:
    if Path(pattern).suffix.lower() in COMPRESSED:
        raise ValueError(_("must name unpacked files: compressed ones are not read"))
    return pattern


class TableConfig(MappedConfig):
    """Options of one set of files with tables. All files have the same columns."""

    files: Annotated[str, StringConstraints(min_length=1), AfterValidator(_check_files)]
    """Path of the files; `*` and `?` stand for any characters: `/srv/calls/*.csv`. The files are only read. Those that end with
    `.xlsx`, `.xlsm`, `.xls`, `.xlsb` or `.ods` are spreadsheets, all others are text."""
    columns: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = ()
    """Names of the columns, for files without a header."""
    more_columns: bool = False
    """Set it if the rows of files without a header may have further columns after those in `columns`. They are not read."""
    widths: tuple[Annotated[int, Field(ge=1, le=10_000)], ...] = ()
    """Widths of the columns in characters, for files of fixed width."""
    skip_lines: Annotated[int, Field(ge=0, le=1000)] = 0
    """Number of lines before the header, or before the first row."""
    delimiter: Annotated[str, StringConstraints(max_length=1)] = ""
    """Character between columns. Default: semicolon, comma, tab or vertical bar, as found in the file."""
    encoding: Annotated[str, AfterValidator(_check_encoding)] = ""
    """Encoding of text files. Default: UTF-8 or UTF-16, and Windows-1252 (cp1252) for lines that are neither."""
    sheet: str = ""
    """Name of the sheet of spreadsheets. Default: the first."""
    settle_seconds: Annotated[float, Field(ge=0, le=3600)] = 2.0
    """Time without a change before a spreadsheet, or a last line without a line end, is read."""
    max_megabytes: Annotated[int, Field(ge=1, le=256)] = 64
    """Larger spreadsheets are not read; text files may have any size."""

    @model_validator(mode="after")
    def _check_widths(self) -> Self:
        if self.widths and self.columns and len(self.widths) != len(self.columns):
            raise ValueError(_("widths and columns have different numbers of items"))
        if self.more_columns and not self.columns:
            raise ValueError(_("more_columns needs columns"))
        return self

    def exclusive_resources(self) -> Iterator[ExclusiveResource]:
        """Yield nothing: several instances may read the same files."""
        return iter(())

    @property
    def directory(self) -> Path:
        """Directory of the files, up to the first part with a wildcard."""
        parts = Path(self.files).parts[:-1]
        fixed = next(
            (index for index, part in enumerate(parts) if "*" in part or "?" in part or "[" in part), len(parts)
        )
        return Path(*parts[:fixed])
