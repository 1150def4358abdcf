"""Base class of connector configurations, and their documentation table."""

import json
import os
import types
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from enum import Enum
from pathlib import Path, PurePath
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple, Union, get_args, get_origin
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from connectors.sdk.config_errors import format_error, list_details
from connectors.sdk.contact_reasons import ContactReasons
from connectors.sdk.errors import ConfigError, describe_os_error
from connectors.sdk.exclusive_resources import ExclusiveResource
from models.envelope import Label
from models.locale import N_, _, translate


def check_zone(name: str) -> str:
    """Return `name` if it is a time zone. Raises `ValueError` otherwise."""
    try:
        ZoneInfo(name)
    except (ValueError, LookupError, OSError):
        raise ValueError(_("must be a time zone, as Europe/Paris")) from None
    return name


Zone = Annotated[str, AfterValidator(check_zone)]
"""Option type: a time zone."""
Sector = Annotated[Label, StringConstraints(min_length=1)]
"""Option type: a sector. Each sector has its own pseudonym key."""
Explain = Callable[[ErrorDetails], str]
"""Returns a line about an error in the settings: the key and the message, without the given value."""
_HEAD: Final = N_("| option | kind | default | meaning |")
_TEXT: Final = N_("text")
_TYPES: Final[tuple[tuple[type, str], ...]] = (
    (bool, N_("true or false")),
    (int, N_("whole number")),
    (float, N_("number")),
    (PurePath, N_("path")),
    (SecretStr, N_("secret")),
    (date, N_("date")),
    (timedelta, N_("duration")),
    (BaseModel, N_("table")),
    (str, _TEXT),
    (Mapping, N_("table")),
    (Sequence, N_("list")),
    (set, N_("list")),
    (frozenset, N_("list")),
)
"""Names of types; the first match counts: a bool is also an int, and a text is also a sequence."""


class Options(BaseModel):
    """A table of options. It is frozen, rejects unknown keys, and requires a description of every option.

    A secret option (`SecretStr`) `x` can also be given as `x_file`, a file that contains it, or `x_env`, an environment variable.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)
    described_apart: ClassVar[frozenset[str]] = frozenset()
    """Names of options that another page describes; `walk` leaves them out."""
    kind_name: ClassVar[str] = ""
    """Name of the type in tables of options, for a table that several options share; `walk` does not list its options."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Raise `TypeError` for an option without a description."""
        super().__pydantic_init_subclass__(**kwargs)
        if undocumented := [name for name, option in cls.model_fields.items() if not option.description]:
            raise TypeError(f"{cls.__name__}: no description of {', '.join(undocumented)}")

    @model_validator(mode="before")
    @classmethod
    def _fetch_secrets(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        values = dict(given)
        for name in (name for name, option in cls.model_fields.items() if is_secret(option.annotation)):
            if path := values.pop(f"{name}_file", None):
                values[name] = _read_secret(Path(path), f"{name}_file")
            elif variable := values.pop(f"{name}_env", None):
                values[name] = _read_variable(variable, f"{name}_env")
        return values


class ConnectorConfig(Options):
    """Configuration of one connector instance."""

    def exclusive_resources(self) -> Iterator[ExclusiveResource]:
        """Yield the resources that no other instance may use: files and folders here, but not shared `…_file` options."""
        for name in type(self).model_fields:
            if isinstance(path := getattr(self, name), Path) and not name.endswith("_file"):
                yield ExclusiveResource.of_path(name, path)

    @classmethod
    def explain_errors(cls, error: ValidationError, given: Mapping[str, Any], explain: Explain) -> list[str]:  # noqa: ARG003
        """Return a line per error in the options `given`; `explain` formats an error in the settings."""
        return [explain(detail) for detail in list_details(error)]


def parse(
    model: type[ConnectorConfig], instance: str, given: Mapping[str, Any], contact_reasons: ContactReasons | None = None
) -> ConnectorConfig:
    """Return the configuration of `instance`, whose reasons for contact must be in `contact_reasons`; None: any.

    Raises `ConfigError` with one line per error: the key, starting at `instance`, and the allowed values, but no given value.
    """
    try:
        return model.model_validate(given, context=contact_reasons)
    except ValidationError as error:
        lines = model.explain_errors(error, given, lambda detail: format_error(detail, model, instance))
        raise ConfigError("\n".join(lines)) from None


def is_secret(annotation: Any) -> bool:
    """Return whether an option of this type is a secret."""
    return annotation is SecretStr or any(map(is_secret, get_args(annotation)))


def table(model: type[Options], language: str = "en", left_out: Collection[str] = ()) -> str:
    """Return the options of `model` as a Markdown table, without those in `left_out`.

    Options of nested tables follow the table's own row. Descriptions that no catalogue of `language` has stay in English.
    """
    options = (option for option in walk(model) if option.path not in left_out)
    return "\n".join((translate(_HEAD, language), "|---|---|---|---|", *(_row(option, language) for option in options)))


class Option(NamedTuple):
    """One option of a model or of a nested table, and its path, for example `queues.<name>.label`."""

    path: str
    field: FieldInfo


def walk(model: type[Options], prefix: str = "") -> Iterator[Option]:
    """Yield every option, followed by the options of its nested tables."""
    for name, field in model.model_fields.items():
        if name in model.described_apart:
            continue
        path = f"{prefix}{name}"
        yield Option(path, field)
        for below, inner in _tables(field.annotation, path):
            yield from walk(inner, f"{below}.")


def _tables(annotation: Any, path: str) -> Iterator[tuple[str, type[Options]]]:
    """Yield the models of the tables allowed at `path`, each with its path."""
    if isinstance(annotation, type) and issubclass(annotation, Options):
        if not annotation.kind_name:
            yield path, annotation
        return
    origin = get_origin(annotation)
    if isinstance(origin, type) and issubclass(origin, Collection):
        path += ".<name>" if issubclass(origin, Mapping) else "[]"
    for inner in get_args(annotation):
        yield from _tables(inner, path)


def _row(option: Option, language: str) -> str:
    path, field = option
    default = (
        translate(N_("*required*"), language)
        if field.is_required()
        else _format_default(field.get_default(call_default_factory=True))
    )
    meaning = " ".join((field.description or "").split())
    return f"| `{path}` | {kind_of(field.annotation, language)} | {default} | {translate(meaning, language)} |"


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
        return translate(_TEXT, language)
    if issubclass(kind, Enum):
        return _choice(member.value for member in kind)
    if issubclass(kind, Options) and kind.kind_name:
        return translate(kind.kind_name, language)
    return translate(next((name for known, name in _TYPES if issubclass(kind, known)), _TEXT), language)


def _choice(values: Any) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _format_default(default: Any) -> str:
    """Return a default in TOML syntax; empty if the option has none."""
    match default:
        case None:
            return ""
        case Enum():
            return _format_default(default.value)
        case bool():
            return f"`{str(default).lower()}`"
        case str() | PurePath() | SecretStr():
            return f"`{json.dumps(str(default), ensure_ascii=False)}`"
        case Options() | Mapping():
            return "`{…}`" if isinstance(default, Mapping) and default else "`{}`"
        case tuple() | list():
            return f"`[{', '.join(_format_default(item).strip('`') for item in default)}]`"
        case _:
            return f"`{default}`"


def _read_secret(path: Path, key: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"({key}) {describe_os_error(error, path)}") from None
    except UnicodeDecodeError:
        raise ValueError(_("({key}) {path} is not a text file", key=key, path=path)) from None


def _read_variable(variable: str, key: str) -> str:
    try:
        return os.environ[variable]
    except KeyError:
        raise ValueError(_("({key}) the variable {variable} is not set", key=key, variable=variable)) from None
