"""PRIVACY, SECURITY and ARCHITECTURE: each measure names an existing test, and both languages name the same."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("PRIVACY.md", "PRIVACY.fr.md", "SECURITY.md", "SECURITY.fr.md", "ARCHITECTURE.md")
NAMED = re.compile(r"`((?:tests|connectors)/[\w./]+)`")


def named_tests(page: str) -> list[list[str]]:
    """Return the tests that the last column of each table row of a page names."""
    rows = [line for line in (ROOT / page).read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return [found for row in rows if (found := NAMED.findall(row.strip("| ").split(" | ")[-1]))]


@pytest.mark.parametrize("page", PAGES)
def test_each_guarantee_names_existing_tests(page: str) -> None:
    guarantees = named_tests(page)
    assert len(guarantees) >= 9
    for names in guarantees:
        for name in names:
            path = ROOT / name
            found = [path] if path.is_file() else [*path.rglob("test_*.py")]
            assert any("def test_" in path.read_text(encoding="utf-8") for path in found), name


@pytest.mark.parametrize("name", ["PRIVACY", "SECURITY"])
def test_both_languages_have_the_same_guarantees(name: str) -> None:
    pages = f"{name}.md", f"{name}.fr.md"
    assert named_tests(pages[0]) == named_tests(pages[1])
    english, french = ((ROOT / page).read_text(encoding="utf-8") for page in pages)
    for mark in ("\n## ", "\n* **"):
        assert english.count(mark) == french.count(mark)
