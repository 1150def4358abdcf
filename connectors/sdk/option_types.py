"""Names of option types, for the documentation of options."""

import types
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from enum import Enum
from pathlib import PurePath
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr

Name = tuple[str, str]
"""Name in English and in French."""

TEXT: Final[Name] = ("text", "texte")
_NAMES: Final[tuple[tuple[type, Name], ...]] = (
    (bool, ("true or false", "true ou false")),
    (int, ("whole number", "nombre entier")),
    (float, ("number", "nombre")),
    (PurePath, ("path", "chemin")),
    (SecretStr, ("secret", "secret")),
    (SecretBytes, ("secret", "secret")),
    (date, ("date", "date")),
    (timedelta, ("duration", "durée")),
    (BaseModel, ("table", "table")),
    (str, TEXT),
    (Mapping, ("table", "table")),
    (Sequence, ("list", "liste")),
    (set, ("list", "liste")),
    (frozenset, ("list", "liste")),
)
"""The first match counts: a bool is also an int, and a text is also a sequence."""


def kind_of(annotation: Any) -> Name:
    """Return the name of the type that `annotation` allows; for an enumeration, its values."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return kind_of(get_args(annotation)[0])
    if origin is Literal:
        return _choice(get_args(annotation))
    if origin in {Union, types.UnionType}:
        kinds = dict.fromkeys(kind_of(member) for member in get_args(annotation) if member is not types.NoneType)
        return " or ".join(english for english, _ in kinds), " ou ".join(french for _, french in kinds)
    kind = origin or annotation
    if not isinstance(kind, type):
        return TEXT
    if issubclass(kind, Enum):
        return _choice(member.value for member in kind)
    return next((name for known, name in _NAMES if issubclass(kind, known)), TEXT)


def _choice(values: Any) -> Name:
    words = ", ".join(f"`{value}`" for value in values)
    return words, words
