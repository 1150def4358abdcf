"""Load the settings from a TOML file and ACCUEIL_* variables, and validate them before anything starts.

Variables have priority over the file. Their name is the path of the setting in capitals, with `__` between the levels:
`web.port` is ACCUEIL_WEB__PORT. Unknown keys are errors, in the file and in variables.
"""

import os
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeGuard, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource, SettingsError

from connectors.sdk.config_errors import allowed, error_path, format_key_path, known_keys_at, list_details, suggest
from connectors.sdk.errors import describe_os_error
from models.locale import _
from streams.locale.error_messages import os_error_cause
from streams.settings.schema import ConfigError, Settings

CONFIG_OPTION: Final = "--config"
CONFIG_VARIABLE: Final = "ACCUEIL_CONFIG"
DEFAULT_FILE: Final = Path("accueil.toml")
PREFIX: Final = "ACCUEIL_"
SECRETS: Final = (SecretStr, SecretBytes)
MASK: Final = "********"
MAX_LISTED_KEYS: Final = 10
"""Largest table whose keys are all listed for an unknown key without a similar one."""


def find_file(config: Path | None = None) -> Path | None:
    """Return the settings file: `config`, else the value of ACCUEIL_CONFIG, else ./accueil.toml if it exists, else None.

    The first two need not exist. Raise `ConfigError` if the current directory is not accessible.
    """
    given = config or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    if given:
        return given
    try:
        DEFAULT_FILE.stat()
    except PermissionError as error:
        directory, cause = os.path.realpath(os.curdir), os_error_cause(error)
        raise ConfigError(
            _(
                "cannot search {directory} for the settings file ({cause}): change to another directory, or "
                "name the file (--config or ACCUEIL_CONFIG)",
                directory=directory,
                cause=cause,
            )
        ) from None
    except OSError:
        return None
    return DEFAULT_FILE


def describe_settings_file(config: Path | None = None) -> str:
    """Return a line that names the settings file that `load` reads, or says that there is none."""
    if path := find_file(config):
        return _("settings: {path}", path=path)
    return _("settings: no file, ./accueil.toml does not exist (--config or ACCUEIL_CONFIG names another file)")


def load(config: Path | None = None, named_by: str = CONFIG_OPTION) -> Settings:
    """Return the settings from the file (see `find_file`) and the environment.

    Raise `ConfigError` with one line per error: file or variable, key, and allowed values. If the file cannot be read, or is not
    TOML, the line starts with the option or variable that names it: `named_by` for `config`.
    """
    path = find_file(config)
    if config is None:
        named_by = CONFIG_VARIABLE if os.environ.get(CONFIG_VARIABLE) else ""
    in_file, in_environment = _read_file(path, named_by), _read_environment()
    unknown = _unknown_variables()
    errors = [_unknown(name, keys, known_keys_at(Settings, keys[:-1])) for name, keys in unknown.items()]
    try:
        settings = Settings(**in_file)
    except ValidationError as error:
        # Unknown keys below a value have their own line already.
        reported = {keys[:-1] for keys in unknown.values()}
        details = [detail for detail in list_details(error) if error_path(detail) not in reported]
        errors += [_format_error(detail, Settings, (), in_environment, path) for detail in details]
    if errors:
        raise ConfigError("\n".join(errors))
    return settings


class SettingDescription(NamedTuple):
    """A setting with a value that may be shown."""

    key: str
    value: Any
    """Value without secrets."""
    origin: str
    """Variable or file that sets it; empty for a default."""


def describe(settings: Settings, config: Path | None = None) -> Iterator[SettingDescription]:
    """Yield a description of every setting; `config` as in `load`.

    Masked values: secrets, including those of connectors; unknown settings of connectors; what `mask` masks. Paths of the web
    addresses of connectors are shown.
    """
    origins = _read_origins(find_file(config))
    for keys, value in _leaves(settings.model_dump(mode="json")):
        yield SettingDescription(
            format_key_path(keys),
            MASK if value and _is_secret(settings, keys) else mask(value, keys[-1], shows_path=keys[0] == "connectors"),
            _find_origin(origins, keys),
        )


def mask(value: Any, key: str, *, shows_path: bool = False) -> Any:
    """Return the value of the setting `key` without passwords and tokens in URLs, and without arguments of commands."""
    if isinstance(value, list):
        shown = [mask(item, key, shows_path=shows_path) for item in value]
        return [*shown[:1], *([MASK] if len(shown) > 1 else [])] if key.endswith("command") else shown
    return mask_url(value, shows_path=shows_path) if isinstance(value, str) and "://" in value else value


def mask_url(url: str, *, shows_path: bool = False) -> str:
    """Return a URL with its password and parameters masked.

    Of web addresses only the host is shown, since the rest may hold a token; with `shows_path` also the path.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    account, at, host = parts.netloc.rpartition("@")
    user, colon, _password = account.partition(":")
    if parts.scheme in {"http", "https"}:
        if shows_path:
            user_info = f"{MASK}@" if at else ""
            has_parameters = bool(parts.query or parts.fragment)
            return f"{parts.scheme}://{user_info}{host}{parts.path}{f'?{MASK}' if has_parameters else ''}"
        has_more = bool(at or parts.path.strip("/") or parts.query or parts.fragment)
        return f"{parts.scheme}://{host}/{MASK}" if has_more else url
    # Not `urlunsplit`, which drops slashes of URLs without a host.
    account = f"{user}{colon and f':{MASK}'}{at}"
    return f"{url.partition('://')[0]}://{account}{host}{parts.path}{parts.query and f'?{MASK}'}"


def find_origin(key: str, config: Path | None = None) -> str:
    """Return the variable or file that sets `key` (`web.port`), or an empty string. `config` as in `load`."""
    return _find_origin(_read_origins(find_file(config)), tuple(key.split(".")))


def _read_origins(path: Path | None) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    """Return the origins of settings by priority, as name and values: the variables (empty name), then the file (its path)."""
    return ("", _read_environment()), (str(path), _read_file(path))


def _find_origin(origins: Iterable[tuple[str, Mapping[str, Any]]], keys: tuple[str, ...]) -> str:
    return next((name or _variable(keys) for name, values in origins if _contains(values, keys)), "")


def error_explainer(
    model: type[BaseModel], above: tuple[str, ...], config: Path | None
) -> Callable[[ErrorDetails], str]:
    """Return a function that explains a validation error in the table at `above`, whose schema is `model`; `config` as in `load`.

    It returns a line with the file or variable, the key and the allowed values, but never the value.
    """
    return partial(_format_error, model=model, above=above, in_environment=_read_environment(), path=find_file(config))


def _read_file(path: Path | None, named_by: str = "") -> dict[str, Any]:
    if path is None:
        return {}
    prefix = f"{named_by}: " if named_by else ""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(prefix + describe_os_error(error, path)) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        reason = _("not UTF-8 (at line {line})", line=line)
        raise ConfigError(f"{prefix}{path}: {reason}") from None
    except ValueError as error:  # also for integers with too many digits for Python
        place = f"{prefix}{path}"
        raise ConfigError(_("{place}: not valid TOML: {error}", place=place, error=error)) from None
    if isinstance(values.get("sla"), str):
        values["sla"] = str(path.parent / values["sla"])
    return values


def _read_environment() -> dict[str, Any]:
    try:
        return EnvSettingsSource(Settings)()
    except SettingsError as error:
        field = str(error).partition('"')[2].partition('"')[0]
        variable = f"{PREFIX}{field.upper()}"
        raise ConfigError(_("{variable}: must be JSON", variable=variable)) from None


def _unknown_variables() -> dict[str, tuple[str, ...]]:
    """Return the variables that pydantic would ignore: name → path down to the first unknown key."""
    names = [name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() != CONFIG_VARIABLE]
    paths = {name: tuple(name.lower().removeprefix(PREFIX.lower()).split("__")) for name in names}
    return {name: unknown for name, keys in paths.items() if (unknown := _unknown_part(keys))}


def _unknown_part(keys: tuple[str, ...]) -> tuple[str, ...]:
    kind: Any = Settings
    for depth, key in enumerate(keys):
        child = _child_type(kind, key)
        if child is None:
            # pydantic refuses unknown keys in a section, but ignores them at the top level and below a value.
            return keys[: depth + 1] if depth == 0 or not _is_model(kind) else ()
        kind = child
    return ()


def _variable(keys: tuple[str, ...]) -> str:
    return PREFIX + "__".join(keys).upper()


def _contains(values: Any, keys: tuple[str, ...]) -> bool:
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


def _is_model(kind: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _child_type(kind: Any, key: str) -> Any:
    """Return the type of `key` in the type `kind`, or None."""
    if _is_model(kind):
        field = kind.model_fields.get(key)
        return field.annotation if field else None
    if get_origin(kind) is dict:
        return get_args(kind)[1]
    return next((found for part in get_args(kind) if (found := _child_type(part, key))), None)


def _is_secret(settings: Settings, keys: tuple[str, ...]) -> bool:
    kind: Any = Settings
    if keys[0] == "connectors" and len(keys) > 2 and keys[2:] != ("connector",):
        kind, keys = _config_of(settings.connectors[keys[1]].connector), keys[2:]
    *above, last = keys
    for key in above:
        kind = _child_type(kind, key)
    if found := _child_type(kind, last):
        return _contains_secret(found)
    # The name of a file or variable that contains a secret is not secret itself.
    base = _child_type(kind, last.removesuffix("_file").removesuffix("_env"))
    return base is None or not _contains_secret(base)


def _config_of(connector: str) -> type[BaseModel] | None:
    from connectors.sdk import errors, registry  # noqa: PLC0415 - most commands do not need it

    try:
        return registry.load(connector).config
    except errors.ConfigError:
        return None


def _contains_secret(kind: Any) -> bool:
    if _is_model(kind):
        return any(_contains_secret(field.annotation) for field in kind.model_fields.values())
    return kind in SECRETS or any(map(_contains_secret, get_args(kind)))


def _format_error(
    detail: ErrorDetails,
    model: type[BaseModel],
    above: tuple[str, ...],
    in_environment: Mapping[str, Any],
    path: Path | None,
) -> str:
    error_keys = error_path(detail)
    keys = (*above, *error_keys)
    setting = _setting_path(keys)
    origin = _variable(setting) if _contains(in_environment, setting) else str(path or DEFAULT_FILE)
    if detail["type"] == "extra_forbidden":
        return _unknown(origin, keys, known_keys_at(model, error_keys[:-1]))
    return f"{origin}: {format_key_path(keys)} {allowed(detail)}"


def _setting_path(keys: Sequence[int | str]) -> tuple[str, ...]:
    """Return `keys` up to the first list index: a variable contains a whole list."""
    return tuple(map(str, takewhile(lambda key: isinstance(key, str), keys)))


def _unknown(origin: str, keys: Sequence[int | str], known: Iterable[str]) -> str:
    *above, last = keys
    known = list(known)
    hint = suggest(str(last), known, f"{format_key_path(above)}." if above else "")
    if not hint and above and 0 < len(known) <= MAX_LISTED_KEYS:
        hint = _("; known: ") + ", ".join(known)
    unknown = _("is unknown")
    return f"{origin}: {format_key_path(keys)} {unknown}{hint}"
