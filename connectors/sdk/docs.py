"""The table of options in a connector's README, written from its configuration's model."""

import inspect
from pathlib import Path
from typing import Any, Final

from connectors.sdk.config import ConnectorConfig, Language, speaks_french, table
from connectors.sdk.contract import Connector
from connectors.sdk.errors import ConfigError
from connectors.sdk.i18n import say

BEGIN: Final = "<!-- options: accueil connectors docs --write -->"
END: Final = "<!-- /options -->"
READMES: Final[dict[str, Language]] = {"README.md": "en", "README.fr.md": "fr"}


def find_readmes(connector: Connector[Any]) -> dict[Path, Language]:
    """Return the READMEs that tell the options of `connector`, beside its code or, for a package of its own, above it.

    The French one only if all of its options say in French what they mean.
    """
    home = Path(inspect.getfile(connector.config)).parent
    for directory in (home, home.parent):
        there = {directory / name: language for name, language in READMES.items() if (directory / name).exists()}
        if there:
            return {
                path: language
                for path, language in there.items()
                if language == "en" or speaks_french(connector.config)
            }
    return {}


def update(readme: Path, model: type[ConnectorConfig], language: Language) -> bool:
    """Write the table of `model` between the two markers in `readme`; return whether it was another before.

    Raises `ConfigError` if the markers are not there, and OSError.
    """
    before = readme.read_text(encoding="utf-8")
    after = with_table(before, model, language)
    if after is None:
        raise ConfigError(
            say(
                f"{readme} has no place for the table: write two lines where it is to be, {BEGIN} and {END}",
                f"{readme} n'a pas de place pour la table : écrire deux lignes là où elle doit être, {BEGIN} et {END}",
            )
        )
    if after != before:
        readme.write_text(after, encoding="utf-8")
    return after != before


def with_table(text: str, model: type[ConnectorConfig], language: Language) -> str | None:
    """Return `text` with the table of `model` between the markers; None if they are not there."""
    above, begin, rest = text.partition(f"{BEGIN}\n")
    _, end, below = rest.partition(f"{END}\n")
    return f"{above}{begin}\n{table(model, language)}\n\n{end}{below}" if begin and end else None
