"""Find connectors, the built-in ones like anyone's, by the entry-point group `accueil.connectors`."""

from importlib.metadata import entry_points
from typing import Any, Final

from connectors.sdk.contract import Connector
from connectors.sdk.errors import ConfigError

GROUP: Final = "accueil.connectors"


def names() -> list[str]:
    """Return the names of all connectors installed here."""
    return sorted(entry_points(group=GROUP).names)


def load(name: str) -> Connector[Any]:
    """Return the connector `name`. Raises `ConfigError` if there is none, or what is there is no connector."""
    found = entry_points(group=GROUP, name=name)
    if not found:
        raise ConfigError(f"no connector {name!r} is installed; there are: {', '.join(names()) or 'none'}")
    try:
        connector = next(iter(found)).load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"the connector {name!r} cannot be loaded: {error}") from error
    if not isinstance(connector, Connector):
        raise ConfigError(f"the entry point {name!r} of {GROUP} is no connectors.sdk.contract.Connector")
    return connector
