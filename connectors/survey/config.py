"""Options of one survey tool."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from connectors.sdk.config import Options, Sector
from connectors.sdk.webhook.config import SignedConfig
from connectors.sdk.webhook.field_paths import FieldPath, MaybeZone
from connectors.sdk.webhook.signatures import check_secret
from models.envelope import Label
from models.events import FeedbackScale
from models.locale import _

Word = Annotated[str, StringConstraints(min_length=1, pattern=r"^\S+$")]
Secret = Annotated[SecretStr, AfterValidator(check_secret)]


class MessageTypeOptions(Options):
    """Mapping of one type of message."""

    event: Literal["feedback.invited", "feedback.given"]
    """Whether a citizen was invited or has answered."""
    id: FieldPath
    """Path of the tool's id of the invitation or answer."""
    time: FieldPath = "timestamp"
    """Path of the event's time: ISO 8601, or seconds or milliseconds since 1970. Of two answers with the same `id`, the later one
    counts."""
    reference: FieldPath | None = None
    """Path of the reference that the survey link contained. Without it, an answer is linked to no contact."""
    scores: dict[FeedbackScale, FieldPath] = Field(default_factory=dict)
    """Paths of the scores by scale; scores are whole numbers. For answers only."""

    @model_validator(mode="after")
    def _check_scores(self) -> Self:
        if self.event == "feedback.given" and not self.scores:
            raise ValueError(_("feedback.given needs scores"))
        if self.event == "feedback.invited" and self.scores:
            raise ValueError(_("feedback.invited has no scores"))
        return self


class SurveyConfig(SignedConfig):
    """Options of one survey tool."""

    reference_secret: Secret
    """Secret of the references in survey links, in the format of `secret`. Only the sender of invitations and this connector may
    know it."""
    previous_reference_secret: Secret | None = None
    """Previous secret, whose references are still accepted."""
    sector: Sector = "general"
    """Sector of the key for ids that may be personal, and of events without a contact. A contact keeps its own sector."""
    site: Label = ""
    """Site of invitations and answers. Default for events of a contact: the contact's site."""
    service: Label = ""
    """Service of invitations and answers. Default for events of a contact: the contact's service."""
    timezone: MaybeZone = ""
    """Time zone of times without an offset, such as `Europe/Paris`. Without it, such times are rejected."""
    type: FieldPath = "type"
    """Path of the message type."""
    ignored: tuple[Word, ...] = ()
    """Message types that are neither invitations nor answers."""
    types: dict[str, MessageTypeOptions] = Field(min_length=1)
    """Mappings by the tool's message types."""
