"""Who reads French is told as much as who reads English."""

import re
from pathlib import Path

import pytest

import connectors

PAGES = sorted(Path(connectors.__path__[0]).glob("*/README.fr.md"))


def outline(page: Path) -> list[str]:
    """Headings, rows of tables, and blocks of code, in order: what must be there in every language."""
    return re.findall(r"^ *(#+ |\||```\w*)", page.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("french", PAGES, ids=lambda page: page.parent.name)
def test_both_pages_have_the_same_parts(french: Path) -> None:
    assert outline(french) == outline(french.with_name("README.md"))


def test_the_pages_are_found() -> None:
    assert "asterisk" in {page.parent.name for page in PAGES}
