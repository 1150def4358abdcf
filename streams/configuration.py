"""Read the settings: one TOML file and ACCUEIL_* variables, checked as a whole before anything starts.

A variable wins over the file. Its name is the path of the setting in capitals, with `__` between the levels:
`web.port` is ACCUEIL_WEB__PORT. A key that does not exist is an error that names it, wherever it stands.
"""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource, SettingsError

from streams.settings import ConfigError, Settings
from streams.words import say

CONFIG_VARIABLE: Final = "ACCUEIL_CONFIG"
DEFAULT_FILE: Final = Path("accueil.toml")
PREFIX: Final = "ACCUEIL_"
SECRET_WORDS: Final = ("password", "passphrase", "secret", "token")
"""A setting whose name contains one of these is never printed."""


def find_file(config: Path | None = None) -> Path | None:
    """Return the settings file: `config`, else what ACCUEIL_CONFIG names, else ./accueil.toml if it exists."""
    named = config or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    return named or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)


def load(config: Path | None = None) -> Settings:
    """Return the settings from the file (see `find_file`) and the environment.

    Raises `ConfigError`, one line per mistake, each with the file or variable, the key, and what is allowed.
    """
    path = find_file(config)
    in_file, in_environment = _read_file(path), _read_environment()
    mistakes = [_unknown(name, _path_of(name)) for name in _unknown_variables()]
    try:
        settings = Settings(**in_file)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        mistakes += [_explain(detail, in_environment, path) for detail in details]
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return settings


def describe(settings: Settings, config: Path | None = None) -> Iterator[tuple[str, Any, str]]:
    """Yield (key, value, origin) of every setting; secrets are masked. `config` is what was given to `load`."""
    path = find_file(config)
    origins = (("", _read_environment()), (str(path), _read_file(path)))
    for keys, value in _leaves(settings.model_dump(mode="json")):
        origin = next((name or _variable(keys) for name, values in origins if _holds(values, keys)), "")
        secret = any(word in keys[-1] and not keys[-1].endswith("_file") for word in SECRET_WORDS)
        yield ".".join(keys), "********" if secret and value else value, origin or say("default", "par défaut")


def _read_file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except ValueError as error:  # TOML's and UTF-8's errors are both one
        raise ConfigError(f"{path}: {error}") from None


def _read_environment() -> dict[str, Any]:
    try:
        return EnvSettingsSource(Settings)()
    except SettingsError as error:
        field = str(error).partition('"')[2].partition('"')[0]
        raise ConfigError(f"{PREFIX}{field.upper()}: {say('must be JSON', 'attend du JSON')}") from None


def _unknown_variables() -> list[str]:
    # Below a known section an unknown name reaches the model, which refuses it; at the top it would be overlooked.
    names = [name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() != CONFIG_VARIABLE]
    return [name for name in names if _path_of(name)[0] not in Settings.model_fields]


def _path_of(variable: str) -> tuple[str, ...]:
    return tuple(variable.lower().removeprefix(PREFIX.lower()).split("__"))


def _variable(keys: tuple[str, ...]) -> str:
    return PREFIX + "__".join(keys).upper()


def _holds(values: Any, keys: tuple[str, ...]) -> bool:
    for key in keys:
        if not isinstance(values, Mapping) or key not in values:
            return False
        values = values[key]
    return True


def _leaves(values: Mapping[str, Any], *above: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, *above, key)
        else:
            yield (*above, key), value


def _explain(detail: ErrorDetails, in_environment: Mapping[str, Any], path: Path | None) -> str:
    keys = tuple(str(part) for part in detail["loc"] if part != "[key]")
    place = _variable(keys) if _holds(in_environment, keys) else str(path or "accueil.toml")
    if detail["type"] == "extra_forbidden":
        return _unknown(place, keys)
    return f"{place}: {' '.join(filter(None, ('.'.join(keys), _allowed(detail))))}"


def _unknown(place: str, keys: tuple[str, ...]) -> str:
    *above, last = keys
    near = difflib.get_close_matches(last, _known_at(above), n=1)
    hint = say("; did you mean {}?", " ; vouliez-vous dire {} ?").format(".".join([*above, near[0]])) if near else ""
    return f"{place}: {'.'.join(keys)} {say('is unknown', 'est inconnue')}{hint}"


def _known_at(keys: list[str]) -> list[str]:
    """Return the names that may stand at `keys`; in a table by name (`web.queues.<name>`) all rows are alike."""
    model: type[BaseModel] = Settings
    rest = iter(keys)
    for key in rest:
        annotation = model.model_fields[key].annotation
        if arguments := get_args(annotation):
            annotation = arguments[-1]
            next(rest, None)
        model = cast("type[BaseModel]", annotation)
    return list(model.model_fields)


def _allowed(detail: ErrorDetails) -> str:
    bounds = detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return say("is missing", "manque")
        case "literal_error":
            return say(f"must be {bounds['expected']}", f"attend {bounds['expected'].replace(' or ', ' ou ')}")
        case "greater_than_equal":
            return say(f"must be at least {bounds['ge']:g}", f"attend au moins {bounds['ge']:g}")
        case "less_than_equal":
            return say(f"must be at most {bounds['le']:g}", f"attend au plus {bounds['le']:g}")
        case "greater_than":
            return say(f"must be more than {bounds['gt']:g}", f"attend plus de {bounds['gt']:g}")
        case "int_parsing" | "int_type" | "int_from_float":
            return say("must be a whole number", "attend un nombre entier")
        case "float_parsing" | "float_type":
            return say("must be a number", "attend un nombre")
        case "value_error":
            return str(bounds["error"])
        case "string_pattern_mismatch":
            return say(f"must match {bounds['pattern']}", f"doit correspondre à {bounds['pattern']}")
        case _:
            return detail["msg"].replace("Input should", "should")
