"""Sums, ratios and means of figures."""

from collections.abc import Iterable, Mapping

import msgspec

from streams.core.figures.figure import Dimensions, Figure, merge, new_figure
from streams.core.figures.figure_schemas import FigureSchema


class Ratio(msgspec.Struct, frozen=True):
    """A ratio with its numerator and denominator; undefined while the denominator is 0."""

    numerator: int
    denominator: int


def add_up(
    figures: Mapping[Dimensions, Figure], dimension_keys: Iterable[Dimensions], figure_schema: FigureSchema
) -> Figure:
    """Return the sum of the figures of `dimension_keys`, which all have `figure_schema`; missing figures count as zero."""
    total = new_figure(figure_schema)
    for dimensions in dimension_keys:
        if dimensions in figures:
            merge(total, figures[dimensions])
    return total


def divide_seconds(milliseconds: int, number: int) -> float | None:
    """Return the mean of `number` durations with the sum `milliseconds`, in seconds to a tenth; None if `number` is 0."""
    return round(milliseconds / number / 1000, 1) if number else None
