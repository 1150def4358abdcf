"""Tests of the contrast of both palettes (WCAG 2.2, 1.4.3 and 1.4.11)."""

import re
from pathlib import Path

import pytest

from streams.web import app
from tests.unit.web.contrast import GRAPHICS, TEXT, contrast

CSS = (Path(app.__file__).parent / "static" / "palette.css").read_text(encoding="utf-8")
PAIRS = [
    *((colour, ground, TEXT) for colour in ("text", "muted") for ground in ("ground", "panel")),
    *((colour, "panel", TEXT) for colour in ("orange", "vermilion")),
    *(("on-colour", colour, TEXT) for colour in ("orange", "vermilion")),
    ("sky", "ground", GRAPHICS),
    *((f"series-{name}", "panel", GRAPHICS) for name in ("received", "answered", "abandoned")),
]


def palette(selector: str) -> dict[str, str]:
    block = re.search(rf"{re.escape(selector)} {{(.*?)}}", CSS, re.DOTALL)
    assert block
    return dict(re.findall(r"--([\w-]+): (#\w+);", block[1]))


def test_contrast_follows_the_standard() -> None:
    assert contrast("#000", "#fff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("selector", [":root", ':root[data-theme="light"]'], ids=["dark", "light"])
@pytest.mark.parametrize(("colour", "ground", "least"), PAIRS)
def test_colours_contrast_with_their_background(selector: str, colour: str, ground: str, least: float) -> None:
    colours = palette(selector)
    assert contrast(colours[colour], colours[ground]) >= least


def test_both_palettes_have_all_colours() -> None:
    assert palette(":root").keys() == palette(':root[data-theme="light"]').keys()
