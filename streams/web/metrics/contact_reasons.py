"""Metric of the reasons for contact."""

from collections.abc import Iterable, Iterator

from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import CONTACT_CHANNELS, REASON_CHANNEL, REASON_SCHEMA
from streams.web.metrics.figure_readers import count
from streams.web.metrics.measure import FigureMeasure, counter_measure
from streams.web.options import ReasonOptions


def measures() -> list[FigureMeasure]:
    """Return the definition of the metric of reasons; `FiguresCollector` computes its values."""
    return [
        counter_measure(
            "contact_reason",
            "Contacts with a known reason, at the time when they began: the latest reason of the source, else of a rule.",
            count(REASON_SCHEMA, "reason_contacts"),
            ("reason",),
        )
    ]


def expected_dimensions(dimension_keys: Iterable[Dimensions], reasons: Iterable[ReasonOptions]) -> Iterator[Dimensions]:
    """Yield the dimensions under which configured `reasons` of contacts of `dimension_keys` are counted."""
    reasons = tuple(reasons)
    for channel, site, service, _ in dimension_keys:
        if channel in CONTACT_CHANNELS:
            for reason in reasons:
                if not reason.channels or channel in reason.channels:
                    yield Dimensions(REASON_CHANNEL, site, service, f"{channel}:{reason.reason}")
