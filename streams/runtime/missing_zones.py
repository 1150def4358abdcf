"""Warnings about mappings that read local times and have no time zone."""

from collections.abc import Iterable, Iterator
from typing import Final

from connectors.sdk.config_errors import format_key_path
from connectors.sdk.instance import Instance
from connectors.sdk.mapping.config import MappedConfig
from connectors.sdk.mapping.value_options import ValueOptions
from models.locale import _

_LOCAL_DATABASES: Final = ("mysql:", "mariadb:", "sqlite:")
"""Databases that have no type for times with an offset."""


def find_missing_zones(instances: Iterable[Instance]) -> list[str]:
    """Return a line per connector without `timezone` whose times probably have no offset from UTC: their records are rejected."""
    lines = []
    for instance in instances:
        config = instance.config
        if not isinstance(config, MappedConfig) or config.timezone:
            continue
        if any(_is_local(time_format, instance) for time_format in _list_formats(config)):
            key = format_key_path(("connectors", instance.name, "timezone"))
            lines.append(_("{key} is not set: records whose times have no offset from UTC are rejected", key=key))
    return lines


def _is_local(time_format: str, instance: Instance) -> bool:
    """Return whether times of a format probably have no offset."""
    if time_format == "iso":
        is_database = str(getattr(instance.config, "url", "")).startswith(_LOCAL_DATABASES)
        return is_database or instance.connector.name == "table"
    return time_format == "excel" or ("%" in time_format and "%z" not in time_format)


def _list_formats(config: MappedConfig) -> Iterator[str]:
    """Yield the format of the time of each event."""
    for event in config.events:
        time: ValueOptions | None = event.time or config.changed_at
        yield (time.format if time else None) or config.time_format
