"""Rules for every built-in connector."""

import pytest

from connectors.sdk import registry
from connectors.sdk.config import table
from connectors.sdk.docs import find_readmes

BUILT_IN = [connector.name for connector in registry.installed() if connector.package == "accueil"]


@pytest.mark.parametrize("name", BUILT_IN)
def test_readmes_list_the_current_options(name: str) -> None:
    connector = registry.load(name)
    readmes = find_readmes(connector)
    assert readmes
    for path, language in readmes.items():
        text = path.read_text(encoding="utf-8")
        assert table(connector.config, language) in text, f"accueil connectors docs {name} --write"
