"""What citizens say of a contact, under the channel that it was."""

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
"""The measure of how many of those invited answered."""
EXPERIENCED_WITHIN: Final = "28d"
MINIMUM_ANSWERS: Final = "contact_satisfaction_minimum_answers", "Of fewer answers no measure is told."
_Said = tuple[Dimensions, str]
"""Where, and in which window."""


class _Estimated(NamedTuple):
    """What answers say."""

    measure: str
    total: int
    """Number of answers, or of invitations."""
    told: Estimate | None


def expected_dimensions(dimension_keys: Iterable[Dimensions]) -> Iterator[Dimensions]:
    """Yield where opinions of the contacts at `places` will be counted."""
    for channel, site, service, _ in dimension_keys:
        if channel in CONTACT_CHANNELS:
            yield Dimensions(Channel.FEEDBACK.value, site, service, channel)


def measures(options: WebOptions) -> list[Measure[Any]]:
    """Return the metrics of opinions; of a contact's answers on one scale the last counts."""
    fewest = options.fewest_answers
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
        _Answers(),
        _Bound(
            "contact_satisfaction_ratio",
            "What these answers say: shares from 0 to 1, nps from -1 to 1; absent with fewer answers than"
            " contact_satisfaction_minimum_answers.",
            "ratio",
            fewest,
        ),
        _Bound("contact_satisfaction_lower_ratio", "Lower bound of that, by Wilson, at 95 %.", "lower", fewest),
        _Bound("contact_satisfaction_upper_ratio", "Upper bound of that, by Wilson, at 95 %.", "upper", fewest),
        _Experiences(),
    ]


class _OfWindow(Measure[_Said]):
    """A metric of what is said in a window."""

    def applies_to(self, key: _Said) -> bool:  # noqa: ARG002 - there are no others
        """Return whether opinions are counted there."""
        return True

    def select_figures(self, rows: FigureRows) -> Mapping[_Said, Figure]:
        """Return the rows that it is read from."""
        return rows.said


class _Answers(_OfWindow):
    """On how many answers the measures rest."""

    def family(self) -> GaugeMetricFamily:
        """Return the metric without samples."""
        return GaugeMetricFamily(
            "contact_satisfaction_answers",
            "Answers in a window of civil days, today included, on which the measures rest; of response, invitations.",
            labels=_LABELS,
        )

    def read(self, key: _Said, figure: Figure) -> list[_Estimated]:  # noqa: ARG002 - of each alike
        """Return what is said."""
        return [*_estimates(figure)]

    def add(self, metric: GaugeMetricFamily, key: _Said, values: list[_Estimated]) -> None:
        """Add how many say so."""
        dimensions, window = key
        for said in values:
            metric.add_metric((*label(dimensions), said.measure, window), said.total)


@dataclass(frozen=True, slots=True)
class _Bound(_OfWindow):
    """What answers say, or one end of what they may mean; nothing if they are too few."""

    name: str
    about: str
    part: str
    """Of an `Estimate`."""
    fewest: int

    def family(self) -> GaugeMetricFamily:
        """Return the metric without samples."""
        return GaugeMetricFamily(self.name, self.about, labels=_LABELS)

    def read(self, key: _Said, figure: Figure) -> dict[str, float]:  # noqa: ARG002 - of each alike
        """Return measure → what is said."""
        return {
            said.measure: getattr(said.told, self.part)
            for said in _estimates(figure)
            if said.told is not None and said.total >= self.fewest
        }

    def add(self, metric: GaugeMetricFamily, key: _Said, values: dict[str, float]) -> None:
        """Add what is said."""
        dimensions, window = key
        for measure, number in values.items():
            metric.add_metric((*label(dimensions), measure, window), number)


class _Experiences(_OfWindow):
    """What is said by those who went through something."""

    def family(self) -> GaugeMetricFamily:
        """Return the metric without samples."""
        return GaugeMetricFamily(
            "contact_satisfaction_after_items",
            f"Answers of {EXPERIENCED_WITHIN} from 1 to 5, by what somebody went through: promises kept or not, the longest wait"
            " in a queue in seconds.",
            labels=(*DIMENSION_LABELS, "experience", "satisfied"),
        )

    def applies_to(self, key: _Said) -> bool:
        """Return whether it is the window in which that is told."""
        return key[1] == EXPERIENCED_WITHIN

    def read(self, key: _Said, figure: Figure) -> dict[tuple[str, str], int]:  # noqa: ARG002 - of each alike
        """Return what somebody went through, and whether satisfied → how many say so."""
        return {told: figure.counts[index] for told, index in _AFTER.items()}

    def add(self, metric: GaugeMetricFamily, key: _Said, values: dict[tuple[str, str], int]) -> None:
        """Add how many say so."""
        for told, number in values.items():
            metric.add_metric((*label(key[0]), *told), number)


_LABELS: Final = (*DIMENSION_LABELS, "measure", "window")
_AFTER: Final = {
    (which, str(satisfied).lower()): FEEDBACK.index[csat_count_name(which, is_satisfied=satisfied)]
    for which in EXPERIENCES
    for satisfied in (True, False)
}


def _estimates(figure: Figure) -> Iterator[_Estimated]:
    for measure, scale in SCALES.items():
        given = answers(scale, figure)
        yield _Estimated(measure.value, sum(given.values()), estimate(measure, given))
    invited, answered = (figure.counts[FEEDBACK.index[name]] for name in ("invited", "invited_answered"))
    yield _Estimated(RESPONSE, invited, estimate_share(answered, invited) if invited > 0 else None)
