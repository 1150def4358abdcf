"""The base of every connector's configuration, and the table that documents it."""

import json
import os
from collections import ChainMap
from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from pathlib import Path, PurePath
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple, get_args, get_origin
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

from connectors.sdk.config_errors import explain
from connectors.sdk.errors import ConfigError, describe_os_error
from connectors.sdk.exclusive_resources import ExclusiveResource
from connectors.sdk.i18n import say
from connectors.sdk.option_types import kind_of
from models.envelope import Label

Language = Literal["en", "fr"]


def check_zone(name: str) -> str:
    """Return `name`, the name of a time zone. Raises `ValueError` if it is none."""
    try:
        ZoneInfo(name)
    except (ValueError, LookupError, OSError):
        raise ValueError(
            say("must be a time zone, as Europe/Paris", "attend un fuseau horaire, comme Europe/Paris")
        ) from None
    return name


Zone = Annotated[str, AfterValidator(check_zone)]
"""An option: a time zone."""
Sector = Annotated[Label, StringConstraints(min_length=1)]
"""An option: a sector, whose key makes pseudonyms."""
_HEADS: Final = {
    "en": ("| option | kind | default | meaning |", "|---|---|---|---|"),
    "fr": ("| option | genre | par défaut | sens |", "|---|---|---|---|"),
}


class Options(BaseModel):
    """A table of options: frozen, every key known and documented.

    A secret (`SecretStr`) named `x` may also be given as `x_file`, a file that holds it, or `x_env`, a variable that does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)

    french_descriptions: ClassVar[Mapping[str, str]] = {}
    """What the options mean, by name, as their docstrings say it in English; those of a base need not be told again."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse an option that nobody documented, and a French text of an option that is not there."""
        super().__pydantic_init_subclass__(**kwargs)
        if bare := [name for name, option in cls.model_fields.items() if not option.description]:
            raise TypeError(f"{cls.__name__}: no description of {', '.join(bare)}")
        of_bases = ChainMap(*(vars(base).get("french_descriptions", {}) for base in cls.__mro__))
        if unknown := of_bases.keys() - cls.model_fields.keys():
            raise TypeError(f"{cls.__name__}.french_descriptions: no option {', '.join(sorted(unknown))}")
        cls.french_descriptions = of_bases

    @model_validator(mode="before")
    @classmethod
    def _fetch_secrets(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        values = dict(given)
        for name in (name for name, option in cls.model_fields.items() if is_secret(option)):
            if path := values.pop(f"{name}_file", None):
                values[name] = _read_secret(Path(path), f"{name}_file")
            elif variable := values.pop(f"{name}_env", None):
                values[name] = _read_variable(variable, f"{name}_env")
        return values


class ConnectorConfig(Options):
    """The configuration of one instance of a connector."""

    def exclusive_resources(self) -> Iterator[ExclusiveResource]:
        """Yield what no other instance may have, by option: here, files and folders, but not an `…_file`, which many may read."""
        for name in type(self).model_fields:
            if isinstance(path := getattr(self, name), Path) and not name.endswith("_file"):
                yield ExclusiveResource.of_path(name, path)


def parse(model: type[ConnectorConfig], instance: str, given: Mapping[str, Any]) -> ConnectorConfig:
    """Return the configuration of `instance`.

    Raises `ConfigError`, one line per mistake: the key, from `instance` down, and what is allowed; never a value.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise ConfigError("\n".join(explain(error, model, instance))) from None


def is_secret(option: FieldInfo) -> bool:
    """Return whether an option is never to be shown."""
    return _holds_secret(option.annotation)


def table(model: type[Options], language: Language = "en") -> str:
    """Return the options of `model` as a Markdown table, those of tables within it after it.

    In French, what has no French text keeps the English one: see `speaks_french`.
    """
    return "\n".join((*_HEADS[language], *(_row(option, language) for option in walk(model))))


def speaks_french(model: type[Options]) -> bool:
    """Return whether every option says in French too what it means."""
    return all(option.french for option in walk(model))


def _holds_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(map(_holds_secret, get_args(annotation)))


class Option(NamedTuple):
    """One option, of a model or of a table within it."""

    path: str
    """As in `queues.<name>.label`."""
    field: FieldInfo
    french: str
    """What it means, in French; empty if nobody says so."""


def walk(model: type[Options], prefix: str = "") -> Iterator[Option]:
    """Yield every option, those of a table within after it."""
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        yield Option(path, field, model.french_descriptions.get(name, ""))
        for below, inner in _tables(field.annotation, path):
            yield from walk(inner, f"{below}.")


def _tables(annotation: Any, path: str) -> Iterator[tuple[str, type[Options]]]:
    """Yield the models of the tables that may stand at `path`, and the path of each."""
    if isinstance(annotation, type) and issubclass(annotation, Options):
        yield path, annotation
        return
    origin = get_origin(annotation)
    if isinstance(origin, type) and issubclass(origin, Collection):
        path += ".<name>" if issubclass(origin, Mapping) else "[]"
    for inner in get_args(annotation):
        yield from _tables(inner, path)


def _row(option: Option, language: Language) -> str:
    path, field, meaning = option
    required = "*required*" if language == "en" else "*obligatoire*"
    default = required if field.is_required() else _written(field.get_default(call_default_factory=True))
    if language == "en" or not meaning:
        meaning = " ".join((field.description or "").split())
    return f"| `{path}` | {kind_of(field.annotation)[language == 'fr']} | {default} | {meaning} |"


def _written(default: Any) -> str:
    """Return a default as TOML writes it; nothing where there is none."""
    match default:
        case None:
            return ""
        case Enum():
            return _written(default.value)
        case bool():
            return f"`{str(default).lower()}`"
        case str() | PurePath() | SecretStr():
            return f"`{json.dumps(str(default), ensure_ascii=False)}`"
        case Options() | Mapping():
            return "`{…}`" if isinstance(default, Mapping) and default else "`{}`"
        case tuple() | list():
            return f"`[{', '.join(_written(one).strip('`') for one in default)}]`"
        case _:
            return f"`{default}`"


def _read_secret(path: Path, key: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"({key}) {describe_os_error(error, path)}") from None
    except UnicodeDecodeError:
        raise ValueError(say(f"({key}) {path} is no text", f"({key}) {path} n'est pas du texte")) from None


def _read_variable(variable: str, key: str) -> str:
    try:
        return os.environ[variable]
    except KeyError:
        raise ValueError(
            say(f"({key}) the variable {variable} is not set", f"({key}) la variable {variable} n'existe pas")
        ) from None
