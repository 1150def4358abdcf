"""Colours of both palettes can be told from their grounds (WCAG 2.2, 1.4.3 and 1.4.11)."""

import re
from pathlib import Path

import pytest

from streams.web import app

CSS = (Path(app.__file__).parent / "static" / "palette.css").read_text(encoding="utf-8")
TEXT, GRAPHICS = 4.5, 3.0
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


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) > 4 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000", "#fff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("selector", [":root", ':root[data-theme="light"]'], ids=["dark", "light"])
@pytest.mark.parametrize(("colour", "ground", "least"), PAIRS)
def test_colours_can_be_told_from_their_ground(selector: str, colour: str, ground: str, least: float) -> None:
    colours = palette(selector)
    assert contrast(colours[colour], colours[ground]) >= least


def test_both_palettes_have_all_colours() -> None:
    assert palette(":root").keys() == palette(':root[data-theme="light"]').keys()
