"""Metrics of post counted in total, by a franking machine or a mailroom."""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Final

from models.events import CountedPostClass, PostDirection
from models.topics import Channel
from streams.core.figures.figure import Dimensions, Figure
from streams.core.figures.figure_schemas import POST_CHANNEL, POST_SCHEMA
from streams.web.metrics.figure_readers import Values, count
from streams.web.metrics.measure import FigureMeasure, counter_measure

LABELS: Final = ("direction", "class")
_CENTS: Final = POST_SCHEMA.index["post_cost_cents"]


def measures() -> list[FigureMeasure]:
    """Return the definitions of the metrics of counted post; `FiguresCollector` computes their values."""
    return [
        counter_measure(
            "post_items",
            "Items of post counted in total, by direction and class; letters known one by one are in contact_sent_total.",
            count(POST_SCHEMA, "post_items"),
            LABELS,
        ),
        counter_measure(
            "post_cost_euros",
            "Postage of the items of post counted in total, by direction and class.",
            {POST_CHANNEL: _euros},
            LABELS,
        ),
    ]


def expected_dimensions(dimension_keys: Iterable[Dimensions]) -> Iterator[Dimensions]:
    """Yield the dimensions under which post of the services with letters in `dimension_keys` is counted."""
    for channel, site, service, _ in dimension_keys:
        if channel == Channel.MAIL:
            for direction, post_class in product(PostDirection, CountedPostClass):
                yield Dimensions(POST_CHANNEL, site, service, f"{direction}:{post_class}")


def _euros(figure: Figure) -> Values:
    return {(): figure.counts[_CENTS] / 100}
