"""Event types of all channels, and their discriminated union.

A type's name is a noun and a verb in the past tense. A new optional field is compatible; any other change needs a new
`dataversion`. Times are aware datetimes; durations are in seconds. `models.structs` derives the faster msgspec structs from these
models. Longer than other modules, as it is one list: one section per channel, one class per type.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import AwareDatetime, Field, StringConstraints, field_validator, model_validator

from models.envelope import Envelope, EventPart, Label
from models.topics import Channel

Seconds = Annotated[float, Field(ge=0, le=315_576_000, allow_inf_nan=False)]
"""A duration in seconds, at most ten years."""
YEARS: Final = range(1970, 2200)
"""Years in which an appointment may take place. Far from years 1 and 9999, which other time zones cannot represent."""
Reference = Annotated[str, StringConstraints(min_length=1, max_length=100)]
"""The source system's reference (chrono, dossier, rdv id): never a name, never free text."""
AgentName = Annotated[str, StringConstraints(max_length=100)]
"""An agent's pseudonym (`models.identities`), or empty if unknown."""
Ordinal = Annotated[int, Field(ge=1, le=1000)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]


class NoData(EventPart):
    """Data of an event type without fields of its own."""


# ---------------------------------------------------------------------------------------------------------------- calls
class LeaveReason(StrEnum):
    """Why a call left a queue neither answered nor abandoned."""

    TIMEOUT = "timeout"
    """The queue's maximum wait passed."""
    EMPTY = "empty"
    """The queue had no agent, or no longer had one."""
    KEY = "key"
    """The caller pressed a key."""
    FULL = "full"
    """The queue had reached its maximum number of callers."""
    CLOSED = "closed"
    """The service was closed: outside opening hours, or for the whole day."""
    DIVERTED = "diverted"
    """The dialplan sent the call elsewhere."""
    WITHDRAWN = "withdrawn"
    """A manager action took the call out of the queue."""
    INCOMPATIBLE = "incompatible"
    """Caller and agent had no channel format in common (SYSCOMPAT)."""
    OTHER = "other"


class EndedBy(StrEnum):
    """The party that ended a conversation."""

    CALLER = "caller"
    AGENT = "agent"
    SYSTEM = "system"
    UNKNOWN = "unknown"


class TransferKind(StrEnum):
    """Kind of transfer by an agent."""

    BLIND = "blind"
    ATTENDED = "attended"
    UNKNOWN = "unknown"


class AgentChange(StrEnum):
    """A change of an agent's state."""

    LOGGED_IN = "logged_in"
    LOGGED_OUT = "logged_out"
    PAUSED = "paused"
    UNPAUSED = "unpaused"
    CONTACT_STARTED = "contact_started"
    CONTACT_ENDED = "contact_ended"
    RING_UNANSWERED = "ring_unanswered"
    """A call rang at the agent and was not answered."""


class CallEvent(Envelope):
    """Channel `call`."""

    channel: Literal[Channel.CALL] = Channel.CALL


class CallArrivedData(EventPart):
    """Data of `call.arrived`."""

    line: Label = ""
    """Configured name of the dialled line; never the number."""


class CallArrived(CallEvent):
    """A call reached the switchboard, before any queue."""

    type: Literal["call.arrived"] = "call.arrived"
    data: CallArrivedData = CallArrivedData()


class InQueue(EventPart):
    """The queue stay that a call event belongs to.

    The queue stays of a call are numbered from 1. Entries that a queue refused have numbers of their own.
    """

    queue: Label
    visit: Ordinal = 1
    """Number of the queue stay."""


class CallQueuedData(InQueue):
    """Data of `call.queued`."""

    position: Count | None = None


class CallQueued(CallEvent):
    """A call entered a queue."""

    type: Literal["call.queued"] = "call.queued"
    data: CallQueuedData


class CallAnsweredData(InQueue):
    """Data of `call.answered`."""

    agent: AgentName = ""
    wait_seconds: Seconds | None = None
    ring_seconds: Seconds | None = None


class CallAnswered(CallEvent):
    """An agent answered a waiting call."""

    type: Literal["call.answered"] = "call.answered"
    data: CallAnsweredData


class CallAbandonedData(InQueue):
    """Data of `call.abandoned`."""

    wait_seconds: Seconds | None = None
    position: Count | None = None
    original_position: Count | None = None


class CallAbandoned(CallEvent):
    """A caller hung up while waiting in a queue."""

    type: Literal["call.abandoned"] = "call.abandoned"
    data: CallAbandonedData


class CallLeftQueueData(InQueue):
    """Data of `call.left_queue`."""

    reason: LeaveReason
    wait_seconds: Seconds | None = None


class CallLeftQueue(CallEvent):
    """A call left a queue neither answered nor abandoned."""

    type: Literal["call.left_queue"] = "call.left_queue"
    data: CallLeftQueueData


class CallTransferredData(InQueue):
    """Data of `call.transferred`. The transfer ends the agent's part of the call."""

    kind: TransferKind
    to_queue: Label = ""
    """Target queue, if the configuration maps the dialled extension to one."""
    wait_seconds: Seconds | None = None
    handle_seconds: Seconds | None = None


class CallTransferred(CallEvent):
    """An agent transferred an answered call."""

    type: Literal["call.transferred"] = "call.transferred"
    data: CallTransferredData


class CallEndedData(InQueue):
    """Data of `call.ended`."""

    ended_by: EndedBy
    wait_seconds: Seconds | None = None
    handle_seconds: Seconds | None = None


class CallEnded(CallEvent):
    """An answered call ended."""

    type: Literal["call.ended"] = "call.ended"
    data: CallEndedData


class CallMenuChosenData(EventPart):
    """Data of `call.menu_chosen`."""

    option: Label = ""
    """Configured name of the choice; empty if it has none."""


class CallMenuChosen(CallEvent):
    """A caller made a choice in a voice menu."""

    type: Literal["call.menu_chosen"] = "call.menu_chosen"
    data: CallMenuChosenData = CallMenuChosenData()


class CallVoicemailLeftData(EventPart):
    """Data of `call.voicemail_left`. The recording stays in the telephone system."""

    duration_seconds: Seconds | None = None
    queue: Label = ""
    """The queue whose mailbox has the message. If empty, the last queue of the call counts."""


class CallVoicemailLeft(CallEvent):
    """A caller left a voice message."""

    type: Literal["call.voicemail_left"] = "call.voicemail_left"
    data: CallVoicemailLeftData = CallVoicemailLeftData()


class CallVoicemailHeard(CallEvent):
    """An agent listened to a voice message."""

    type: Literal["call.voicemail_heard"] = "call.voicemail_heard"
    data: NoData = NoData()


class CallCallbackRequestedData(EventPart):
    """Data of `call.callback_requested`."""

    queue: Label = ""
    """The queue that must call back. If empty, the last queue of the call counts."""


class CallCallbackRequested(CallEvent):
    """A citizen asked to be called back."""

    type: Literal["call.callback_requested"] = "call.callback_requested"
    data: CallCallbackRequestedData = CallCallbackRequestedData()


class CallCalledBack(CallEvent):
    """An agent called the citizen back, after a request or a voice message."""

    type: Literal["call.called_back"] = "call.called_back"
    data: NoData = NoData()


class AgentStateChangedData(EventPart):
    """Data of `agent.state_changed`. The event's subject is the agent."""

    change: AgentChange
    queue: Label = ""
    """The queue that the change concerns; empty for all queues."""


class AgentStateChanged(CallEvent):
    """An agent logged in or out, paused, or took or ended a contact."""

    type: Literal["agent.state_changed"] = "agent.state_changed"
    data: AgentStateChangedData


# -------------------------------------------------------------------------------------------------------------- letters
class LetterEvent(Envelope):
    """Channel `mail`."""

    channel: Literal[Channel.MAIL] = Channel.MAIL


class LetterArrivedData(EventPart):
    """Data of `letter.arrived`, read from the envelope and the scan."""

    pages: Count | None = None
    admitted_at: AwareDatetime | None = None
    """When the public body received the letter, if it was scanned later. Legal delays start here."""


class LetterArrived(LetterEvent):
    """A letter was scanned in the mailroom."""

    type: Literal["letter.arrived"] = "letter.arrived"
    data: LetterArrivedData = LetterArrivedData()


class LetterRegisteredData(EventPart):
    """Data of `letter.registered`."""

    chrono: Reference
    """Number of the letter in the mail register."""


class LetterRegistered(LetterEvent):
    """A letter got its chrono number."""

    type: Literal["letter.registered"] = "letter.registered"
    data: LetterRegisteredData


class LetterAssigned(LetterEvent):
    """A letter was assigned to the service named in the envelope's `service`."""

    type: Literal["letter.assigned"] = "letter.assigned"
    data: NoData = NoData()


class LetterAcknowledged(LetterEvent):
    """An acknowledgement of receipt was sent to the citizen."""

    type: Literal["letter.acknowledged"] = "letter.acknowledged"
    data: NoData = NoData()


class LetterAnswered(LetterEvent):
    """An answer to a letter was sent."""

    type: Literal["letter.answered"] = "letter.answered"
    data: NoData = NoData()


class CloseOutcome(StrEnum):
    """Outcome of a closed case."""

    RESOLVED = "resolved"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    REDIRECTED = "redirected"
    NO_ACTION = "no_action"


class LetterClosedData(EventPart):
    """Data of `letter.closed`."""

    outcome: CloseOutcome = CloseOutcome.RESOLVED


class LetterClosed(LetterEvent):
    """A letter's case was closed: no further work is expected."""

    type: Literal["letter.closed"] = "letter.closed"
    data: LetterClosedData = LetterClosedData()


class PostageClass(StrEnum):
    """Postage class of an outgoing letter, as La Poste names them."""

    GREEN = "lettre_verte"
    SERVICES_PLUS = "lettre_services_plus"
    REGISTERED = "lettre_recommandee"
    REGISTERED_RECEIPT = "lettre_recommandee_avec_avis"
    ECONOMY = "economique"
    ONLINE = "lettre_en_ligne"


class LetterSentData(EventPart):
    """Data of `letter.sent`."""

    postage: PostageClass
    cost_cents: Count
    """Postage in euro cents."""


class LetterSent(LetterEvent):
    """The organisation posted a letter."""

    type: Literal["letter.sent"] = "letter.sent"
    data: LetterSentData


class PostDirection(StrEnum):
    """Direction of counted post."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"


class PostClass(StrEnum):
    """Class of counted post: the postage classes of La Poste, and others that mailrooms count."""

    GREEN = "lettre_verte"
    SERVICES_PLUS = "lettre_services_plus"
    REGISTERED = "lettre_recommandee"
    REGISTERED_RECEIPT = "lettre_recommandee_avec_avis"
    ECONOMY = "economique"
    ONLINE = "lettre_en_ligne"
    ORDINARY = "courrier_ordinaire"
    PARCEL = "colis"
    PRESS = "presse"
    OTHER = "autre"


class PostCountedData(EventPart):
    """Data of `post.counted`."""

    post_class: PostClass
    direction: PostDirection = PostDirection.OUTGOING
    items: Count
    """Number of items."""
    cost_cents: Annotated[int, Field(ge=0, le=100_000_000)] = 0
    """Total postage in euro cents."""


class PostCounted(LetterEvent):
    """Items of post were counted in total, by a franking machine or a mailroom. They are no contacts of known citizens.

    Each total has its own subject (the `id` of a mapping), for example its day, service and class. Letters known
    one by one have `letter.*` events instead.
    """

    type: Literal["post.counted"] = "post.counted"
    data: PostCountedData


# --------------------------------------------------------------------------------------------------------------- e-mail
class EmailEvent(Envelope):
    """Channel `email`."""

    channel: Literal[Channel.EMAIL] = Channel.EMAIL


class EmailReceivedData(EventPart):
    """Data of `email.received`."""

    queue: Label = ""


class EmailReceived(EmailEvent):
    """An e-mail was received."""

    type: Literal["email.received"] = "email.received"
    data: EmailReceivedData = EmailReceivedData()


class EmailAcknowledged(EmailEvent):
    """An acknowledgement was sent, automatically or by an agent."""

    type: Literal["email.acknowledged"] = "email.acknowledged"
    data: NoData = NoData()


class EmailAnswered(EmailEvent):
    """An agent's answer was sent."""

    type: Literal["email.answered"] = "email.answered"
    data: NoData = NoData()


# ---------------------------------------------------------------------------------------------------------------- forms
class FormEvent(Envelope):
    """Channel `form`."""

    channel: Literal[Channel.FORM] = Channel.FORM


class FormSubmittedData(EventPart):
    """Data of `form.submitted`."""

    procedure: Label


class FormSubmitted(FormEvent):
    """A citizen submitted an online form."""

    type: Literal["form.submitted"] = "form.submitted"
    data: FormSubmittedData


class FormTakenUp(FormEvent):
    """An agent began to process a form."""

    type: Literal["form.taken_up"] = "form.taken_up"
    data: NoData = NoData()


class FormCorrectionRequested(FormEvent):
    """The citizen was asked for a correction or a document. The form now waits for the citizen."""

    type: Literal["form.correction_requested"] = "form.correction_requested"
    data: NoData = NoData()


class FormCorrected(FormEvent):
    """The citizen sent the correction."""

    type: Literal["form.corrected"] = "form.corrected"
    data: NoData = NoData()


class FormDecision(StrEnum):
    """Outcome of a form."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NO_ACTION = "no_action"


class FormDecidedData(EventPart):
    """Data of `form.decided`."""

    decision: FormDecision


class FormDecided(FormEvent):
    """The service decided on a form."""

    type: Literal["form.decided"] = "form.decided"
    data: FormDecidedData


# --------------------------------------------------------------------------------------------------------- appointments
class Party(StrEnum):
    """The party that booked, moved or cancelled an appointment."""

    CITIZEN = "citizen"
    SERVICE = "service"


class AppointmentEvent(Envelope):
    """Channel `appointment`."""

    channel: Literal[Channel.APPOINTMENT] = Channel.APPOINTMENT


class AppointmentSlotData(EventPart):
    """Data of `appointment.booked` and `appointment.moved`."""

    starts_at: AwareDatetime
    """In the years 1970 to 2199."""
    by: Party = Party.CITIZEN
    queue: Label = ""
    """Configured name of the appointment's purpose."""

    @field_validator("starts_at")
    @classmethod
    def _check_year(cls, starts_at: datetime) -> datetime:
        if starts_at.year not in YEARS:
            raise ValueError("the year of an appointment must be 1970 to 2199")
        return starts_at


class AppointmentBooked(AppointmentEvent):
    """An appointment was booked."""

    type: Literal["appointment.booked"] = "appointment.booked"
    data: AppointmentSlotData


class AppointmentMoved(AppointmentEvent):
    """An appointment was moved to another time."""

    type: Literal["appointment.moved"] = "appointment.moved"
    data: AppointmentSlotData


class AppointmentCancelledData(EventPart):
    """Data of `appointment.cancelled`."""

    by: Party


class AppointmentCancelled(AppointmentEvent):
    """An appointment was cancelled."""

    type: Literal["appointment.cancelled"] = "appointment.cancelled"
    data: AppointmentCancelledData


class AppointmentCheckedIn(AppointmentEvent):
    """The citizen arrived for an appointment."""

    type: Literal["appointment.checked_in"] = "appointment.checked_in"
    data: NoData = NoData()


class AppointmentAttended(AppointmentEvent):
    """An appointment took place."""

    type: Literal["appointment.attended"] = "appointment.attended"
    data: NoData = NoData()


class AppointmentMissed(AppointmentEvent):
    """The citizen did not come to an appointment."""

    type: Literal["appointment.missed"] = "appointment.missed"
    data: NoData = NoData()


# --------------------------------------------------------------------------------------------------------------- visits
class VisitEvent(Envelope):
    """Channel `visit`."""

    channel: Literal[Channel.VISIT] = Channel.VISIT


class VisitArrivedData(EventPart):
    """Data of `visit.arrived`."""

    queue: Label = ""


class VisitArrived(VisitEvent):
    """A visitor took a ticket at a front desk."""

    type: Literal["visit.arrived"] = "visit.arrived"
    data: VisitArrivedData = VisitArrivedData()


class VisitCalled(VisitEvent):
    """A visitor was called to a desk."""

    type: Literal["visit.called"] = "visit.called"
    data: NoData = NoData()


class VisitServed(VisitEvent):
    """A visitor was served."""

    type: Literal["visit.served"] = "visit.served"
    data: NoData = NoData()


class VisitLeft(VisitEvent):
    """A visitor left without being served."""

    type: Literal["visit.left"] = "visit.left"
    data: NoData = NoData()


# ------------------------------------------------------------------------------------------------------------- feedback
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


# --------------------------------------------------------------------------------------------------------------- reason
class ContactReasonSetData(EventPart):
    """Data of `contact.reason_set`."""

    contact_reason: Annotated[Label, StringConstraints(min_length=1)]
    """Name of the reason in the settings (`contact_reasons`)."""


class ContactReasonSet(Envelope):
    """The reason for a contact was set: by a menu choice, a form, a rule or an agent. The latest reason counts."""

    channel: Channel
    type: Literal["contact.reason_set"] = "contact.reason_set"
    data: ContactReasonSetData


# -------------------------------------------------------------------------------------------------------------- erasure
class PersonalDataErased(Envelope):
    """The source erased the personal data of a contact, or was asked to. `channel` is the contact's channel."""

    channel: Channel
    type: Literal["personal_data.erased"] = "personal_data.erased"
    data: NoData = NoData()


# ----------------------------------------------------------------------------------------------------------- retraction
class ContactRetracted(Envelope):
    """The source corrected or deleted the record of a contact. The contact counts nowhere; a corrected one has a new id."""

    channel: Channel
    type: Literal["contact.retracted"] = "contact.retracted"
    data: NoData = NoData()


CallEvents = (
    CallArrived
    | CallMenuChosen
    | CallQueued
    | CallAnswered
    | CallAbandoned
    | CallLeftQueue
    | CallTransferred
    | CallEnded
    | CallVoicemailLeft
    | CallVoicemailHeard
    | CallCallbackRequested
    | CallCalledBack
    | AgentStateChanged
)
LetterEvents = (
    LetterArrived
    | LetterRegistered
    | LetterAssigned
    | LetterAcknowledged
    | LetterAnswered
    | LetterClosed
    | LetterSent
    | PostCounted
)
EmailEvents = EmailReceived | EmailAcknowledged | EmailAnswered
FormEvents = FormSubmitted | FormTakenUp | FormCorrectionRequested | FormCorrected | FormDecided
AppointmentEvents = (
    AppointmentBooked
    | AppointmentMoved
    | AppointmentCancelled
    | AppointmentCheckedIn
    | AppointmentAttended
    | AppointmentMissed
)
VisitEvents = VisitArrived | VisitCalled | VisitServed | VisitLeft
FeedbackEvents = FeedbackInvited | FeedbackGiven

Event = Annotated[
    CallEvents
    | LetterEvents
    | EmailEvents
    | FormEvents
    | AppointmentEvents
    | VisitEvents
    | FeedbackEvents
    | ContactReasonSet
    | PersonalDataErased
    | ContactRetracted,
    Field(discriminator="type"),
]
"""Any event. Within a channel the types are in their usual order of occurrence. Decode with `models.codec.decode`."""
