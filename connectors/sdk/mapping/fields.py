"""Access to the values of a record: by the name of a field, or by a JMESPath expression (https://jmespath.org).

A record is an object of fields: a row of a table or query, or a JSON object.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any, Final
from uuid import UUID

import jmespath
from jmespath.exceptions import EmptyExpressionError, JMESPathError, ParseError, UnknownFunctionError
from jmespath.functions import Functions
from pydantic import AfterValidator, StringConstraints

from models.codec import UnusableRecord
from models.locale import _
from models.reasons import Reason

Record = Mapping[str, Any]
Getter = Callable[[Record], Any]
"""Function that returns a value of a record; None if the record has none. Raises `UnusableRecord`."""


def _check_path(expression: str) -> str:
    try:
        jmespath.search(expression, None)
    except (ParseError, EmptyExpressionError):
        raise ValueError(_("is not a JMESPath expression such as data.items")) from None
    except UnknownFunctionError:
        raise ValueError(_("uses a function that JMESPath does not have")) from None
    except JMESPathError:
        pass  # the expression does not fit this empty document
    return expression


JmesPath = Annotated[str, StringConstraints(min_length=1, max_length=1000), AfterValidator(_check_path)]
"""Option type: a JMESPath expression (https://jmespath.org)."""
FieldName = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
"""Option type: the name of a field or column, or a JMESPath expression such as `dossier.demandeur.email`."""

MAX_DIGITS: Final = 100
"""Most digits of a number that is used as a text."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
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
        except Exception:  # noqa: BLE001 - besides its own errors, those of Python for types that it does not expect
            raise UnusableRecord(Reason.INVALID_FIELD, f"{text}: cannot be evaluated") from None
        return (value.strip() or None) if type(value) is str else value

    return get


def text_getter(names: Sequence[FieldName]) -> Callable[[Record], str | None]:
    """Return the getter of the values of `names` as one text, joined by spaces; None if one of them is empty.

    It raises `UnusableRecord` for a list or an object.
    """
    if len(names) == 1:
        get, name = field_getter(names[0]), names[0]

        def get_text(record: Record) -> str | None:
            value = get(record)
            return value if value is None or (type(value) is str and value.isascii()) else _as_text(value, name)

        return get_text
    parts = [text_getter((name,)) for name in names]

    def join(record: Record) -> str | None:
        texts = [text for part in parts if (text := part(record))]
        return " ".join(texts) if len(texts) == len(parts) else None

    return join


def sparse_text_getter(names: Sequence[FieldName]) -> Callable[[Record], str | None]:
    """Return the getter of the values of `names` as one text: joined by spaces, without the empty ones; None if all are empty.

    It raises `UnusableRecord` for a list or an object.
    """
    if len(names) == 1:
        return text_getter(names)
    parts = [text_getter((name,)) for name in names]
    return lambda record: " ".join(text for part in parts if (text := part(record))) or None


def _as_text(value: Any, name: str) -> str:
    """Return a value as text: whole numbers without decimals, times in ISO 8601, `true` and `false` as in JSON."""
    try:
        return as_text(value)
    except ValueError as error:
        raise UnusableRecord(Reason.INVALID_FIELD, f"{name}: {error}") from None


def as_text(value: Any) -> str:
    """Return a single value as text, as conditions compare it. Raises `ValueError`, whose text contains no value."""
    match value:
        case str():
            if value.isascii() or not _SURROGATE.search(value):
                return value
            raise ValueError("not a valid text")
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case Decimal() if value.is_finite() and abs(value.adjusted()) < MAX_DIGITS:
            text = f"{value:f}"
            return text.rstrip("0").rstrip(".") if "." in text else text
        case int() if abs(value) >= 10**MAX_DIGITS:
            raise ValueError("too large a number")
        case float() | Decimal() if not isfinite(value):
            raise ValueError("not a number")
        case datetime() | date() | time():
            return value.isoformat()
        case int() | float() | UUID():
            return str(value)
    raise ValueError("binary data" if isinstance(value, bytes) else "not a single value")


def is_expression(text: FieldName) -> bool:
    """Return whether `text` is a JMESPath expression other than a plain field name."""
    return _compile(text) is not None


def may_be_column(text: FieldName) -> bool:
    """Return whether `text` may name a column of a table: a field name, or a dotted path such as `Nb. file`."""
    try:
        expression = jmespath.compile(text)
    except JMESPathError:
        return True
    return ('"' not in text and _is_path(expression.parsed)) or not _knows_functions(expression.parsed)


def _is_path(node: Any) -> bool:
    return node["type"] in {"field", "subexpression"} and all(map(_is_path, node["children"]))


def _compile(text: str) -> Getter | None:
    """Return the search of the expression `text`; None if it is the name of a field: a single word, or no valid expression."""
    try:
        expression = jmespath.compile(text)
    except JMESPathError:
        return None
    is_name = expression.parsed["type"] == "field" and expression.parsed["value"] == text  # `"a"` is an expression
    if is_name or not _knows_functions(expression.parsed):
        return None
    search: Getter = expression.search
    return search


def _knows_functions(node: Any) -> bool:
    """Return whether all functions that the syntax tree calls exist. `Duration(s)` is a column, not a call."""
    if not isinstance(node, dict):
        return True
    known = node["type"] != "function_expression" or node["value"] in _FUNCTIONS
    return known and all(map(_knows_functions, node["children"]))
