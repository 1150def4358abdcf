"""Installed connectors, found by the entry-point group `accueil.connectors`."""

from importlib.metadata import entry_points
from typing import Any, Final, NamedTuple

from connectors.sdk.config_errors import suggest
from connectors.sdk.contract import Connector
from connectors.sdk.errors import ConfigError
from models.locale import _

GROUP: Final = "accueil.connectors"


def names() -> list[str]:
    """Return the names of all installed connectors, sorted."""
    return sorted(entry_points(group=GROUP).names)


class Installed(NamedTuple):
    """An installed connector, and name and version of its package, which are empty if unknown."""

    name: str
    package: str
    version: str


def installed() -> list[Installed]:
    """Return all installed connectors with their packages, sorted by name."""
    found = [(entry.name, entry.dist) for entry in entry_points(group=GROUP)]
    return sorted(
        Installed(name, *((package.name, package.version) if package else ("", ""))) for name, package in found
    )


def load(name: str) -> Connector[Any]:
    """Return the connector `name`. Raises `ConfigError` if it is not installed, cannot be loaded, or is no `Connector`."""
    found = entry_points(group=GROUP, name=name)
    if not found:
        known = names()
        available = ", ".join(known) or _("none")
        raise ConfigError(
            _("no connector {name!r} is installed; there are: {available}", name=name, available=available)
            + suggest(name, known)
        )
    try:
        connector = next(iter(found)).load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(_("the connector {name!r} cannot be loaded: {error}", name=name, error=error)) from error
    if not isinstance(connector, Connector):
        raise ConfigError(
            _("the entry point {name!r} of {group} is not a connectors.sdk.contract.Connector", name=name, group=GROUP)
        )
    return connector
