"""Tests that the READMEs of connectors give valid examples of `[web.queues]` and `[web.services]`."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import connectors
from streams.settings.web import Web

PAGES = [
    Path(connectors.__path__[0]) / folder / name
    for folder in ("kiosk", "rdv")
    for name in ("README.md", "README.fr.md")
]


def tables_of(page: Path) -> list[dict[str, Any]]:
    blocks = re.findall(r"^ *```toml\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [tomllib.loads(block) for block in blocks]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: "/".join(page.parts[-2:]))
def test_examples_of_web_settings_match_the_connector(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "[web.queues." in text
    assert "[web.services." in text
    (web,) = (table["web"] for table in tables_of(page) if "web" in table)
    Web.model_validate(web)
    used = repr([table for table in tables_of(page) if "connectors" in table])
    places = [queue["site"] for queue in web.get("queues", {}).values()]
    places += [queue["queue"] for queue in web.get("queues", {}).values()]
    places += web.get("services", {})
    assert places
    assert [place for place in places if f"'{place}'" not in used] == []
