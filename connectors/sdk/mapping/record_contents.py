"""Contents of a record as bytes, by which a change of the record is noticed."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from connectors.sdk.mapping.fields import FieldName, Getter, Record, field_getter, is_expression
from models.codec import UnusableRecord


def contents_reader(names: Sequence[FieldName]) -> Callable[[Record], bytes]:
    """Return a function that returns the values of a record's fields and expressions `names`, as bytes."""
    if not any(map(is_expression, names)):
        return partial(_read_contents, names)
    getters = [field_getter(name) for name in names]

    def read(record: Record) -> bytes:
        return encode_values(_value_or_none(get, record) for get in getters)

    return read


def _read_contents(names: Sequence[str], record: Record) -> bytes:
    values = [record.get(name) for name in names]
    try:
        return repr(values).encode("utf-8", "surrogatepass")
    except (RecursionError, ValueError):  # nested too deep, or a number of too many digits
        return encode_values(values)


def _value_or_none(get: Getter, record: Record) -> Any:
    try:
        return get(record)
    except UnusableRecord:
        return None


def encode_values(values: Iterable[Any]) -> bytes:
    """Return values as bytes that differ if the values do; of values that are too deep or too long, only the types count."""
    return "\x1f".join(map(_represent, values)).encode("utf-8", "surrogatepass")


def _represent(value: Any) -> str:
    try:
        return repr(value)
    except (RecursionError, ValueError):  # nested too deep, or a number of too many digits
        return type(value).__name__
