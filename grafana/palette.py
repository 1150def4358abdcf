"""Colours of states and series. States also have a word and a shape, series a dash.

State colours are those of Okabe and Ito, as on the board. On dark Grafana panels, all colours have the contrast that WCAG 2.2
requires for text and lines (tests/unit/grafana/test_palette.py).
"""

from typing import Final, NamedTuple

from grafana.texts import LocalizedText, board_text

SKY: Final = "#56B4E9"
ORANGE: Final = "#E69F00"
VERMILION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
GREEN: Final = "#009E73"
YELLOW: Final = "#F0E442"
GREY: Final = "#B3B3B3"

SCHEME: Final = "Viridis"
"""Colour scheme of heatmaps, ordered by lightness."""


class State(NamedTuple):
    """Level of a figure, as on the board."""

    symbol: str
    word: LocalizedText
    colour: str

    @property
    def text(self) -> LocalizedText:
        """Symbol and word, as panels show them."""
        return LocalizedText(f"{self.symbol} {self.word.fr}", f"{self.symbol} {self.word.en}")


NORMAL: Final = State("●", board_text("normal"), SKY)
ATTENTION: Final = State("▲", board_text("attention"), ORANGE)
ACTION: Final = State("■", board_text("action"), VERMILION)
STATES: Final = (NORMAL, ATTENTION, ACTION)
"""States by their number in a query of `grafana.panels.judge`: 0, 1 and 2."""


class Stroke(NamedTuple):
    """Line style of a series."""

    colour: str
    dash: tuple[int, ...] = ()
    """Lengths of dashes and gaps in pixels, in turn; solid if empty."""


STROKES: Final = (
    Stroke(SKY),
    Stroke(PURPLE, (10, 6)),
    Stroke(GREEN, (2, 5)),
    Stroke(GREY, (16, 5, 2, 5)),
    Stroke(YELLOW, (5, 5)),
    Stroke(ORANGE, (20, 8)),
    Stroke(VERMILION, (2, 10)),
)
"""Styles of the series of a panel, in order; the colours of `ATTENTION` and `ACTION` come last."""
