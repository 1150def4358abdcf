"""READMEs of connectors: French and English have the same parts, and their settings fit into one file."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import connectors

ROOT = Path(connectors.__path__[0]).parent
FRENCH_PAGES = sorted((ROOT / "connectors").glob("*/README.fr.md"))


def blocks(page: Path) -> Iterator[str]:
    """Yield the settings that a page shows, as readers paste them."""
    text = page.read_text(encoding="utf-8")
    yield from map(dedent, re.findall(r"^ *```toml\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL))


def instances(page: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the instances in these settings, each with its name and options."""
    for block in blocks(page):
        yield from tomllib.loads(block).get("connectors", {}).items()


def outline(page: Path) -> list[str]:
    """Return the marks of headings, table rows and code blocks in order."""
    return re.findall(r"^ *(#+ |\||```\w*)", page.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("french", FRENCH_PAGES, ids=lambda page: page.parent.name)
def test_french_readme_has_every_part_of_the_english_one(french: Path) -> None:
    assert outline(french) == outline(french.with_name("README.md"))


@pytest.mark.parametrize("name", ["README.md", "README.fr.md"])
def test_settings_of_all_readmes_fit_into_one_file(name: str) -> None:
    names: dict[str, Path] = {}
    ports: dict[int, str] = {}
    for page in (ROOT / "connectors").rglob(name):
        for instance, options in instances(page):
            assert names.setdefault(instance, page) == page
            if "port" in options:
                assert ports.setdefault(options["port"], instance) == instance
    assert len(names) > 8
    assert len(ports) > 2


@pytest.mark.parametrize("name", ["README.md", "README.fr.md"])
def test_root_readme_shows_a_part_of_the_settings_in_the_asterisk_readme(name: str) -> None:
    part, whole = ("\n".join(blocks(page)).splitlines() for page in (ROOT / name, ROOT / "connectors/asterisk" / name))
    assert len({*part}) > 3
    assert {*part} <= {*whole, ""}
