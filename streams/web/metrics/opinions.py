"""What citizens say of a contact, under the channel that it was."""

from collections.abc import Iterable, Sequence

from models.events import FeedbackScale
from models.topics import Channel
from streams.core.figures import Figure
from streams.core.layouts import FEEDBACK
from streams.web.metrics.measure import Counter, Figures, Measure, Values, count
from streams.web.services import answers


def scales_of(ever: Figures) -> list[FeedbackScale]:
    """Return the scales on which anybody ever answered anywhere: there need be no series of the others."""
    rows = [figure for place, figure in ever.items() if place.channel == Channel.FEEDBACK]
    return [scale for scale in FeedbackScale if any(any(answers(scale, figure).values()) for figure in rows)]


def measures(scales: Sequence[FeedbackScale]) -> list[Measure]:
    """Return the metrics of opinions on `scales`."""
    return [
        Counter("contact_survey_invited", "Citizens asked for their opinion.", count(FEEDBACK, "invited")),
        Counter(
            "contact_feedback",
            "Answers by score; of a contact's on one scale the last. The scale's name ends with its lowest and highest.",
            {Channel.FEEDBACK: lambda figure: _scores(figure, scales)},
            ("scale", "score"),
        ),
    ]


def _scores(figure: Figure, scales: Iterable[FeedbackScale]) -> Values:
    return {(scale.value, str(score)): number for scale in scales for score, number in answers(scale, figure).items()}
