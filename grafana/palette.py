"""Colours, which are never the only sign: states have a word and a shape too, series a dash.

Those of state are Okabe and Ito's, as on the board; on Grafana's dark panels text and lines of all of them have the contrast that
WCAG 2.2 asks for (tests/unit/grafana/test_palette.py).
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
"""Of heatmaps: lightness alone tells more from less."""


class State(NamedTuple):
    """How pressing a figure is, as on the board."""

    symbol: str
    word: LocalizedText
    colour: str

    @property
    def text(self) -> LocalizedText:
        """Return symbol and word."""
        return LocalizedText(f"{self.symbol} {self.word.fr}", f"{self.symbol} {self.word.en}")


NORMAL: Final = State("●", board_text("normal"), SKY)
ATTENTION: Final = State("▲", board_text("attention"), ORANGE)
ACTION: Final = State("■", board_text("action"), VERMILION)
STATES: Final = (NORMAL, ATTENTION, ACTION)
"""State 0, 1 and 2 of a query."""


class Stroke(NamedTuple):
    """How a series is drawn."""

    colour: str
    dash: tuple[int, ...] = ()
    """Lengths of lines and gaps; a whole line without."""


STROKES: Final = (
    Stroke(SKY),
    Stroke(PURPLE, (10, 6)),
    Stroke(GREEN, (2, 5)),
    Stroke(GREY, (16, 5, 2, 5)),
    Stroke(YELLOW, (5, 5)),
    Stroke(ORANGE, (20, 8)),
    Stroke(VERMILION, (2, 10)),
)
"""Of the first series of a panel, the second …: those of state come last."""
