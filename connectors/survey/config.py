"""How one survey tool is configured."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from connectors.sdk.config import Options, Sector
from connectors.sdk.i18n import say
from connectors.sdk.webhook.config import SignedConfig
from connectors.sdk.webhook.field_paths import FieldPath, MaybeZone
from connectors.sdk.webhook.signatures import check_secret
from models.envelope import Label
from models.events import FeedbackScale

Word = Annotated[str, StringConstraints(min_length=1, pattern=r"^\S+$")]
Secret = Annotated[SecretStr, AfterValidator(check_secret)]
MaybeSecret = Annotated[SecretStr | None, AfterValidator(check_secret)]


class MessageTypeOptions(Options):
    """What one type of message means."""

    event: Literal["feedback.invited", "feedback.given"]
    """Whether somebody was invited or has answered."""
    id: FieldPath
    """Where the tool's id of the invitation or of the answer is."""
    time: FieldPath = "timestamp"
    """Where the time is at which it happened: ISO 8601, or seconds or milliseconds since 1970. Of two answers with the same `id`
    the later one counts."""
    reference: FieldPath | None = None
    """Where the reference is that the link to the survey carried. Without one, an answer stands for itself."""
    scores: dict[FeedbackScale, FieldPath] = Field(default_factory=dict)
    """Where the scores are, whole numbers, by the scales that they are on. Only of what was answered."""

    french_descriptions: ClassVar = {
        "event": "Si quelqu'un a été invité ou a répondu.",
        "id": "Où se trouve l'identifiant, pour l'outil, de l'invitation ou de la réponse.",
        "time": "Où se trouve l'heure du fait : ISO 8601, ou secondes ou millisecondes depuis 1970. De deux réponses de même "
        "`id`, la plus tardive compte.",
        "reference": "Où se trouve la référence que portait le lien vers l'enquête. Sans elle, une réponse vaut pour elle-même.",
        "scores": "Où se trouvent les notes, des nombres entiers, par l'échelle de chacune. Seulement de ce qui est répondu.",
    }

    @model_validator(mode="after")
    def _check_scores(self) -> Self:
        if self.event == "feedback.given" and not self.scores:
            raise ValueError(say("feedback.given needs scores", "feedback.given a besoin de scores"))
        if self.event == "feedback.invited" and self.scores:
            raise ValueError(say("feedback.invited has no scores", "feedback.invited n'a pas de scores"))
        return self


class SurveyConfig(SignedConfig):
    """One survey tool."""

    reference_secret: Secret
    """What the references in links are made with: of the same form, and of nobody but who invites and this connector."""
    previous_reference_secret: MaybeSecret = None
    """The one before, whose references count as well."""
    sector: Sector = "general"
    """Sector whose key hides ids that may tell of a person; and of what is tied to no contact. A contact keeps its own."""
    site: Label = ""
    """Site of invitations and answers; of what is tied to a contact, its own if not given."""
    service: Label = ""
    """Service of invitations and answers; of what is tied to a contact, its own if not given."""
    timezone: MaybeZone = ""
    """Zone of times that come without one, as `Europe/Paris`; if not given, they are rejected."""
    type: FieldPath = "type"
    """Where the type of a message is."""
    ignored: tuple[Word, ...] = ()
    """Types that are neither invitations nor answers."""
    types: dict[str, MessageTypeOptions] = Field(min_length=1)
    """What the types of messages mean, by the tool's names of them."""

    french_descriptions: ClassVar = {
        "reference_secret": "Ce avec quoi sont faites les références dans les liens : de même forme, et à personne d'autre qu'à "
        "qui invite et à ce connecteur.",
        "previous_reference_secret": "Celui d'avant, dont les références valent aussi.",
        "sector": "Secteur dont la clé cache les identifiants qui peuvent parler d'une personne ; et de ce qui n'est rattaché à "
        "aucun contact. Un contact garde le sien.",
        "site": "Site des invitations et réponses ; à défaut, pour ce qui est rattaché à un contact, le sien.",
        "service": "Service des invitations et réponses ; à défaut, pour ce qui est rattaché à un contact, le sien.",
        "timezone": "Fuseau des heures qui n'en ont pas, comme `Europe/Paris` ; à défaut, elles sont rejetées.",
        "type": "Où se trouve le type d'un message.",
        "ignored": "Types qui ne sont ni des invitations ni des réponses.",
        "types": "Sens des types de messages, par les noms de l'outil.",
    }

    @property
    def reference_secrets(self) -> list[SecretStr]:
        """The secrets of references that count, the newest first."""
        return [secret for secret in (self.reference_secret, self.previous_reference_secret) if secret is not None]
