"""Bar charts as SVG, for screen and print, without a plotting library."""

from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

from streams.report.texts import format_number

WIDTH: Final = 640
HEIGHT: Final = 120
_TOP: Final = 18
_BOTTOM: Final = 18
_LEFT: Final = 44
_STEPS: Final = (1, 2, 3, 4, 5, 6, 8)


class Bar(NamedTuple):
    """A bar of a chart."""

    label: str
    """Text below the bar; empty if not all labels fit."""
    name: str
    """Full name, for the tooltip."""
    number: int
    """Value that the height of the bar shows."""
    is_light: bool = False
    """Draw in a lighter colour, for weekends."""


def draw_bars(title: str, bars: Sequence[Bar], language: str) -> str:
    """Return a bar chart as an SVG element. Its `aria-label` lists all numbers, for screen readers."""
    top = round_up(max((bar.number for bar in bars), default=0))
    step = (WIDTH - _LEFT) / max(1, len(bars))
    floor = HEIGHT - _BOTTOM
    scale = (floor - _TOP) / top
    numbers = "; ".join(f"{bar.name}: {bar.number}" for bar in bars)
    parts = [
        f'<svg class="bars" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(f"{title}. {numbers}", quote=True)}">'
    ]
    for level in sorted({0, top // 2 if top % 2 == 0 else top, top}):
        y = floor - level * scale
        parts.append(f'<line x1="{_LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="level" x="{_LEFT - 6}" y="{y + 3:.1f}">{format_number(level, language)}</text>')
    for number, bar in enumerate(bars):
        x, height = _LEFT + number * step, bar.number * scale
        light = ' class="light"' if bar.is_light else ""
        parts.append(
            f'<rect{light} x="{x + step * 0.12:.1f}" y="{floor - height:.1f}" width="{step * 0.76:.1f}" '
            f'height="{height:.1f}"><title>{escape(bar.name)}: {format_number(bar.number, language)}</title></rect>'
        )
        if bar.label:
            parts.append(f'<text x="{x + step / 2:.1f}" y="{HEIGHT - 4}">{escape(bar.label)}</text>')
    return "".join([*parts, "</svg>"])


def round_up(number: int) -> int:
    """Return the end of the axis: the first of 1, 2, 3, 4, 5, 6, 8, 10, 20 … that is at least `number`."""
    power = 1
    while True:
        for step in _STEPS:
            if step * power >= number:
                return step * power
        power *= 10
