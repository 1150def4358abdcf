"""What to say of a mistake in a configuration: the key, what is allowed there, and the key that may have been meant.

Never the value: it may be a secret.
"""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from connectors.sdk.words import say

_PLAIN: Final = {
    "missing": ("is missing", "manque"),
    "extra_forbidden": ("is unknown", "est inconnue"),
    **dict.fromkeys(
        ("int_parsing", "int_type", "int_from_float"), ("must be a whole number", "attend un nombre entier")
    ),
    **dict.fromkeys(("float_parsing", "float_type"), ("must be a number", "attend un nombre")),
    **dict.fromkeys(("bool_parsing", "bool_type"), ("must be true or false", "attend true ou false")),
    "string_type": ("must be a text", "attend un texte"),
    "path_type": ("must be a path", "attend un chemin"),
    "tuple_type": ("must be a list", "attend une liste"),
    **dict.fromkeys(("dict_type", "model_type"), ("must be a table", "attend une table")),
}
"""Pydantic's names of mistakes, and what to say of them in English and French."""


def explain(error: ValidationError, model: type[BaseModel], above: str) -> list[str]:
    """Return a line per mistake in a table that `model` was to be made of, and that stands at `above`."""
    return [_tell(detail, model, above) for detail in error.errors(include_url=False, include_input=False)]


def guess(word: str, known: Iterable[str], prefix: str = "") -> str:
    """Return a question whether the nearest of `known` was meant, with `prefix` before it; empty if none is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return say("; did you mean {}?", " ; vouliez-vous dire {} ?").format(prefix + near[0]) if near else ""


def known_at(model: type[BaseModel], keys: Sequence[str]) -> list[str]:
    """Return the names that may stand at `keys`; in a table by name (`queues.<name>`) all rows are alike."""
    place: Any = model
    for key in keys:
        place = (
            place.model_fields[key].annotation if _is_model(place) else next(filter(_is_model, get_args(place)), None)
        )
    return list(place.model_fields) if _is_model(place) else []


def allowed(detail: ErrorDetails) -> str:
    """Return what is wrong with a value, or what is allowed in its place."""
    if plain := _PLAIN.get(detail["type"]):
        return say(*plain)
    bounds = detail.get("ctx", {})
    if french := bounds.get("french"):  # who found the mistake says so in both languages
        return say(detail["msg"], french)
    match detail["type"]:
        case "literal_error":
            return say(f"must be {bounds['expected']}", f"attend {bounds['expected'].replace(' or ', ' ou ')}")
        case "greater_than_equal":
            return say(f"must be at least {bounds['ge']:g}", f"attend au moins {bounds['ge']:g}")
        case "less_than_equal":
            return say(f"must be at most {bounds['le']:g}", f"attend au plus {bounds['le']:g}")
        case "greater_than":
            return say(f"must be more than {bounds['gt']:g}", f"attend plus de {bounds['gt']:g}")
        case "value_error":
            return str(bounds["error"])
        case "string_pattern_mismatch":
            return say(f"must match {bounds['pattern']}", f"doit correspondre à {bounds['pattern']}")
        case _:
            return detail["msg"].replace("Input should", "should")


def _tell(detail: ErrorDetails, model: type[BaseModel], above: str) -> str:
    keys = [str(part) for part in detail["loc"] if part != "[key]"]
    said = f"{'.'.join((above, *keys))} {allowed(detail)}"
    if detail["type"] == "extra_forbidden":
        *within, last = keys
        said += guess(last, known_at(model, within), ".".join((above, *within, "")))
    return said


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
