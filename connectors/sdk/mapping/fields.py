"""Access to the values of a record: by the name of a field, or by a JMESPath expression (https://jmespath.org).

A record is an object of fields: a row of a table or query, or a JSON object.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Final
from uuid import UUID

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from pydantic import StringConstraints

from models.codec import UnusableRecord
from models.reasons import Reason

Record = Mapping[str, Any]
Getter = Callable[[Record], Any]
"""Function that returns a value of a record; None if the record has none. Raises `UnusableRecord`."""

FieldName = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
"""Option type: the name of a field or column, or a JMESPath expression such as `dossier.demandeur.email`."""

_EVALUATION_ERRORS: Final = (ValueError, TypeError, ArithmeticError, RecursionError)
"""Errors of an expression with unusual values; JMESPath's own errors are `ValueError`s."""
_FUNCTIONS: Final = frozenset(Functions.FUNCTION_TABLE)


def field_getter(text: FieldName) -> Getter:
    """Return the getter of the field named `text`; for records without that field, of the expression `text`.

    The getter returns None for a missing, null or blank value, and strips texts. It raises `UnusableRecord` if the expression
    cannot be evaluated.
    """
    search = _compile(text)
    if search is None:

        def get_field(record: Record) -> Any:
            value = record.get(text)
            return (value.strip() or None) if type(value) is str else value

        return get_field

    def get(record: Record) -> Any:
        try:
            value = record[text] if text in record else search(record)
        except _EVALUATION_ERRORS:
            raise UnusableRecord(Reason.INVALID_FIELD, f"{text}: cannot be evaluated") from None
        return (value.strip() or None) if type(value) is str else value

    return get


def text_getter(names: Sequence[FieldName]) -> Callable[[Record], str | None]:
    """Return the getter of the values of `names` as one text: joined by spaces, without the empty ones; None if all are empty.

    It raises `UnusableRecord` for a list or an object.
    """
    if len(names) == 1:
        get, name = field_getter(names[0]), names[0]

        def get_text(record: Record) -> str | None:
            value = get(record)
            return value if value is None or type(value) is str else _as_text(value, name)

        return get_text
    parts = [text_getter((name,)) for name in names]
    return lambda record: " ".join(text for part in parts if (text := part(record))) or None


def _as_text(value: Any, name: str) -> str:
    """Return a value as text: whole numbers without decimals, times in ISO 8601, `true` and `false` as in JSON."""
    match value:
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case datetime() | date() | time():
            return value.isoformat()
        case int() | float() | Decimal() | UUID():
            return str(value)
    raise UnusableRecord(Reason.INVALID_FIELD, f"{name}: not a single value")


def is_expression(text: FieldName) -> bool:
    """Return whether `text` is a JMESPath expression other than a plain field name."""
    return _compile(text) is not None


def _compile(text: str) -> Getter | None:
    """Return the search of the expression `text`; None if it is the name of a field: a single word, or no valid expression."""
    try:
        expression = jmespath.compile(text)
    except JMESPathError:
        return None
    if expression.parsed["type"] == "field" or not _knows_functions(expression.parsed):
        return None
    search: Getter = expression.search
    return search


def _knows_functions(node: Any) -> bool:
    """Return whether all functions that the syntax tree calls exist. `Duration(s)` is a column, not a call."""
    if not isinstance(node, dict):
        return True
    known = node["type"] != "function_expression" or node["value"] in _FUNCTIONS
    return known and all(map(_knows_functions, node["children"]))
