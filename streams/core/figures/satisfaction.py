"""What citizens' answers say, and how sure that is.

Each measure gives an answer a point, half of one, or none; its value is the mean. Bounds are Wilson's (E. B. Wilson, 1927), at
95 %. Where an answer counts as one or none, they are his; where it may count half, they hold too, but are wider than they need
be: no number from 0 to 1 varies more than one that is always 0 or 1 with the same mean.
"""

from collections.abc import Mapping
from enum import StrEnum
from math import sqrt
from typing import Final, NamedTuple

from models.events import FeedbackScale
from streams.core.figures.figure import Figure
from streams.core.figures.figure_schemas import FEEDBACK, MIN_SATISFIED_SCORE

Z95: Final = 1.959963984540054
"""97.5 % of the standard normal distribution lie below it."""
PROMOTER_SCORE: Final = 9
"""From this score of 10 on a citizen recommends the service (Net Promoter Score)."""
DETRACTOR_SCORE: Final = 6
"""Up to this one a citizen does not."""


class Measure(StrEnum):
    """What answers are summed up to."""

    CSAT = "csat"
    """The share of 4 and 5 on `csat_1_5`."""
    NPS = "nps"
    """Of `nps_0_10`, the share of 9 and 10 less that of 0 to 6: from -1 to 1."""
    CES_5 = "ces_1_5"
    """The share of 4 and 5 on `ces_1_5`. Of the Customer Effort Score there is no standard, so each scale is a measure."""
    CES_7 = "ces_1_7"
    """The share of 5 to 7 on `ces_1_7`."""
    JDMA = "jdma"
    """The share of 8 to 10 on `jdma_0_10`: Services Publics+ publishes it of online procedures."""


class Estimate(NamedTuple):
    """A measure of some answers."""

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
"""From which score on an answer is a point."""


def score_names(scale: FeedbackScale) -> dict[int, str]:
    """Return the count of each score of a scale."""
    return {given: f"given_{scale}_{given}" for given in scale.scores}


_COUNTS: Final = {
    scale: {given: FEEDBACK.index[name] for given, name in score_names(scale).items()} for scale in FeedbackScale
}
"""Scale → score → which count."""


def answers(scale: FeedbackScale, figure: Figure) -> dict[int, int]:
    """Return how many gave each score of a scale."""
    counts = figure.counts
    return {given: counts[index] for given, index in _COUNTS[scale].items()}


def estimate(measure: Measure, given: Mapping[int, int]) -> Estimate | None:
    """Return the measure of answers, which are told as score → number; None if there are none."""
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
    """Return `points` of `number`, which is at least 1, with Wilson's bounds at 95 %."""
    share = points / number
    spread = Z95 * Z95 / number
    middle = share + spread / 2
    width = sqrt(spread * (share * (1 - share) + spread / 4))
    return Estimate(share, max(0.0, (middle - width) / (1 + spread)), min(1.0, (middle + width) / (1 + spread)))
