"""Event types of opinions."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from models.envelope import Envelope, EventPart
from models.events.parts import NoData
from models.topics import Channel


class FeedbackScale(StrEnum):
    """Scale of a satisfaction score. The value ends with the lowest and the highest score."""

    CSAT_5 = "csat_1_5"
    CES_5 = "ces_1_5"
    CES_7 = "ces_1_7"
    NPS = "nps_0_10"
    JDMA = "jdma_0_10"

    @property
    def scores(self) -> range:
        """Return the valid scores."""
        lowest, highest = self.value.rsplit("_", 2)[1:]
        return range(int(lowest), int(highest) + 1)


class FeedbackEvent(Envelope):
    """Channel `feedback`; the subject is the contact that the feedback is about."""

    channel: Literal[Channel.FEEDBACK] = Channel.FEEDBACK


class FeedbackInvited(FeedbackEvent):
    """A citizen was asked for an opinion."""

    type: Literal["feedback.invited"] = "feedback.invited"
    data: NoData = NoData()


class FeedbackGivenData(EventPart):
    """Data of `feedback.given`: the opinion as a number. Free text stays in the source system."""

    scale: FeedbackScale
    score: Annotated[int, Field(ge=0, le=10)]

    @model_validator(mode="after")
    def _check_score(self) -> Self:
        if self.score not in self.scale.scores:
            raise ValueError("the score is not on the scale")
        return self


class FeedbackGiven(FeedbackEvent):
    """A citizen answered a survey."""

    type: Literal["feedback.given"] = "feedback.given"
    data: FeedbackGivenData


FeedbackEvents = FeedbackInvited | FeedbackGiven
