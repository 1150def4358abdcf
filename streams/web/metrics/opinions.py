"""What citizens say of a contact, under the channel that it was."""

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric

from models.events import FeedbackScale
from models.topics import Channel
from streams.core.figures import Dimensions, Figure, new_figure
from streams.core.layouts import CONTACTED, EXPERIENCES, FEEDBACK, name_verdict
from streams.core.satisfaction import SCALES, Estimate, answers, estimate, estimate_share
from streams.web.metrics.measure import PLACE, Counter, Measure, Scores, count, label
from streams.web.options import WebOptions
from streams.web.view import Snapshot

RESPONSE: Final = "response"
"""The measure of how many of those invited answered."""
EXPERIENCED_WITHIN: Final = "28d"
_Estimated = tuple[str, int, Estimate | None]
"""Measure, number of answers or invitations, what they say."""


def expect(places: Iterable[Dimensions]) -> Iterator[Dimensions]:
    """Yield where opinions of the contacts at `places` will be counted."""
    for channel, site, service, _ in places:
        if channel in CONTACTED:
            yield Dimensions(Channel.FEEDBACK.value, site, service, channel)


def measures() -> list[Measure]:
    """Return the metrics of opinions; of a contact's answers on one scale the last counts."""
    return [
        Counter("contact_survey_invited", "Citizens asked for their opinion.", count(FEEDBACK, "invited")),
        Scores(
            "contact_satisfaction_score", "How satisfied citizens are, from 1 to 5 (CSAT).", (FeedbackScale.CSAT_5,)
        ),
        Scores(
            "contact_recommendation_score",
            "Whether citizens would recommend the service, from 0 to 10 (NPS).",
            (FeedbackScale.NPS,),
        ),
        Scores(
            "contact_effort_score",
            "How easy it was, the highest score being the easiest (CES): from 1 to 5 or to 7, as the scale's name ends.",
            (FeedbackScale.CES_5, FeedbackScale.CES_7),
            "scale",
        ),
        Scores("contact_jdma_score", "What citizens say on JeDonneMonAvis, from 0 to 10.", (FeedbackScale.JDMA,)),
    ]


def collect(snapshot: Snapshot, options: WebOptions, places: Iterable[Dimensions]) -> Iterator[Metric]:
    """Yield what is said in the last days, and how sure that is."""
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
    for place in places:
        if place.channel == Channel.FEEDBACK:
            for window, sums in snapshot.opinions.items():
                figure = sums.get(place, nothing)
                for name, total, told in _estimates(figure):
                    values = (*label(place), name, window)
                    number.add_metric(values, total)
                    if told is not None and total >= options.fewest_answers:
                        for metric, value in zip(bounds, told, strict=True):
                            metric.add_metric(values, value)
    minimum = GaugeMetricFamily("contact_satisfaction_minimum_answers", "Of fewer answers no measure is told.")
    minimum.add_metric((), options.fewest_answers)
    yield from (number, *bounds, minimum)
    yield _experiences(snapshot, places)


def _estimates(figure: Figure) -> Iterator[_Estimated]:
    for measure, scale in SCALES.items():
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
    nothing = new_figure(FEEDBACK)
    for place in places:
        if place.channel == Channel.FEEDBACK:
            figure = sums.get(place, nothing)
            for which in EXPERIENCES:
                for satisfied in (True, False):
                    index = FEEDBACK.index[name_verdict(which, is_satisfied=satisfied)]
                    labels = (*label(place), which, str(satisfied).lower())
                    metric.add_metric(labels, figure.counts[index])
    return metric
