"""Generation of the option tables in connectors' READMEs."""

import inspect
from pathlib import Path
from typing import Any, Final

from connectors.sdk.config import ConnectorConfig, table
from connectors.sdk.contract import Connector
from connectors.sdk.errors import ConfigError
from models.locale import _

BEGIN: Final = "<!-- options: accueil connectors docs --write -->"
END: Final = "<!-- /options -->"
READMES: Final[dict[str, str]] = {"README.md": "en", "README.fr.md": "fr"}


def find_readmes(connector: Connector[Any]) -> dict[Path, str]:
    """Return the READMEs of `connector` with their languages: those next to its code or, if there are none, one level above."""
    home = Path(inspect.getfile(connector.config)).parent
    for directory in (home, home.parent):
        if found := {directory / name: language for name, language in READMES.items() if (directory / name).exists()}:
            return found
    return {}


def update(readme: Path, model: type[ConnectorConfig], language: str) -> bool:
    """Write the table of `model` between the two markers in `readme`; return whether this changed the file.

    Raises `ConfigError` if a marker is missing, and OSError.
    """
    before = readme.read_text(encoding="utf-8")
    above, begin, rest = before.partition(f"{BEGIN}\n")
    _old, end, below = rest.partition(f"{END}\n")
    if not (begin and end):
        raise ConfigError(
            _(
                "{readme} has no markers for the table: add the two lines {begin} and {end} where it belongs",
                readme=readme,
                begin=BEGIN,
                end=END,
            )
        )
    after = f"{above}{begin}\n{table(model, language)}\n\n{end}{below}"
    if after != before:
        readme.write_text(after, encoding="utf-8")
    return after != before
