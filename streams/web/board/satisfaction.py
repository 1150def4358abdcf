"""What citizens said in the last weeks, with how sure that is: what the wall draws."""

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
"""Of `opinions.WINDOWS`: of a week a service has too few to say anything."""


class Satisfaction(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of the answers of a window; bounds are Wilson's at 95 %."""

    measure: str
    """`streams.core.figures.satisfaction.Measure`."""
    service: str | None
    """None: of all of them."""
    label_fr: str
    label_en: str
    answers: int
    ratio: float | None
    """From 0 to 1, of `nps` from -1 to 1; None, as its bounds, of fewer answers than `fewest_answers`."""
    lower: float | None
    upper: float | None


def satisfaction_of(snapshot: Snapshot, options: WebOptions) -> list[Satisfaction]:
    """Return each measure in use of all services together, then one of each service: the first that has enough answers."""
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
            lines += [one for one in own if one.ratio is not None][:1] or own[:1]
    return lines


def _lines(service: str | None, labels: tuple[str, str], figure: Figure, options: WebOptions) -> Iterator[Satisfaction]:
    for measure, scale in SCALES.items():
        given = answers(scale, figure)
        if number := sum(given.values()):
            told = estimate(measure, given) if number >= options.fewest_answers else None
            ratio, lower, upper = (None, None, None) if told is None else (round(part, 4) for part in told)
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
