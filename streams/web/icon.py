"""The icon of the pages in the tab of a browser: with how much needs attention, where something does."""

from pathlib import Path
from typing import Final

PLAIN: Final = (Path(__file__).parent / "static" / "icon.svg").read_text(encoding="utf-8")
MOST: Final = 9
"""More than so many are told as `9+`."""
# A colour and a shape for each level, as on the pages: black on both is read (4.5 : 1 and more).
_SHAPES: Final = {
    "attention": '<path d="M16 1 31 30H1z" fill="#e69f00" stroke="#e69f00" stroke-linejoin="round" stroke-width="2"/>',
    "action": '<rect width="32" height="32" rx="5" fill="#d55e00"/>',
}


def draw_icon(number: str, level: str) -> str:
    """Return the icon as SVG; the plain one for what is no number above 0, or no level."""
    if level not in _SHAPES or not (number.isascii() and number.isdigit() and number.strip("0")):
        return PLAIN
    text = number.lstrip("0") if len(number.lstrip("0")) == 1 else f"{MOST}+"
    size, at = (20, 25) if len(text) == 1 else (15, 24)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">{_SHAPES[level]}'
        f'<text x="16" y="{at}" font-family="sans-serif" font-weight="700" font-size="{size}" text-anchor="middle">{text}</text>'
        "</svg>"
    )
