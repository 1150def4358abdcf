"""Configuration of a connector with a mapping: inline, in a file, or as a preset."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from pydantic import ValidationError, ValidationInfo, model_validator
from pydantic_core import ErrorDetails

from connectors.sdk.config import ConnectorConfig, Explain
from connectors.sdk.config_errors import error_path, format_error, list_details, suggest
from connectors.sdk.errors import describe_os_error
from connectors.sdk.mapping.options import MappingOptions
from connectors.sdk.mapping.problems import MappingError, Problem
from connectors.sdk.mapping.reason_options import find_reason_problems
from connectors.sdk.mapping.toml_lines import find_line
from models.locale import _

PRESETS: Final = Path(__file__).with_name("presets")
"""Directory of the mapping files that come with Accueil."""
MERGED: Final = frozenset({"values", "ignored", "params"})
"""Tables to which the settings may add rows; other options of the settings replace those of the mapping file. `params` is an
option of the connector `http`: a preset has those of its system, the settings those of the organisation."""


class MappedConfig(ConnectorConfig, MappingOptions):
    """Options of a connector with a mapping."""

    described_apart: ClassVar[frozenset[str]] = frozenset(MappingOptions.model_fields)

    mapping: str = ""
    """Mapping file, or name of a preset (`accueil connectors presets`). Options beside it replace those of the file; rows of
    `values` and `ignored` are added."""

    @model_validator(mode="before")
    @classmethod
    def _read_mapping(cls, given: Any, _info: ValidationInfo) -> Any:
        if not isinstance(given, dict) or not isinstance(given.get("mapping"), str) or not given["mapping"]:
            return given
        try:
            file = _read_file(given["mapping"])
        except ValueError as error:
            raise MappingError([Problem(("mapping",), str(error))]) from None
        meant = file.pop("connector", "")
        if given["mapping"] in find_presets() and file.keys() - cls.model_fields.keys():
            raise MappingError([Problem(("mapping",), _('is a preset for connector = "{connector}"', connector=meant))])
        return merge(file, given)

    @model_validator(mode="after")
    def _check_reasons(self, info: ValidationInfo) -> Self:
        if problems := list(find_reason_problems(self, info.context)):
            raise MappingError(problems)
        return self

    @classmethod
    def explain_errors(cls, error: ValidationError, given: Mapping[str, Any], explain: Explain) -> list[str]:
        """Return a line per error: with the mapping file, the line and the key, or as `explain` formats it.

        Errors in the settings are for `explain`, and so are those of a preset, which only the settings can complete.
        """
        details = [part for detail in list_details(error) for part in _split(detail)]
        name = given.get("mapping")
        text, in_file = _read_own(name) if isinstance(name, str) else ("", {})
        lines = []
        for detail in details:
            keys = error_path(detail)
            may_be_in_file = keys[:1] and keys[0] in in_file.keys() | MappingOptions.model_fields.keys()
            if text and may_be_in_file and not _is_given(given, keys):
                lines.append(f"{name}:{find_line(text, keys)}: {format_error(detail, cls)}")
            else:
                lines.append(explain(detail))
        return list(dict.fromkeys(lines))


def _read_own(name: str) -> tuple[str, Mapping[str, Any]]:
    """Return the text and the options of a mapping file; empty for a preset, and for a file that cannot be read."""
    if name in find_presets():
        return "", {}
    try:
        return Path(name).read_text(encoding="utf-8"), read_mapping(name)
    except (OSError, ValueError):  # that is one of the errors
        return "", {}


def _split(detail: ErrorDetails) -> list[ErrorDetails]:
    """Return an error for each problem of a `MappingError`; another error as it is."""
    cause = detail.get("ctx", {}).get("error")
    if not isinstance(cause, MappingError):
        return [detail]
    return [
        {**detail, "loc": problem.keys, "ctx": {"error": problem.text}}  # as those of a `ValueError` of a validator
        for problem in cause.problems
    ]


def _is_given(given: Mapping[str, Any], keys: Sequence[int | str]) -> bool:
    """Return whether the settings have the option at `keys`, which then counts. Of tables in `MERGED`, each row does."""
    if not keys or keys[0] not in MERGED:
        return bool(keys) and keys[0] in given
    table: Any = given
    for key in keys:
        if not isinstance(table, Mapping):
            break
        if key not in table:
            return False
        table = table[key]
    return True


def find_missing_tables(model: type[MappedConfig], options: Mapping[str, Any]) -> list[str]:
    """Return the names of the tables in `values` that the options of a connector need and do not have."""
    try:
        model.model_validate(options)
    except ValidationError as error:
        causes = [detail.get("ctx", {}).get("error") for detail in list_details(error)]
        problems = [problem for cause in causes if isinstance(cause, MappingError) for problem in cause.problems]
        return sorted({problem.table for problem in problems if problem.table})
    return []


def find_presets() -> dict[str, Path]:
    """Return the mapping files that come with Accueil, by name."""
    return {path.stem: path for path in sorted(PRESETS.glob("*.toml"))}


def mapping_path(name: str) -> Path:
    """Return the file of a mapping: of the preset `name`, or the file with that path. Raises `ValueError` if there is none."""
    presets = find_presets()
    path = presets.get(name) or Path(name)
    if not _exists(path) and "/" not in name and not name.endswith(".toml"):
        raise ValueError(_("there is no preset {name!r}", name=name) + suggest(name, presets))
    return path


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # the name is too long
        return False


def read_mapping(name: str) -> dict[str, Any]:
    """Return the options in the mapping file or preset `name`. Raises `ValueError`, whose text names the file and the line."""
    options = _read_file(name)
    options.pop("connector", None)  # names the connector for which the mapping is meant
    return options


def _read_file(name: str) -> dict[str, Any]:
    path = mapping_path(name)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(describe_os_error(error, path)) from None
    except ValueError as error:
        raise ValueError(_("{path} is not valid TOML: {error}", path=path, error=error)) from None


def merge(file: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a mapping file with those of the settings, which win. Tables in `MERGED` are merged by row."""
    merged = {**file, **given}
    for name in MERGED & file.keys() & given.keys():
        if isinstance(file[name], dict) and isinstance(given[name], dict):
            merged[name] = {
                key: {**_table(file[name].get(key)), **_table(given[name].get(key))} if name == "values" else value
                for key, value in {**file[name], **given[name]}.items()
            }
    return merged


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
