"""Satisfaction measures of the last four weeks with their confidence intervals, for the wall."""

from collections.abc import Iterator
from typing import Final

import msgspec

from models.topics import Channel
from streams.core.figures.figure import Figure, merge, new_figure
from streams.core.figures.figure_schemas import FEEDBACK
from streams.core.figures.satisfaction import SCALES, answers, estimate
from streams.web.options import WebOptions
from streams.web.view import Snapshot

WINDOW: Final = "28d"
"""Key of `day_windows.WINDOWS`; most services have too few answers in a week."""


class Satisfaction(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of satisfaction in the window, with Wilson bounds at 95 %."""

    measure: str
    """A value of `streams.core.figures.satisfaction.Measure`."""
    service: str | None
    """None for all services together."""
    label_fr: str
    label_en: str
    answers: int
    ratio: float | None
    """From 0 to 1, for `nps` from -1 to 1. None, like its bounds `lower` and `upper`, below `fewest_answers` answers."""
    lower: float | None
    upper: float | None


def satisfaction_of(snapshot: Snapshot, options: WebOptions) -> list[Satisfaction]:
    """Return each measure with answers, for all services together.

    If several services have feedback, one measure of each follows: the first with enough answers, else the first with any;
    none for a service without answers.
    """
    sums = snapshot.feedback.get(WINDOW, {})
    services: dict[str, Figure] = {service.service: new_figure(FEEDBACK) for service in options.services}
    everything = new_figure(FEEDBACK)
    for dimensions in sorted(sums):
        if dimensions.channel == Channel.FEEDBACK:
            merge(services.setdefault(dimensions.service, new_figure(FEEDBACK)), sums[dimensions])
            merge(everything, sums[dimensions])
    lines = list(_lines(None, ("", ""), everything, options))
    if sum(1 for figure in services.values() if any(figure.counts)) > 1:
        for service, figure in services.items():
            own = list(_lines(service, options.service_labels(service), figure, options))
            lines += [line for line in own if line.ratio is not None][:1] or own[:1]
    return lines


def _lines(service: str | None, labels: tuple[str, str], figure: Figure, options: WebOptions) -> Iterator[Satisfaction]:
    for measure, scale in SCALES.items():
        given = answers(scale, figure)
        if number := sum(given.values()):
            estimated = estimate(measure, given) if number >= options.fewest_answers else None
            ratio, lower, upper = (None, None, None) if estimated is None else (round(part, 4) for part in estimated)
            yield Satisfaction(
                measure=measure.value,
                service=service,
                label_fr=labels[0],
                label_en=labels[1],
                answers=number,
                ratio=ratio,
                lower=lower,
                upper=upper,
            )
