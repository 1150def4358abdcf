"""axe-core tests of a citizen's export: WCAG 2.2 AA and best practices."""

from pathlib import Path

import pytest

from models.locale import LANGUAGES
from streams.privacy.writer import Format
from streams.timeline.store import Timeline
from tests.privacy.citizen import events, fill, written
from tests.web import axe
from tests.web.browser import DESK, PHONE, Page

pytestmark = pytest.mark.browser


BROKEN = """
return [...document.querySelectorAll("th:not(.long), td:not(.long), h1, h2, caption")].flatMap((cell) =>
  [...cell.childNodes].flatMap((node) => {
  const words = [...node.data.matchAll(/[^\\s-]+/g)].filter(([word]) => word.length <= 24);
  return words.filter(({ 0: word, index }) => {
    const range = new Range();
    range.setStart(node, index);
    range.setEnd(node, index + word.length);
    return new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size > 1;
  }).map(([word]) => word);
}));
"""
"""Script for words that are broken over lines, except pseudonyms and contact ids."""


@pytest.mark.parametrize("size", [DESK, (1000, 800), PHONE], ids=["1280", "1000", "390"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_export_is_accessible(page: Page, tmp_path: Path, language: str, size: tuple[int, int]) -> None:
    timeline = Timeline(f"sqlite:///{tmp_path / 'timeline.db'}")
    finder = fill(timeline, events())
    place = tmp_path / "export.html"
    place.write_bytes(written(timeline, finder, Format.HTML, language))
    timeline.close()
    page.open(place.as_uri(), size)
    axe.check(page)
    assert page.run(BROKEN) == []
    assert [one for one in page.requests() if not one.startswith("file:")] == [], "no external requests"
    page.assert_no_errors()
