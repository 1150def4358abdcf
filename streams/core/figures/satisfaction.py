"""Satisfaction measures of citizens' answers, with confidence bounds.

Each measure gives an answer one point, half a point or none; its value is the mean, for NPS scaled to -1 … 1. The bounds are
Wilson's score interval at 95 % (E. B. Wilson, 1927), which applies to answers of 0 or 1. With half points the bounds are valid
but wider than necessary: for a given mean, values of 0 and 1 have the largest variance.
"""

from collections.abc import Mapping
from enum import StrEnum
from math import sqrt
from typing import Final, NamedTuple

from models.events import FeedbackScale
from streams.core.figures.figure import Figure
from streams.core.figures.figure_schemas import FEEDBACK, MIN_SATISFIED_SCORE

Z95: Final = 1.959963984540054
"""97.5 % quantile of the standard normal distribution."""
PROMOTER_SCORE: Final = 9
"""Lowest score of a promoter on the scale 0 to 10 (Net Promoter Score)."""
DETRACTOR_SCORE: Final = 6
"""Highest score of a detractor on the same scale."""


class Measure(StrEnum):
    """Satisfaction measures."""

    CSAT = "csat"
    """Share of 4 and 5 on `csat_1_5`."""
    NPS = "nps"
    """Share of 9 and 10 on `nps_0_10` minus the share of 0 to 6: from -1 to 1."""
    CES_5 = "ces_1_5"
    """Share of 4 and 5 on `ces_1_5`. The Customer Effort Score has no standard scale, so each scale is a measure."""
    CES_7 = "ces_1_7"
    """Share of 5 to 7 on `ces_1_7`."""
    JDMA = "jdma"
    """Share of 8 to 10 on `jdma_0_10`, as Services Publics+ publishes it for online procedures."""


class Estimate(NamedTuple):
    """Value of a measure, with its 95 % confidence bounds."""

    ratio: float
    lower: float
    upper: float


SCALES: Final[Mapping[Measure, FeedbackScale]] = {
    Measure.CSAT: FeedbackScale.CSAT_5,
    Measure.NPS: FeedbackScale.NPS,
    Measure.CES_5: FeedbackScale.CES_5,
    Measure.CES_7: FeedbackScale.CES_7,
    Measure.JDMA: FeedbackScale.JDMA,
}
_FROM: Final = {Measure.CSAT: MIN_SATISFIED_SCORE, Measure.CES_5: 4, Measure.CES_7: 5, Measure.JDMA: 8}
"""Measure, except the Net Promoter Score → lowest score that gives a point."""


def score_names(scale: FeedbackScale) -> dict[int, str]:
    """Return each valid score of a scale → name of its count in the figure schema `FEEDBACK`."""
    return {given: f"given_{scale}_{given}" for given in scale.scores}


_COUNTS: Final = {
    scale: {given: FEEDBACK.index[name] for given, name in score_names(scale).items()} for scale in FeedbackScale
}
"""Scale → score → index of its count."""


def answers(scale: FeedbackScale, figure: Figure) -> dict[int, int]:
    """Return each valid score of a scale → number of answers with it in `figure`."""
    counts = figure.counts
    return {given: counts[index] for given, index in _COUNTS[scale].items()}


def estimate(measure: Measure, given: Mapping[int, int]) -> Estimate | None:
    """Return the value and bounds of `measure` for the answers `given` (score → number of answers); None without answers."""
    number = sum(given.values())
    if not number:
        return None
    if measure is Measure.NPS:
        points = sum(
            times * ((score > DETRACTOR_SCORE) + (score >= PROMOTER_SCORE)) / 2 for score, times in given.items()
        )
        return Estimate(*(2 * part - 1 for part in estimate_share(points, number)))
    return estimate_share(sum(times for score, times in given.items() if score >= _FROM[measure]), number)


def estimate_share(points: float, number: int) -> Estimate:
    """Return `points / number` with Wilson's bounds at 95 %. `number` is at least 1."""
    share = points / number
    spread = Z95 * Z95 / number
    middle = share + spread / 2
    width = sqrt(spread * (share * (1 - share) + spread / 4))
    return Estimate(share, max(0.0, (middle - width) / (1 + spread)), min(1.0, (middle + width) / (1 + spread)))
