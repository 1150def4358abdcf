"""Sums of figures, and what is divided of them."""

from collections.abc import Iterable, Mapping

import msgspec

from streams.core.figures.figure import Dimensions, Figure, merge, new_figure
from streams.core.figures.figure_schemas import FigureSchema


class Ratio(msgspec.Struct, frozen=True):
    """A quotient that can be added up and checked; nothing to tell while the denominator is 0."""

    numerator: int
    denominator: int


def add_up(
    figures: Mapping[Dimensions, Figure], dimension_keys: Iterable[Dimensions], figure_schema: FigureSchema
) -> Figure:
    """Return the sum of the figures of `places`, which are all of `layout`; those without figures count nothing."""
    total = new_figure(figure_schema)
    for dimensions in dimension_keys:
        if dimensions in figures:
            merge(total, figures[dimensions])
    return total


def divide_seconds(milliseconds: int, number: int) -> float | None:
    """Return the mean of `number` durations in seconds, to a tenth; None if there are none."""
    return round(milliseconds / number / 1000, 1) if number else None
