"""Tests of the dashboards' colours: contrast on dark panels, and distinction without colour (WCAG 2.2, 1.4.3, 1.4.11)."""

from grafana.palette import STATES, STROKES
from tests.unit.web.contrast import GRAPHICS, TEXT, contrast

PANEL = "#181b1f"
"""Background of panels in the dark theme of Grafana."""


def test_states_have_word_and_shape_and_are_legible() -> None:
    assert len({state.symbol for state in STATES}) == len({state.word for state in STATES}) == len(STATES)
    assert min(contrast(state.colour, PANEL) for state in STATES) >= TEXT - 0.05


def test_series_have_different_dashes_and_are_visible() -> None:
    assert len({stroke.dash for stroke in STROKES}) == len(STROKES)
    assert min(contrast(stroke.colour, PANEL) for stroke in STROKES) >= GRAPHICS
