"""Tests of the dashboards' colours: contrast on dark panels, and distinction without colour (WCAG 2.2, 1.4.3, 1.4.11)."""

from grafana.palette import STATES, STROKES

TEXT, GRAPHICS = 4.5, 3.0
"""Minimum contrast ratios."""
PANEL = "#181b1f"
"""Background of panels in the dark theme of Grafana."""


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) > 4 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_states_have_word_and_shape_and_are_legible() -> None:
    assert len({state.symbol for state in STATES}) == len({state.word for state in STATES}) == len(STATES)
    assert min(contrast(state.colour, PANEL) for state in STATES) >= TEXT - 0.05


def test_series_have_different_dashes_and_are_visible() -> None:
    assert len({stroke.dash for stroke in STROKES}) == len(STROKES)
    assert min(contrast(stroke.colour, PANEL) for stroke in STROKES) >= GRAPHICS
