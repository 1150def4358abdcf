"""Metrics of feedback, labelled with the channel of the contact."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from models.events import FeedbackScale
from models.topics import Channel
from streams.core.figures.figure import Dimensions, Figure
from streams.core.figures.figure_schemas import CONTACT_CHANNELS, EXPERIENCES, FEEDBACK, csat_count_name
from streams.core.figures.satisfaction import SCALES, Estimate, answers, estimate, estimate_share
from streams.web.metrics.figure_readers import Values, count
from streams.web.metrics.measure import Measure, counter_measure, scores_measure, window_measure
from streams.web.options import WebOptions

RESPONSE: Final = "response"
"""Name of the measure for the response rate."""
EXPERIENCE_WINDOW: Final = "28d"
"""Window of `contact_satisfaction_after_items`."""


class _Estimated(NamedTuple):
    """One satisfaction measure, or the response rate, of a window."""

    measure: str
    total: int
    """Number of answers; for the response rate, of invitations."""
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
        counter_measure("contact_survey_invited", "Citizens invited to give feedback.", count(FEEDBACK, "invited")),
        scores_measure(
            "contact_satisfaction_score", "Satisfaction scores from 1 to 5 (CSAT).", (FeedbackScale.CSAT_5,)
        ),
        scores_measure(
            "contact_recommendation_score",
            "Recommendation scores from 0 to 10 (NPS).",
            (FeedbackScale.NPS,),
        ),
        scores_measure(
            "contact_effort_score",
            "Ease scores (CES) from 1 to 5 or from 1 to 7, by scale; the highest score is the easiest.",
            (FeedbackScale.CES_5, FeedbackScale.CES_7),
            "scale",
        ),
        scores_measure("contact_jdma_score", "Scores from 0 to 10 on JeDonneMonAvis.", (FeedbackScale.JDMA,)),
        window_measure(
            "contact_satisfaction_answers",
            "Number of answers behind each measure, in a window of civil days that includes today; for response, of invitations.",
            ("measure",),
            lambda figure: {(measure,): total for measure, total, _ in _estimates(figure)},
        ),
        window_measure(
            "contact_satisfaction_ratio",
            "Satisfaction measure of these answers: shares from 0 to 1, nps from -1 to 1; absent with fewer answers than"
            " contact_satisfaction_minimum_answers.",
            ("measure",),
            lambda figure: _part(figure, "ratio", minimum),
        ),
        window_measure(
            "contact_satisfaction_lower_ratio",
            "Lower Wilson bound of the satisfaction ratio, at 95 %.",
            ("measure",),
            lambda figure: _part(figure, "lower", minimum),
        ),
        window_measure(
            "contact_satisfaction_upper_ratio",
            "Upper Wilson bound of the satisfaction ratio, at 95 %.",
            ("measure",),
            lambda figure: _part(figure, "upper", minimum),
        ),
        window_measure(
            "contact_satisfaction_after_items",
            "Answers from 1 to 5 of 28d, by the experience of the citizen: deadline missed or not, and the"
            " longest wait in a queue, in seconds.",
            ("experience", "satisfied"),
            lambda figure: {answer: figure.counts[index] for answer, index in _AFTER.items()},
            EXPERIENCE_WINDOW,
        ),
    ]


_EXPERIENCE_LABELS: Final = {
    "promise_kept": "sla_met",
    "promise_missed": "sla_missed",
    "no_promise": "no_sla_target",
}
"""Name of an experience in stored figures → its label value, where they differ."""
_AFTER: Final = {
    (_EXPERIENCE_LABELS.get(experience, experience), str(satisfied).lower()): FEEDBACK.index[
        csat_count_name(experience, is_satisfied=satisfied)
    ]
    for experience in EXPERIENCES
    for satisfied in (True, False)
}


def _estimates(figure: Figure) -> Iterator[_Estimated]:
    for measure, scale in SCALES.items():
        given = answers(scale, figure)
        yield _Estimated(measure.value, sum(given.values()), estimate(measure, given))
    invited, answered = (figure.counts[FEEDBACK.index[name]] for name in ("invited", "invited_answered"))
    yield _Estimated(RESPONSE, invited, estimate_share(answered, invited) if invited > 0 else None)


def _part(figure: Figure, part: str, minimum: int) -> Values:
    """Return measure → field `part` of its `Estimate`; without measures that have a `total` below `minimum` or no estimate."""
    return {
        (measure,): getattr(estimated, part)
        for measure, total, estimated in _estimates(figure)
        if estimated is not None and total >= minimum
    }
