"""The base of every connector's configuration, and the table that documents it."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo

from connectors.sdk.errors import ConfigError, why
from connectors.sdk.mistakes import explain
from connectors.sdk.words import say


class Options(BaseModel):
    """A table of options: frozen, every key known and documented.

    A secret (`SecretStr`) named `x` may also be given as `x_file`, a file that holds it, or `x_env`, a variable that does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse an option that nobody documented."""
        super().__pydantic_init_subclass__(**kwargs)
        if bare := [name for name, option in cls.model_fields.items() if not option.description]:
            raise TypeError(f"{cls.__name__}: no description of {', '.join(bare)}")

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
    return SecretStr in (option.annotation, *get_args(option.annotation))


def table(model: type[Options]) -> str:
    """Return the options of `model` as a Markdown table, those of tables within it after it."""
    return "\n".join(_rows(model, ""))


def _rows(model: type[Options], prefix: str) -> Iterator[str]:
    if not prefix:
        yield "| option | default | meaning |"
        yield "|---|---|---|"
    for name, option in model.model_fields.items():
        default = (
            "*required*" if option.is_required() else f"`{_written(option.get_default(call_default_factory=True))}`"
        )
        meaning = " ".join((option.description or "").split())
        yield f"| `{prefix}{name}` | {default} | {meaning} |"
        for inner in get_args(option.annotation):
            if isinstance(inner, type) and issubclass(inner, Options):
                yield from _rows(inner, f"{prefix}{name}.<name>.")


def _written(default: Any) -> str:
    match default:
        case str() | SecretStr():
            return f'"{default}"'
        case dict() | tuple() | list() if not default:
            return "{}" if isinstance(default, dict) else "[]"
        case _:
            return str(default)


def _read_secret(path: Path, key: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"({key}) {why(error, path)}") from None
    except UnicodeDecodeError:
        raise ValueError(say(f"({key}) {path} is no text", f"({key}) {path} n'est pas du texte")) from None


def _read_variable(variable: str, key: str) -> str:
    try:
        return os.environ[variable]
    except KeyError:
        raise ValueError(
            say(f"({key}) the variable {variable} is not set", f"({key}) la variable {variable} n'existe pas")
        ) from None
