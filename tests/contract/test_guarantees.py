"""PRIVACY, SECURITY and ARCHITECTURE: each measure names an existing test, and both languages name the same."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("PRIVACY.md", "PRIVACY.fr.md", "SECURITY.md", "ARCHITECTURE.md")
NAMED = re.compile(r"`((?:tests|connectors)/[\w./]+)`")


def promises(page: str) -> list[list[str]]:
    """Return for each promise of a page what holds it: the rows of the table whose last column names tests."""
    rows = [line for line in (ROOT / page).read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return [found for row in rows if (found := NAMED.findall(row.strip("| ").split(" | ")[-1]))]


@pytest.mark.parametrize("page", PAGES)
def test_each_promise_is_held_by_tests_that_exist(page: str) -> None:
    told = promises(page)
    assert len(told) >= 9
    for names in told:
        for name in names:
            place = ROOT / name
            found = [place] if place.is_file() else [*place.rglob("test_*.py")]
            assert any("def test_" in path.read_text(encoding="utf-8") for path in found), name


def test_both_languages_promise_the_same() -> None:
    assert promises("PRIVACY.md") == promises("PRIVACY.fr.md")
    english, french = ((ROOT / page).read_text(encoding="utf-8") for page in PAGES[:2])
    for mark in ("\n## ", "\n* **"):
        assert english.count(mark) == french.count(mark)
