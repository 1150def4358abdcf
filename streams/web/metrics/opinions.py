"""What citizens say of a contact, under the channel that it was."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from models.events import FeedbackScale
from models.topics import Channel
from streams.core.figures import Dimensions
from streams.core.layouts import CONTACTED, FEEDBACK
from streams.core.satisfaction import answers
from streams.web.metrics.measure import Counter, Figures, Measure, Scores, count

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
