"""Columns of a table: whether a file has those that the mapping names."""

from collections.abc import Sequence
from typing import Final

from connectors.sdk.config_errors import suggest
from connectors.sdk.mapping.fields import may_be_column
from connectors.sdk.mapping.options import find_fields
from connectors.sdk.samples import seems_title
from connectors.table.config import TableConfig
from models.locale import _

MAX_SHOWN_COLUMNS: Final = 20
"""Most columns that a message lists."""
ROW_DIGITS: Final = 4
"""Digits in the name of a column from which it seems to be a value, such as a year, and its line no header."""
MAX_COMPARED_COLUMNS: Final = 200
"""Most columns that are compared with a missing one, to name the most similar."""


class MissingColumnsError(ValueError):
    """A file lacks columns that the mapping names.

    The text may be logged, `columns` may not: without a header, the first row is taken for one.
    """

    def __init__(self, text: str, columns: Sequence[str]) -> None:
        super().__init__(text)
        self.columns: Final = columns


def named_columns(config: TableConfig) -> list[str]:
    """Return the columns that the mapping names."""
    return [name for name in find_fields(config) if may_be_column(name)]


def check_columns(named: Sequence[str], columns: Sequence[str]) -> None:
    """Raise `MissingColumnsError` if a file with these columns has not all that the mapping names."""
    missing = [name for name in named if name not in columns]
    if missing:
        # Without a header, the first row is taken for one: its values must not be logged.
        text = _("it has no column {missing} among {count}", missing=", ".join(missing), count=len(columns))
        if seems_title(columns):
            text += _("; if the first line is a title, set skip_lines to the number of lines above the header")
        if spaced := next((name for name in columns if name.split() == missing[0].split()), ""):
            text += _('; its spaces are special: write "{name}"', name=_escape_spaces(spaced))
            raise MissingColumnsError(text, columns)
        raise MissingColumnsError(text + suggest(missing[0], columns[:MAX_COMPARED_COLUMNS]), columns)


def list_columns(error: ValueError) -> str:
    """Return the continuation of a message with the columns that a file has instead of missing ones; empty for other errors.

    If a column has many digits, the file has no header, and its first row is not shown.
    """
    columns = error.columns if isinstance(error, MissingColumnsError) else ()
    if not columns:
        return ""
    if any(sum(map(str.isdigit, name)) >= ROW_DIGITS for name in columns):
        return _("; the first line seems to be a record: if there is no header, set `columns`")
    more = ", …" if len(columns) > MAX_SHOWN_COLUMNS else ""
    return _("; columns found: {columns}", columns=", ".join(columns[:MAX_SHOWN_COLUMNS]) + more)


def _escape_spaces(name: str) -> str:
    """Return a column name for TOML: invisible characters, such as no-break spaces and line breaks, are escaped."""
    return "".join(f"\\u{ord(sign):04X}" if sign.isspace() and sign != " " else sign for sign in name)
