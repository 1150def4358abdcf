"""Who reads French is told as much as who reads English."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import connectors

PAGES = sorted(Path(connectors.__path__[0]).glob("*/README.fr.md"))


ROOT = Path(connectors.__path__[0]).parent


def blocks(page: Path) -> Iterator[str]:
    """The settings that a page shows, as they are pasted."""
    text = page.read_text(encoding="utf-8")
    yield from map(dedent, re.findall(r"^ *```toml\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL))


def instances(page: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The instances in them, by name."""
    for block in blocks(page):
        yield from tomllib.loads(block).get("connectors", {}).items()


def lines(page: Path) -> Iterator[str]:
    """Their lines."""
    for block in blocks(page):
        yield from filter(None, block.splitlines())


def outline(page: Path) -> list[str]:
    """Headings, rows of tables, and blocks of code, in order: what must be there in every language."""
    return re.findall(r"^ *(#+ |\||```\w*)", page.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("french", PAGES, ids=lambda page: page.parent.name)
def test_both_pages_have_the_same_parts(french: Path) -> None:
    assert outline(french) == outline(french.with_name("README.md"))


def test_the_pages_are_found() -> None:
    assert "asterisk" in {page.parent.name for page in PAGES}


@pytest.mark.parametrize("name", ["README.md", "README.fr.md"])
def test_what_two_pages_show_can_be_pasted_into_one_file(name: str) -> None:
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
def test_the_first_page_shows_the_beginning_of_what_the_connector_s_own_shows(name: str) -> None:
    begun = set(lines(ROOT / name))
    assert len(begun) > 3
    assert begun <= set(lines(ROOT / "connectors" / "asterisk" / name))
