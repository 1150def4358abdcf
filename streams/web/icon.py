"""Icon of the browser tab, with a badge that shows the number of alerts and their level."""

from pathlib import Path
from typing import Final

PLAIN: Final = (Path(__file__).parent / "static" / "icon.svg").read_text(encoding="utf-8")
MAX_NUMBER: Final = 9
"""Largest number in the badge; more is drawn as `9+`."""
# Colour and shape of each level, as on the pages. Black text on both has a contrast of at least 4.5 : 1.
_SHAPES: Final = {
    "attention": '<path d="M16 1 31 30H1z" fill="#e69f00" stroke="#e69f00" stroke-linejoin="round" stroke-width="2"/>',
    "action": '<rect width="32" height="32" rx="5" fill="#d55e00"/>',
}


def draw_icon(number: str, level: str) -> str:
    """Return the icon as SVG, with a badge for `number` alerts of `level`, `attention` or `action`.

    Both may be any text of a query string. There is no badge if `number` is not a positive integer or `level` is unknown.
    """
    if level not in _SHAPES or not (number.isascii() and number.isdigit() and number.strip("0")):
        return PLAIN
    text = number.lstrip("0") if len(number.lstrip("0")) == 1 else f"{MAX_NUMBER}+"
    size, y = (20, 25) if len(text) == 1 else (15, 24)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">{_SHAPES[level]}'
        f'<text x="16" y="{y}" font-family="sans-serif" font-weight="700" font-size="{size}" text-anchor="middle">{text}</text>'
        "</svg>"
    )
