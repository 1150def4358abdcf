"""Names of option types, for the documentation of options."""

import types
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from enum import Enum
from pathlib import PurePath
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr

from models.locale import N_, translate

TEXT: Final = N_("text")
_NAMES: Final[tuple[tuple[type, str], ...]] = (
    (bool, N_("true or false")),
    (int, N_("whole number")),
    (float, N_("number")),
    (PurePath, N_("path")),
    (SecretStr, N_("secret")),
    (SecretBytes, N_("secret")),
    (date, N_("date")),
    (timedelta, N_("duration")),
    (BaseModel, N_("table")),
    (str, TEXT),
    (Mapping, N_("table")),
    (Sequence, N_("list")),
    (set, N_("list")),
    (frozenset, N_("list")),
)
"""Names of types; the first match counts: a bool is also an int, and a text is also a sequence."""


def kind_of(annotation: Any, language: str) -> str:
    """Return the names of the types that `annotation` allows, in `language`, without None; for an enumeration, its values."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return kind_of(get_args(annotation)[0], language)
    if origin is Literal:
        return _choice(get_args(annotation))
    if origin in {Union, types.UnionType}:
        kinds = (kind_of(member, language) for member in get_args(annotation) if member is not types.NoneType)
        return translate(N_(" or "), language).join(dict.fromkeys(kinds))
    kind = origin or annotation
    if not isinstance(kind, type):
        return translate(TEXT, language)
    if issubclass(kind, Enum):
        return _choice(member.value for member in kind)
    return translate(next((name for known, name in _NAMES if issubclass(kind, known)), TEXT), language)


def _choice(values: Any) -> str:
    return ", ".join(f"`{value}`" for value in values)
