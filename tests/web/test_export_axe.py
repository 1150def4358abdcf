"""What a citizen is handed out, as axe-core sees it: WCAG 2.2 AA and its own best practice."""

from pathlib import Path

import pytest

from streams.rights.labels import LANGUAGES
from streams.rights.writing import Format
from streams.timeline.store import Timeline
from tests.rights.test_export import events, fill, written
from tests.web import axe
from tests.web.browser import DESK, PHONE, Page

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["1280", "390"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_export_is_for_everybody(page: Page, tmp_path: Path, language: str, size: tuple[int, int]) -> None:
    timeline = Timeline(f"sqlite:///{tmp_path / 'timeline.db'}")
    finder = fill(timeline, events())
    place = tmp_path / "export.html"
    place.write_bytes(written(timeline, finder, Format.HTML, language))
    timeline.close()
    page.open(place.as_uri(), size)
    axe.check(page)
    assert [one for one in page.requests() if not one.startswith("file:")] == [], "it asks nobody for anything"
    page.assert_quiet()
