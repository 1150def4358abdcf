"""Metrics of feedback, labelled with the channel of the contact."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from prometheus_client.core import GaugeMetricFamily

from models.events import FeedbackScale
from models.topics import Channel
from streams.core.figures.figure import Dimensions, Figure
from streams.core.figures.figure_schemas import CONTACT_CHANNELS, EXPERIENCES, FEEDBACK, csat_count_name
from streams.core.figures.satisfaction import SCALES, Estimate, answers, estimate, estimate_share
from streams.web.metrics.measure import DIMENSION_LABELS, Counter, FigureRows, Measure, Scores, count, label
from streams.web.options import WebOptions

RESPONSE: Final = "response"
"""Name of the measure for the response rate."""
EXPERIENCE_WINDOW: Final = "28d"
"""Window of `contact_satisfaction_after_items`."""
MINIMUM_ANSWERS: Final = (
    "contact_satisfaction_minimum_answers",
    "Minimum number of answers for the satisfaction measures.",
)
_WindowKey = tuple[Dimensions, str]
"""Dimensions, window."""


class _Estimated(NamedTuple):
    """One measure of a window."""

    measure: str
    total: int
    """Number of answers, or of invitations."""
    estimate: Estimate | None


def expected_dimensions(dimension_keys: Iterable[Dimensions]) -> Iterator[Dimensions]:
    """Yield the dimensions under which feedback on contacts of `dimension_keys` is counted; feedback itself is skipped."""
    for channel, site, service, _ in dimension_keys:
        if channel in CONTACT_CHANNELS:
            yield Dimensions(Channel.FEEDBACK.value, site, service, channel)


def measures(options: WebOptions) -> list[Measure[Any]]:
    """Return the definitions of the metrics of feedback; `FiguresCollector` computes their values.

    Of several answers to a contact on one scale, the last counts.
    """
    minimum = options.fewest_answers
    return [
        Counter("contact_survey_invited", "Citizens invited to give feedback.", count(FEEDBACK, "invited")),
        Scores("contact_satisfaction_score", "Satisfaction scores from 1 to 5 (CSAT).", (FeedbackScale.CSAT_5,)),
        Scores(
            "contact_recommendation_score",
            "Recommendation scores from 0 to 10 (NPS).",
            (FeedbackScale.NPS,),
        ),
        Scores(
            "contact_effort_score",
            "Ease scores (CES) from 1 to 5 or from 1 to 7, by scale; the highest score is the easiest.",
            (FeedbackScale.CES_5, FeedbackScale.CES_7),
            "scale",
        ),
        Scores("contact_jdma_score", "Scores from 0 to 10 on JeDonneMonAvis.", (FeedbackScale.JDMA,)),
        _Answers(),
        _Bound(
            "contact_satisfaction_ratio",
            "Satisfaction measure of these answers: shares from 0 to 1, nps from -1 to 1; absent with fewer answers than"
            " contact_satisfaction_minimum_answers.",
            "ratio",
            minimum,
        ),
        _Bound(
            "contact_satisfaction_lower_ratio",
            "Lower Wilson bound of the satisfaction ratio, at 95 %.",
            "lower",
            minimum,
        ),
        _Bound(
            "contact_satisfaction_upper_ratio",
            "Upper Wilson bound of the satisfaction ratio, at 95 %.",
            "upper",
            minimum,
        ),
        _Experiences(),
    ]


class _OfWindow(Measure[_WindowKey]):
    """A metric of the feedback in a window."""

    def applies_to(self, key: _WindowKey) -> bool:  # noqa: ARG002 - applies to all keys
        """Return True: the rows contain feedback only."""
        return True

    def select_figures(self, rows: FigureRows) -> Mapping[_WindowKey, Figure]:
        """Return the sums by window."""
        return rows.feedback


class _Answers(_OfWindow):
    """Number of answers of each measure."""

    def family(self) -> GaugeMetricFamily:
        """Return the metric without samples."""
        return GaugeMetricFamily(
            "contact_satisfaction_answers",
            "Number of answers behind each measure, in a window of civil days that includes today; for response, of invitations.",
            labels=_LABELS,
        )

    def read(self, key: _WindowKey, figure: Figure) -> list[_Estimated]:  # noqa: ARG002 - the same for all keys
        """Return the measures of the window."""
        return [*_estimates(figure)]

    def add(self, metric: GaugeMetricFamily, key: _WindowKey, values: list[_Estimated]) -> None:
        """Add the numbers of answers."""
        dimensions, window = key
        for estimated in values:
            metric.add_metric((*label(dimensions), estimated.measure, window), estimated.total)


@dataclass(frozen=True, slots=True)
class _Bound(_OfWindow):
    """A measure, or a bound of its confidence interval; no samples below the minimum of answers."""

    name: str
    about: str
    part: str
    """Field of `Estimate`."""
    minimum: int

    def family(self) -> GaugeMetricFamily:
        """Return the metric without samples."""
        return GaugeMetricFamily(self.name, self.about, labels=_LABELS)

    def read(self, key: _WindowKey, figure: Figure) -> dict[str, float]:  # noqa: ARG002 - the same for all keys
        """Return measure → value."""
        return {
            estimated.measure: getattr(estimated.estimate, self.part)
            for estimated in _estimates(figure)
            if estimated.estimate is not None and estimated.total >= self.minimum
        }

    def add(self, metric: GaugeMetricFamily, key: _WindowKey, values: dict[str, float]) -> None:
        """Add the values."""
        dimensions, window = key
        for measure, number in values.items():
            metric.add_metric((*label(dimensions), measure, window), number)


class _Experiences(_OfWindow):
    """Answers by what the citizens experienced: deadlines met or missed, long waits."""

    def family(self) -> GaugeMetricFamily:
        """Return the metric without samples."""
        return GaugeMetricFamily(
            "contact_satisfaction_after_items",
            f"Answers from 1 to 5 of {EXPERIENCE_WINDOW}, by the experience of the citizen: deadline missed or not, and the"
            " longest wait in a queue, in seconds.",
            labels=(*DIMENSION_LABELS, "experience", "satisfied"),
        )

    def applies_to(self, key: _WindowKey) -> bool:
        """Return whether the key is of `EXPERIENCE_WINDOW`."""
        return key[1] == EXPERIENCE_WINDOW

    def read(self, key: _WindowKey, figure: Figure) -> dict[tuple[str, str], int]:  # noqa: ARG002 - the same for all keys
        """Return (experience, whether satisfied) → number of answers."""
        return {answer: figure.counts[index] for answer, index in _AFTER.items()}

    def add(self, metric: GaugeMetricFamily, key: _WindowKey, values: dict[tuple[str, str], int]) -> None:
        """Add the numbers of answers."""
        for answer, number in values.items():
            metric.add_metric((*label(key[0]), *answer), number)


_LABELS: Final = (*DIMENSION_LABELS, "measure", "window")
_AFTER: Final = {
    (experience, str(satisfied).lower()): FEEDBACK.index[csat_count_name(experience, is_satisfied=satisfied)]
    for experience in EXPERIENCES
    for satisfied in (True, False)
}


def _estimates(figure: Figure) -> Iterator[_Estimated]:
    for measure, scale in SCALES.items():
        given = answers(scale, figure)
        yield _Estimated(measure.value, sum(given.values()), estimate(measure, given))
    invited, answered = (figure.counts[FEEDBACK.index[name]] for name in ("invited", "invited_answered"))
    yield _Estimated(RESPONSE, invited, estimate_share(answered, invited) if invited > 0 else None)
