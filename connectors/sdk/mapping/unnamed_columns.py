"""Names for the columns of a sample without a header, by their values."""

from collections.abc import Sequence

from connectors.sdk.mapping.fields import Record
from connectors.sdk.mapping.sample_columns import Column, describe_column, join_times_of_day


def name_columns(records: Sequence[Record]) -> list[str]:
    """Return the names of the columns of `records`, which is not empty.

    The first dates are `date`, times of day in the next column with values `time`, and the first telephone numbers `phone`. Other
    columns have their number: `column 3`.
    """
    names: list[str] = []
    previous: Column | None = None
    for number, key in enumerate(records[0], 1):
        column = _describe_as("date", key, records)
        clock = _describe_as("time", key, records)
        name = f"column {number}"
        if column.is_day and "date" not in names:
            name = "date"
        elif previous and previous.is_day and len(join_times_of_day([previous, clock])) == 1:
            name = "time"
        elif column.has_phones and "phone" not in names:
            name = "phone"
        if column.values:
            previous = column if name == "date" else None
        names.append(name)
    return names


def _describe_as(name: str, key: str, records: Sequence[Record]) -> Column:
    """Return the column `key` with another name."""
    return describe_column(name, [{name: record.get(key)} for record in records])
