"""Find connectors, the built-in ones like anyone's, by the entry-point group `accueil.connectors`."""

from importlib.metadata import entry_points
from typing import Any, Final, NamedTuple

from connectors.sdk.config_errors import suggest
from connectors.sdk.contract import Connector
from connectors.sdk.errors import ConfigError
from connectors.sdk.i18n import say

GROUP: Final = "accueil.connectors"


def names() -> list[str]:
    """Return the names of all connectors installed here."""
    return sorted(entry_points(group=GROUP).names)


class Installed(NamedTuple):
    """A connector that some package brings."""

    name: str
    package: str
    version: str


def installed() -> list[Installed]:
    """Return all connectors installed here, by name, and who brings them."""
    found = [(one.name, one.dist) for one in entry_points(group=GROUP)]
    return sorted(
        Installed(name, *((package.name, package.version) if package else ("", ""))) for name, package in found
    )


def load(name: str) -> Connector[Any]:
    """Return the connector `name`. Raises `ConfigError` if there is none, or what is there is no connector."""
    found = entry_points(group=GROUP, name=name)
    if not found:
        installed = names()
        there = ", ".join(installed) or say("none", "aucun")
        raise ConfigError(
            say(
                f"no connector {name!r} is installed; there are: {there}",
                f"aucun connecteur {name!r} n'est installé ; il y a : {there}",
            )
            + suggest(name, installed)
        )
    try:
        connector = next(iter(found)).load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            say(
                f"the connector {name!r} cannot be loaded: {error}",
                f"le connecteur {name!r} ne peut pas être chargé : {error}",
            )
        ) from error
    if not isinstance(connector, Connector):
        raise ConfigError(
            say(
                f"the entry point {name!r} of {GROUP} is no connectors.sdk.contract.Connector",
                f"le point d'entrée {name!r} de {GROUP} n'est pas un connectors.sdk.contract.Connector",
            )
        )
    return connector
