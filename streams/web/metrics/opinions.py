"""What citizens say of a contact, under the channel that it was."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric

from models.events import FeedbackScale
from models.topics import Channel
from streams.core.figures import Dimensions, Figure, new_figure
from streams.core.layouts import CONTACTED, EXPERIENCES, FEEDBACK, name_verdict
from streams.core.satisfaction import SCALES, Estimate, answers, estimate, estimate_share
from streams.core.satisfaction import Measure as SatisfactionMeasure
from streams.web.metrics.measure import PLACE, Counter, Figures, Measure, Scores, count, label
from streams.web.options import WebOptions
from streams.web.view import Snapshot

HISTOGRAMS: Final = (
    (
        "contact_satisfaction_score",
        "How satisfied citizens are, from 1 to 5 (CSAT).",
        (FeedbackScale.CSAT_5,),
        "",
    ),
    (
        "contact_recommendation_score",
        "Whether citizens would recommend the service, from 0 to 10 (NPS).",
        (FeedbackScale.NPS,),
        "",
    ),
    (
        "contact_effort_score",
        "How easy it was, the highest score being the easiest (CES): from 1 to 5 or to 7, as the scale's name ends.",
        (FeedbackScale.CES_5, FeedbackScale.CES_7),
        "scale",
    ),
    (
        "contact_jdma_score",
        "What citizens say on JeDonneMonAvis, from 0 to 10.",
        (FeedbackScale.JDMA,),
        "",
    ),
)
"""Name, meaning, scales, label."""


RESPONSE: Final = "response"
"""The measure of how many of those invited answered."""
EXPERIENCED_WITHIN: Final = "28d"
_Estimated = tuple[str, int, Estimate | None]
"""Measure, number of answers or invitations, what they say."""


def scales_of(ever: Figures) -> list[FeedbackScale]:
    """Return the scales on which anybody ever answered anywhere: there need be no series of the others."""
    rows = [figure for place, figure in ever.items() if place.channel == Channel.FEEDBACK]
    return [scale for scale in FeedbackScale if any(any(answers(scale, figure).values()) for figure in rows)]


def expect(places: Iterable[Dimensions]) -> Iterator[Dimensions]:
    """Yield where opinions of the contacts at `places` will be counted."""
    for channel, site, service, _ in places:
        if channel in CONTACTED:
            yield Dimensions(Channel.FEEDBACK.value, site, service, channel)


def measures(scales: Sequence[FeedbackScale]) -> list[Measure]:
    """Return the metrics of opinions on `scales`; of a contact's answers on one scale the last counts."""
    return [
        Counter("contact_survey_invited", "Citizens asked for their opinion.", count(FEEDBACK, "invited")),
        *(
            Scores(name, about, used, label)
            for name, about, of, label in HISTOGRAMS
            if (used := tuple(scale for scale in of if scale in scales))
        ),
    ]


def collect(
    snapshot: Snapshot, options: WebOptions, places: Iterable[Dimensions], scales: Sequence[FeedbackScale]
) -> Iterator[Metric]:
    """Yield what is said in the last days, and how sure that is; `scales` are those that are used."""
    places = list(places)
    labels = (*PLACE, "measure", "window")
    number = GaugeMetricFamily(
        "contact_satisfaction_answers",
        "Answers in a window of civil days, today included, on which the measures rest; of response, invitations.",
        labels=labels,
    )
    bounds = [
        GaugeMetricFamily(
            "contact_satisfaction_ratio",
            "What these answers say: shares from 0 to 1, nps from -1 to 1; absent with fewer answers than"
            " contact_satisfaction_minimum_answers.",
            labels=labels,
        ),
        GaugeMetricFamily(
            "contact_satisfaction_lower_ratio", "Lower bound of that, by Wilson, at 95 %.", labels=labels
        ),
        GaugeMetricFamily(
            "contact_satisfaction_upper_ratio", "Upper bound of that, by Wilson, at 95 %.", labels=labels
        ),
    ]
    nothing = new_figure(FEEDBACK)
    used = [(measure, scale) for measure, scale in SCALES.items() if scale in scales]
    for place in places:
        if place.channel == Channel.FEEDBACK:
            for window, sums in snapshot.opinions.items():
                figure = sums.get(place, nothing)
                for name, total, told in _estimates(figure, used):
                    values = (*label(place), name, window)
                    number.add_metric(values, total)
                    if told is not None and total >= options.fewest_answers:
                        for metric, value in zip(bounds, told, strict=True):
                            metric.add_metric(values, value)
    minimum = GaugeMetricFamily("contact_satisfaction_minimum_answers", "Of fewer answers no measure is told.")
    minimum.add_metric((), options.fewest_answers)
    yield from (number, *bounds, minimum)
    if FeedbackScale.CSAT_5 in scales:
        yield _experiences(snapshot, places)


def _estimates(figure: Figure, used: Iterable[tuple[SatisfactionMeasure, FeedbackScale]]) -> Iterator[_Estimated]:
    for measure, scale in used:
        given = answers(scale, figure)
        yield measure.value, sum(given.values()), estimate(measure, given)
    invited, answered = (figure.counts[FEEDBACK.index[name]] for name in ("invited", "invited_answered"))
    yield RESPONSE, invited, estimate_share(answered, invited) if invited > 0 else None


def _experiences(snapshot: Snapshot, places: Iterable[Dimensions]) -> Metric:
    metric = GaugeMetricFamily(
        "contact_satisfaction_after_items",
        f"Answers of {EXPERIENCED_WITHIN} from 1 to 5, by what somebody went through: promises kept or not, the longest wait in a"
        " queue in seconds.",
        labels=(*PLACE, "experience", "satisfied"),
    )
    sums = snapshot.opinions.get(EXPERIENCED_WITHIN, {})
    for place in places:
        if place in sums:
            for which in EXPERIENCES:
                for satisfied in (True, False):
                    index = FEEDBACK.index[name_verdict(which, is_satisfied=satisfied)]
                    labels = (*label(place), which, str(satisfied).lower())
                    metric.add_metric(labels, sums[place].counts[index])
    return metric
