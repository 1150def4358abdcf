"""Messages for configuration errors: the key, the allowed values, and the key that was probably meant.

Messages contain no given value, since it may be a secret.
"""

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from models.locale import N_, _

_BARE: Final = re.compile("[A-Za-z0-9_-]+")
_LABEL: Final = "^[A-Za-z0-9._-]*$"
_PLAIN: Final = {
    _LABEL: N_("may have letters without accents, digits, . _ -"),
    "missing": N_("is missing"),
    "extra_forbidden": N_("is unknown"),
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), N_("must be a whole number")),
    **dict.fromkeys(("float_parsing", "float_type", "finite_number"), N_("must be a number")),
    **dict.fromkeys(("bool_parsing", "bool_type"), N_("must be true or false")),
    "string_type": N_("must be a text"),
    "path_type": N_("must be a path"),
    **dict.fromkeys(("tuple_type", "list_type"), N_("must be a list")),
    **dict.fromkeys(("dict_type", "model_type"), N_("must be a table")),
    **dict.fromkeys(
        ("date_type", "date_parsing", "date_from_datetime_parsing"),
        N_("must be a day such as 2026-12-24"),
    ),
    "date_from_datetime_inexact": N_("must be a day, without a time"),
    **dict.fromkeys(("too_short", "string_too_short"), N_("is empty")),
}
"""Messages by pydantic's error types, without the key that begins the line."""
_BOUNDED: Final = {
    **dict.fromkeys(("literal_error", "enum"), N_("must be {expected}")),
    "greater_than_equal": N_("must be at least {ge}"),
    "less_than_equal": N_("must be at most {le}"),
    "greater_than": N_("must be more than {gt}"),
    "less_than": N_("must be less than {lt}"),
    "string_too_long": N_("has more than {max_length} characters"),
    "string_pattern_mismatch": N_("must match {pattern}"),
}
"""Messages with bounds by pydantic's error types. The placeholders are pydantic's names of the bounds."""


def list_details(error: ValidationError) -> list[ErrorDetails]:
    """Return the errors without values.

    Leave out an error if another one is below its path, such as 'too short' for a list whose items are all invalid.
    """
    details = error.errors(include_input=False, include_url=False)
    return [detail for detail in details if not any(_is_below(other, detail) for other in details)]


def error_path(detail: ErrorDetails) -> tuple[int | str, ...]:
    """Return the path of an error: the names of tables and keys, and the indexes of list items from 0."""
    return tuple(part for part in detail["loc"] if part != "[key]")


def format_key_path(keys: Iterable[int | str], given: Any = None) -> str:
    """Return `keys` as a readable path: `a.b #2.c` is the key `c` of the second item of the list `b` in the table `a`.

    If a list item in `given` has a `name`, the path includes it: `policy #2 (letters).calendar`.
    """
    formatted = ""
    for key in keys:
        try:
            given = given[key]
        except (TypeError, LookupError):
            given = None
        if isinstance(key, str):
            shown = key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)  # TOML quotes such keys
            formatted += f".{shown}" if formatted else shown
            continue
        name = given.get("name") if isinstance(given, Mapping) else None
        formatted += f" #{key + 1}" + (f" ({name})" if isinstance(name, str) and name.isprintable() and name else "")
    return formatted


def suggest(word: str, known: Iterable[str], prefix: str = "") -> str:
    """Return `; did you mean …?` with `prefix` and the most similar of `known`, to append to a message; empty if none is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return _("; did you mean {}?").format(prefix + near[0]) if near else ""


def known_keys_at(model: type[BaseModel], keys: Sequence[int | str]) -> list[str]:
    """Return the names allowed in the table at `keys`; none if it is no table. Raises `KeyError` for an unknown key.

    All rows of a table with free row names (`queues.<name>`) allow the same names.
    """
    kind: Any = model
    for key in keys:
        kind = (
            kind.model_fields[str(key)].annotation if _is_model(kind) else next(filter(_is_model, get_args(kind)), None)
        )
    return [field.alias or name for name, field in kind.model_fields.items()] if _is_model(kind) else []


def allowed(detail: ErrorDetails) -> str:
    """Return the message about an invalid value, without its key: the error, or the allowed values.

    An error type without a message here gets pydantic's own, in English.
    """
    kind, bounds = detail["type"], detail.get("ctx", {})
    if "message" in bounds:  # set by our own validators
        return str(bounds["message"])
    if kind == "value_error":
        return str(bounds["error"])
    texts = {name: f"{bound:g}" if isinstance(bound, int | float) else str(bound) for name, bound in bounds.items()}
    if bounds.get("pattern") == _LABEL:
        kind = _LABEL
    if kind in _BOUNDED:
        return _(_BOUNDED[kind]).format(**texts).replace(" or ", _(" or "))
    return _(_PLAIN[kind]) if kind in _PLAIN else detail["msg"].replace("Input should", "should")


def format_error(detail: ErrorDetails, model: type[BaseModel], *above: str) -> str:
    """Return the line of one error of a table, which `model` validated, at the keys `above`."""
    keys = error_path(detail)
    text = f"{format_key_path((*above, *keys))} {allowed(detail)}"
    if detail["type"] == "extra_forbidden":
        *within, last = keys
        text += suggest(str(last), known_keys_at(model, within), f"{format_key_path((*above, *within))}.".lstrip("."))
    return text


def _is_below(detail: ErrorDetails, above: ErrorDetails) -> bool:
    depth = len(above["loc"])
    return detail["loc"][:depth] == above["loc"] and len(error_path(detail)) > depth


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
